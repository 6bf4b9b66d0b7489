"""Questions about periodic work."""

from datetime import datetime

from django.db.models import QuerySet

from shared_apps.periodic.models import Run
from shared_apps.periodic.rules import RunState


def list_runs() -> QuerySet[Run]:
    """Return every run that is kept, latest turn first."""
    return Run.objects.order_by("-begins_at", "name", "site")


def narrow_to_state(runs: QuerySet[Run], state: str, *, at: datetime) -> QuerySet[Run]:
    """Return those of ``runs`` of which ``rules.state_of`` says that state."""
    if state == RunState.LOST:
        return runs.filter(state=RunState.SENT, expires_at__lt=at)
    if state == RunState.SENT:
        return runs.filter(state=RunState.SENT, expires_at__gte=at)
    return runs.filter(state=state)


def list_last_runs() -> QuerySet[Run]:
    """Return the last run of each kind of work that any site finished, by name."""
    return Run.objects.filter(finished_at__isnull=False).order_by("name", "-begins_at", "-finished_at").distinct("name")


def count_failures(*, since: datetime) -> int:
    """Return how many runs have failed since then."""
    return Run.objects.filter(state=RunState.FAILED, begins_at__gte=since).count()
