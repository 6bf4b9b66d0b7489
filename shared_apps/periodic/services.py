"""Sending a turn to every site, and writing down what came of it. Stand on the public site."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Protocol

from django.db import transaction
from django.db.models import Q

from shared_apps.outbox.services import take_slot, turn_of
from shared_apps.periodic.models import Run
from shared_apps.periodic.rules import KEPT_FOR, QUIET_KEPT_FOR, RunState
from tenants.models import CampusState
from tenants.registry import list_campuses

PUBLIC = "PUBLIC"


class Sendable(Protocol):
    """A task, as far as sending it goes."""

    def apply_async(self, *, headers: dict[str, Any], expires: float) -> Any: ...


def list_served() -> list[str]:
    """Return the codes of the campuses that are served."""
    return [campus.code for campus in list_campuses() if campus.state == CampusState.READY]


def send_turn(task: Sendable, *, name: str, every: timedelta, at: datetime, sites: Iterable[str] | None = None) -> int:
    """Send ``task`` to ``sites`` (default: every campus that is served) once a turn; return to how many.

    What gets lost is done in the next turn. Each is written down as sent, and by the worker that ran it as done or
    failed (``config.celery.CampusTask``), by the headers ``turn`` and ``turn_of``.
    """
    if sites is None:
        sites = list_served()
    with transaction.atomic():
        if not take_slot(name=name, every=every, at=at):
            return 0
        begins_at = turn_of(every=every, at=at)
        runs = [
            Run(name=name, begins_at=begins_at, site=site.upper(), sent_at=at, expires_at=at + every) for site in sites
        ]
        Run.objects.bulk_create(runs, ignore_conflicts=True)
    for run in runs:
        headers = {
            "campus": "public" if run.site == PUBLIC else run.site, "turn": begins_at.isoformat(), "turn_of": name,
        }  # fmt: skip
        task.apply_async(headers=headers, expires=every.total_seconds())
    return len(runs)


def record_own_run(*, name: str, every: timedelta, at: datetime, count: int | None = None) -> None:
    """Write down a turn that the public site itself has just done, in the transaction of its effect."""
    Run.objects.create(
        name=name, begins_at=turn_of(every=every, at=at), site=PUBLIC, state=RunState.DONE,
        sent_at=at, expires_at=at + every, started_at=at, finished_at=at, count=count,
    )  # fmt: skip


def record_result(
    *,
    name: str,
    begins_at: datetime,
    site: str,
    state: RunState,
    started_at: datetime,
    finished_at: datetime,
    count: int | None = None,
    error: str = "",
) -> None:
    """Write down what came of a run. One that was delivered twice keeps the last word; done is not undone."""
    runs = Run.objects.filter(name=name, begins_at=begins_at, site=site.upper()).exclude(state=RunState.DONE)
    runs.update(state=state, started_at=started_at, finished_at=finished_at, count=count, error=error[:500])


def forget_old_runs(*, at: datetime) -> int:
    """Delete runs of a week ago, and of two hours ago those that had nothing to do; return how many."""
    quiet = Q(state=RunState.DONE, begins_at__lt=at - QUIET_KEPT_FOR) & (Q(count=0) | Q(count__isnull=True))
    deleted, _ = Run.objects.filter(quiet | Q(begins_at__lt=at - KEPT_FOR)).delete()
    return deleted
