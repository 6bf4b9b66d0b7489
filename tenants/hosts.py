"""From a request to the host name it asks for."""

from django.http import HttpRequest
from django.http.request import split_domain_port


def normalise_host(request: HttpRequest) -> str | None:
    """Return the request's host in lower case without port and trailing dot; None where it is none.

    Only the ``Host`` header counts: ``X-Forwarded-Host`` would let a client choose the campus.
    """
    raw = request.META.get("HTTP_HOST") or request.META.get("SERVER_NAME", "")
    host, _ = split_domain_port(raw)
    return host or None
