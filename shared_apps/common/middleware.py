"""What wraps every request: its id and its log line."""

import logging
import re
import time
from collections.abc import Callable

import structlog
from django.db import connection
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from shared_apps.common.ids import uuid7

logger = logging.getLogger("eas.request")
_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{8,64}\Z")


class RequestLogMiddleware:
    """Give each request an id (the client's own, if it is plain) and write one line about it when it is answered.

    The line has route, status, duration in milliseconds and number of SQL statements; no path, query string, body or
    name, since all of those may carry a person's data.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        sent = request.headers.get("X-Request-ID", "")
        request_id = sent if _REQUEST_ID.match(sent) else str(uuid7())
        request.request_id = request_id  # type: ignore[attr-defined]
        started = time.perf_counter()
        statements = getattr(connection, "statements", 0)
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            response = self.get_response(request)
            match = request.resolver_match
            campus = getattr(request, "campus", None)
            user = getattr(request, "actor", None)
            fields = {
                "campus": campus.code if campus else "public" if hasattr(request, "campus") else "none",
                "route": match.route if match else None,
                "method": request.method if request.method in _METHODS else "other",
                "status": response.status_code,
                "duration_ms": round((time.perf_counter() - started) * 1000, 1),
                "queries": getattr(connection, "statements", 0) - statements,
                "actor": str(user.pk) if user else None,
                "role": user.audit_role if user else None,
            }
            logger.info("request", extra=fields)
        response["X-Request-ID"] = request_id
        return response


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
