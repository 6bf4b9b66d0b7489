"""Where a request came from."""

from django.conf import settings
from django.http import HttpRequest


def client_address(request: HttpRequest) -> str:
    """Return the client's address: the entry that the outermost trusted proxy appended, else the peer's.

    What a client writes into X-Forwarded-For itself stands further left and is never read.
    """
    hops = [hop.strip() for hop in request.headers.get("X-Forwarded-For", "").split(",") if hop.strip()]
    if settings.PROXY_COUNT and len(hops) >= settings.PROXY_COUNT:
        return hops[-settings.PROXY_COUNT][:64]
    return str(request.META.get("REMOTE_ADDR", ""))[:64]
