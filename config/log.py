"""Logs: one JSON object a line outside development, with request id and campus on each, never a person's data."""

import logging
from typing import Any

import structlog

EXTRA_FIELDS = (
    "route",
    "method",
    "status",
    "duration_ms",
    "queries",
    "actor",
    "role",
    "step",
    "task",
    "count",
    "outcome",
)


# Without the values of local variables: passwords and people are among them.
_TRACEBACKS = structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False))


class CampusFilter(logging.Filter):
    """Put the campus and the request id on every record: a code, ``public``, or ``none`` for neither."""

    def filter(self, record: logging.LogRecord) -> bool:
        from django.db import connection  # noqa: PLC0415 -- logging is configured before Django is

        standing = getattr(connection, "standing", None)
        place = "none" if standing is None else standing.campus.code if standing.campus else "public"
        # The request's line is written after its campus was left: it says itself where it was.
        record.campus = getattr(record, "campus", place)
        record.request_id = getattr(record, "request_id", structlog.contextvars.get_contextvars().get("request_id"))
        return True


class UnhandledOnly(logging.Filter):
    """Of what Django says about answers keep the tracebacks of bugs.

    The rest repeats the request's own line, later, without its id and with the raw path.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = "unhandled_error", ()
        return getattr(record, "status_code", 500) == 500


def _fields(_: Any, __: str, event: dict[str, Any]) -> dict[str, Any]:
    record: logging.LogRecord = event["_record"]
    event["campus"] = getattr(record, "campus", "none")
    event["request_id"] = getattr(record, "request_id", None)
    event.update({name: record.__dict__[name] for name in EXTRA_FIELDS if name in record.__dict__})
    return event


def lines_formatter(*, json_lines: bool = True) -> logging.Formatter:
    """Return what turns a record into one line. ``granian-log.json`` names it too, for lines before Django is there."""
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _fields,
    ]
    renderer: list[Any] = (
        [_TRACEBACKS, structlog.processors.JSONRenderer()]
        if json_lines
        else [structlog.dev.ConsoleRenderer(colors=False)]
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer]
    )


def logging_config(*, json_lines: bool, level: str) -> dict[str, Any]:
    """Return Django's LOGGING: everything to stderr, one line a record."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"campus": {"()": CampusFilter}, "unhandled": {"()": UnhandledOnly}},
        "formatters": {"lines": {"()": lines_formatter, "json_lines": json_lines}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "lines", "filters": ["campus"]}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "django": {"level": level},
            "django.request": {"level": "ERROR", "filters": ["unhandled"]},  # the request line has the status
            "django.security": {"level": "ERROR"},
            # A line for each of beat's ticks would bury the rest; what a task did, it says itself.
            "celery.worker.strategy": {"level": "WARNING"},
            "celery.app.trace": {"level": "WARNING"},
            "celery.beat": {"level": "WARNING"},
        },
    }
