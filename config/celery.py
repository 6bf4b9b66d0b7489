"""Celery: the broker carries hints, PostgreSQL the truth. Every task enters its campus before it runs."""

import logging.config
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from celery import Celery, Task
from celery.exceptions import Reject
from celery.signals import setup_logging

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")


class CampusTask(Task):
    """Runs in the campus named in the message's ``campus`` header, or on the public site for ``campus: public``.

    A message that names none, an unknown one, or one that is not ready is refused and logged, never run elsewhere.
    The campus is entered here and not in a signal: Celery logs and swallows what signal handlers raise.
    """

    abstract = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        from tenants.context import campus_context, public_context  # noqa: PLC0415 -- Django is set up by now
        from tenants.registry import find_campus  # noqa: PLC0415

        name = self._header("campus")
        if name == "public":
            with self._written_down("PUBLIC") as run, public_context():
                run.value = super().__call__(*args, **kwargs)
            return run.value
        campus = find_campus(str(name)) if name else None
        if campus is None or campus.state != "ready":
            logging.getLogger("eas.tasks").error("task_refused", extra={"task": self.name, "outcome": "no_campus"})
            with self._written_down(str(name)):
                raise Reject(f"{self.name}: no campus that is ready is named {name!r}", requeue=False)
        with self._written_down(campus.code) as run, campus_context(campus):
            run.value = super().__call__(*args, **kwargs)
        return run.value

    def _header(self, name: str) -> Any:
        return (self.request.headers or {}).get(name) or getattr(self.request, name, None)

    @contextmanager
    def _written_down(self, site: str) -> "Iterator[_Result]":
        """Write down what comes of the block, where the message is a turn of something periodic (``send_turn``)."""
        from shared_apps.common.clock import now  # noqa: PLC0415 -- Django is set up by now
        from shared_apps.periodic.rules import RunState  # noqa: PLC0415

        result, started_at = _Result(), now()
        state, error = RunState.DONE, ""
        try:
            yield result
        except Reject:
            state, error = RunState.REFUSED, "The campus was not ready."
            raise
        except Exception as problem:
            # Its kind only: the text may quote a row of the campus, and the public site reads this.
            state, error = RunState.FAILED, type(problem).__name__
            raise
        finally:
            if turn := self._header("turn"):
                self._write_down(turn, site, result, started_at=started_at, state=state, error=error)

    def _write_down(self, turn: str, site: str, result: "_Result", **facts: Any) -> None:
        from django.db import DatabaseError  # noqa: PLC0415 -- Django is set up by now

        from shared_apps.common.clock import now  # noqa: PLC0415
        from shared_apps.periodic.services import record_result  # noqa: PLC0415
        from tenants.context import public_context  # noqa: PLC0415

        try:
            with public_context():
                record_result(
                    name=str(self._header("turn_of")),
                    begins_at=datetime.fromisoformat(turn),
                    site=site,
                    finished_at=now(),
                    count=result.value if isinstance(result.value, int) else None,
                    **facts,
                )
        except DatabaseError:  # the work itself is done or not, whatever is known of it
            logging.getLogger("eas.tasks").exception("run_not_written_down")


@dataclass
class _Result:
    """What a task returned; of periodic work how much it did."""

    value: Any = None


app = Celery("eas", task_cls=CampusTask)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(related_name="tasks")


@setup_logging.connect
def _use_django_logging(**kwargs: Any) -> None:
    """Keep Celery from installing its own log format beside Django's."""
    from django.conf import settings  # noqa: PLC0415

    logging.config.dictConfig(settings.LOGGING)
