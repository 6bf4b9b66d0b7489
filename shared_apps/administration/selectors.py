"""The university at a glance: from public tables and the registry alone. No campus's schema is opened."""

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection

from shared_apps.outbox.selectors import MessageState, count_messages
from shared_apps.periodic.models import Run
from shared_apps.periodic.rules import STUCK_MESSAGES
from shared_apps.periodic.selectors import count_failures, list_last_runs
from tenants.models import Campus, CampusState
from tenants.versions import code_version

LOOKS_BACK: Final = timedelta(hours=24)

# What a campus last sealed and last finished. Seals are witnessed in public within half a minute of a record.
_CAMPUSES = """
    SELECT c.id,
           (SELECT max(h.sealed_at) FROM federation_sealhead h WHERE h.campus = c.code),
           (SELECT r.count FROM periodic_run r
             WHERE r.name = %(stuck)s AND r.site = c.code AND r.state = 'done'
             ORDER BY r.begins_at DESC LIMIT 1),
           (SELECT t.figures FROM federation_rollup t
             WHERE t.campus = c.code AND t.kind = 'year' AND t.department = '')::text
      FROM tenants_campus c
"""


@dataclass(frozen=True, slots=True)
class CampusView:
    """One campus as the university sees it. ``figures`` are those of its last twelve months, as it tells them itself
    (docs/explanation/reports.md); empty where it has told none, or too few people came.
    """

    campus: Campus
    last_activity: datetime | None
    stuck_messages: int
    figures: dict[str, Any]

    @property
    def is_behind(self) -> bool:
        """Whether it waits for migrations."""
        return self.campus.state in {CampusState.READY, CampusState.SUSPENDED} and (
            self.campus.schema_version < code_version()
        )


@dataclass(frozen=True, slots=True)
class University:
    """What the first page says."""

    campuses: list[CampusView]
    failed_runs: int
    waiting_messages: int
    given_up_messages: int
    last_runs: list[Run]
    states: dict[str, int] = field(default_factory=dict)

    def total(self, figure: str) -> int:
        """Return the sum of a figure over all campuses."""
        return sum(view.figures.get(figure) or 0 for view in self.campuses)

    @property
    def stuck_messages(self) -> int:
        """How many messages campuses have given up."""
        return sum(view.stuck_messages for view in self.campuses)

    @property
    def troubled(self) -> list[CampusView]:
        """Campuses that somebody should look at."""
        return [
            view for view in self.campuses if view.is_behind or view.campus.provisioning_error or view.stuck_messages
        ]


def view_campuses() -> list[CampusView]:
    """Return every campus by code with what public tables know of it. Two statements, however many there are."""
    with connection.cursor() as cursor:
        cursor.execute(_CAMPUSES, {"stuck": STUCK_MESSAGES})
        facts = {row[0]: row[1:] for row in cursor.fetchall()}
    views = []
    for campus in Campus.objects.order_by("code"):
        last_activity, stuck, figures = facts.get(campus.pk, (None, None, None))
        views.append(CampusView(campus, last_activity, stuck or 0, json.loads(figures or "{}")))
    return views


def view_university(*, at: datetime) -> University:
    """Return the first page's facts; a number of statements that does not grow with campuses."""
    campuses = view_campuses()
    messages = count_messages()
    states = {state.value: sum(view.campus.state == state for view in campuses) for state in CampusState}
    return University(
        campuses=campuses,
        failed_runs=count_failures(since=at - LOOKS_BACK),
        waiting_messages=messages[MessageState.WAITING],
        given_up_messages=messages[MessageState.GIVEN_UP],
        last_runs=list(list_last_runs()),
        states=states,
    )
