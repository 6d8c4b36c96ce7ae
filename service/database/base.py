"""A process's connections: some are kept for withdrawing and for signing in to do it (law 14)."""

import threading
from typing import Any, Final

from django.db.backends.postgresql import base
from psycopg_pool import PoolTimeout

from service import reserve

OTHERS: Final = threading.BoundedSemaphore(reserve.CONNECTIONS - reserve.RESERVED_CONNECTIONS)
WAIT_SECONDS: Final = 5.0


class DatabaseWrapper(base.DatabaseWrapper):
    """All others together hold at most what is not reserved, so a withdrawal always finds a connection."""

    _counted = False

    def get_new_connection(self, conn_params: Any) -> Any:
        """Raises PoolTimeout when no connection is free in time."""
        if reserve.entered() or not self.pool:
            return super().get_new_connection(conn_params)
        if not OTHERS.acquire(timeout=WAIT_SECONDS):
            raise PoolTimeout(f"all connections that are not reserved were busy for {WAIT_SECONDS:.0f} s")
        self._counted = True
        taken = None
        try:
            taken = super().get_new_connection(conn_params)
        finally:
            if taken is None:
                self._leave()
        return taken

    def _close(self) -> None:
        try:
            super()._close()  # type: ignore[misc] # Django's stubs leave it out
        finally:
            self._leave()

    def _leave(self) -> None:
        if self._counted:
            self._counted = False
            OTHERS.release()
