"""The one place where an error becomes a status and a body."""

import logging
from typing import Any, cast

from django.db import DataError, OperationalError
from drf_standardized_errors.handler import exception_handler as standardized
from rest_framework.exceptions import APIException, ErrorDetail, Throttled, ValidationError
from rest_framework.response import Response

from shared_apps.common.errors import DomainError, Several, TooManyRequests, Unavailable

logger = logging.getLogger("eas.error")


def handle_exception(error: Exception, context: dict[str, Any]) -> Response | None:
    """Answer ``{type, errors: [{code, detail, attr}]}`` for whatever was raised."""
    if isinstance(error, OperationalError):
        logger.error("database_unavailable", exc_info=error)
        error = Unavailable()
    elif isinstance(error, DataError):
        # What a serializer let through and PostgreSQL refused; the client's value all the same.
        # Its message quotes the value, so only its kind is logged.
        logger.warning("value_refused_by_database", extra={"outcome": type(error.__cause__ or error).__name__})
        error = ValidationError("A value is outside what can be stored.", code="invalid")
    domain_error = error if isinstance(error, DomainError) else None
    if domain_error is not None:
        error = _as_api_exception(domain_error)
    response = standardized(error, cast(Any, context))
    if response is not None and domain_error is not None and domain_error.retry_after is not None:
        response["Retry-After"] = str(domain_error.retry_after)
    return response


def _as_api_exception(error: DomainError) -> APIException:
    if isinstance(error, TooManyRequests):
        return Throttled(wait=error.wait, detail=error.message, code=error.code)
    if isinstance(error, Several):
        return ValidationError({one.attr or "": [ErrorDetail(one.message, code=one.code)] for one in error.errors})
    detail = ErrorDetail(error.message, code=error.code)
    if error.status == 400 and error.attr:
        return ValidationError({error.attr: [detail]})
    exception = APIException()
    exception.detail = {error.attr: [detail]} if error.attr else detail
    exception.status_code = error.status
    return exception
