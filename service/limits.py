"""How often somebody without an account may ask. Counted in PostgreSQL (law 9)."""

import hashlib
from typing import Final

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest
from django.utils import timezone

from service.problems import Problem

AN_HOUR: Final = 3600
ALLOWED: Final = 20  # requests in an hour, by address and by contact


def require_rate(request: HttpRequest, *, contact: str) -> None:
    """Counts this one. Raises Problem once either has asked too often in this hour."""
    hour, passed = divmod(int(timezone.now().timestamp()), AN_HOUR)
    for who in (f"address {_address(request)}", f"contact {contact}"):
        name = hashlib.sha256(f"requests {hour} {who}".encode()).hexdigest()
        cache.add(name, 0, timeout=2 * AN_HOUR)
        if cache.incr(name) > ALLOWED:
            wait = AN_HOUR - passed
            raise Problem("rate-limited", "Try again in an hour.", headers={"Retry-After": str(wait)})


def _address(request: HttpRequest) -> str:
    """Behind a proxy that we trust, the last address it names is the one that it saw."""
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "") if settings.SECURE_PROXY_SSL_HEADER else ""
    return forwarded.rpartition(",")[2].strip() or f"{request.META.get('REMOTE_ADDR', '')}"
