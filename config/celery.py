"""Celery: the broker carries hints, PostgreSQL the truth. Every task enters its campus before it runs."""

import logging.config
import os
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

        name = (self.request.headers or {}).get("campus") or getattr(self.request, "campus", None)
        if name == "public":
            with public_context():
                return super().__call__(*args, **kwargs)
        campus = find_campus(str(name)) if name else None
        if campus is None or campus.state != "ready":
            logging.getLogger("eas.tasks").error("task_refused", extra={"task": self.name, "outcome": "no_campus"})
            raise Reject(f"{self.name}: no campus that is ready is named {name!r}", requeue=False)
        with campus_context(campus):
            return super().__call__(*args, **kwargs)


app = Celery("eas", task_cls=CampusTask)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(related_name="tasks")


@setup_logging.connect
def _use_django_logging(**kwargs: Any) -> None:
    """Keep Celery from installing its own log format beside Django's."""
    from django.conf import settings  # noqa: PLC0415

    logging.config.dictConfig(settings.LOGGING)
