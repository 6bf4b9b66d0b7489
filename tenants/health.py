"""Probes. Answered before any routing, because a balancer calls by IP, and without details, because anyone may."""

from collections.abc import Callable
from typing import Final

from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from tenants.context import public_context

_LIVE: Final = frozenset({"/health/live", "/api/v1/health/live"})
_READY: Final = frozenset({"/health/ready", "/api/v1/health/ready"})


class HealthMiddleware:
    """``health/live``: this process answers. ``health/ready``: it also reaches its database."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        path = request.path_info.rstrip("/")
        if path in _LIVE:
            return _answer(200)
        if path in _READY:
            return _answer(200 if _is_database_there() else 503)
        return self.get_response(request)


def _is_database_there() -> bool:
    try:
        with public_context(), connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return False
    return True


def _answer(status: int) -> HttpResponse:
    body = '{"status": "ok"}' if status == 200 else '{"status": "unavailable"}'
    return HttpResponse(body, status=status, content_type="application/json", headers={"Cache-Control": "no-store"})
