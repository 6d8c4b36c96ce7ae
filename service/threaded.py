"""gunicorn's worker with threads, and with limits on how long a client may take to ask."""

from typing import Any

from gunicorn.workers.gthread import TConn, ThreadWorker  # type: ignore[import-untyped] # it has no types

from service import deadlines


class Worker(ThreadWorker):  # type: ignore[misc] # gunicorn has no types
    """Each client has HEADER_SECONDS for its headers; `service.wsgi` sets the limit of the body."""

    def handle(self, conn: TConn) -> Any:
        deadlines.begin(conn.sock, deadlines.HEADER_SECONDS)
        try:
            return super().handle(conn)
        finally:
            deadlines.end(conn.sock)

    def handle_request(self, req: Any, conn: TConn) -> Any:
        deadlines.end(conn.sock)
        return super().handle_request(req, conn)

    def murder_keepalived(self, force: bool = False) -> None:  # noqa: FBT001, FBT002 - gunicorn's signature
        """gunicorn calls it every second."""
        super().murder_keepalived(force)
        deadlines.stop_late()
