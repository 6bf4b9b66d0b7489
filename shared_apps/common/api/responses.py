"""The one error shape, for code that answers outside a view (middleware, 404 and 500 handlers)."""

import json

from django.http import HttpResponse

from shared_apps.common.errors import DomainError


def error_body(code: str, detail: str, attr: str | None, *, status: int) -> dict[str, object]:
    """Return ``{type, errors: [{code, detail, attr}]}`` as drf-standardized-errors shapes it."""
    kind = "server_error" if status >= 500 else "client_error"
    return {"type": kind, "errors": [{"code": code, "detail": detail, "attr": attr}]}


def error_response(error: DomainError) -> HttpResponse:
    """Return ``error`` as JSON with its status and, where it has one, ``Retry-After``."""
    response = HttpResponse(
        json.dumps(error_body(error.code, error.message, error.attr, status=error.status)),
        status=error.status,
        content_type="application/json",
    )
    response["Cache-Control"] = "no-store"
    if error.retry_after is not None:
        response["Retry-After"] = str(error.retry_after)
    return response
