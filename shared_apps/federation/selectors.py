"""Questions about what campuses share. On a campus, row-level security bounds every answer to its own rows."""

import json
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from shared_apps.accounts.models import User
from shared_apps.accounts.roles import STAFF_ROLES
from shared_apps.federation.errors import (
    FederatedEventNotFound,
    ReconciliationNotFound,
    TransferNotFound,
    UnknownCampus,
    VisitNotFound,
)
from shared_apps.federation.models import (
    FederatedEvent,
    FederatedRegistration,
    Invitation,
    Reconciliation,
    Transfer,
    Visit,
    VisitChange,
)
from shared_apps.federation.rules import FederatedKind, FederatedStatus, RegistrationState, RollUpKind, VisitStatus
from tenants.context import current_campus
from tenants.models import Campus, CampusState
from tenants.registry import find_campus
from tenants.registry_types import CampusEntry


def get_open_campus(code: str, *, attr: str, detail: str | None = None) -> CampusEntry:
    """Return the campus with that code, in any case, with which others may deal now.

    Raises: UnknownCampus (also for suspended and archived ones), naming the field ``attr``.
    """
    campus = find_campus(code)
    if campus is None or campus.state != CampusState.READY or campus.code != code.upper():
        raise UnknownCampus(detail, attr=attr)
    return campus


def group_invitations(event_ids: list[UUID]) -> dict[UUID, list[Invitation]]:
    """Return the invitations that this site may see, by event; one statement."""
    found: dict[UUID, list[Invitation]] = defaultdict(list)
    for invitation in list_invitations(event_ids):
        found[invitation.event_id].append(invitation)
    return found


def list_invited_events() -> QuerySet[FederatedEvent]:
    """Return the events of other campuses that this one is invited to, latest start first."""
    me = current_campus().code
    invited = Invitation.objects.filter(campus=me, withdrawn_at__isnull=True)
    return (
        FederatedEvent.objects.filter(kind=FederatedKind.HOSTED, pk__in=invited.values("event_id"))
        .exclude(host=me)
        .exclude(status=FederatedStatus.WITHDRAWN)
        .order_by("-starts_at", "-id")
    )


def get_invited_event(event_id: UUID) -> FederatedEvent:
    """Return one event of another campus that this one is invited to.

    Raises: FederatedEventNotFound, for all others alike.
    """
    found = list_invited_events().filter(pk=event_id).first()
    if found is None:
        raise FederatedEventNotFound
    return found


def list_events_away(user: User, *, since: datetime) -> QuerySet[FederatedEvent]:
    """Return the events of other campuses, not over before ``since``, at which ``user`` has or waits for a place, or
    was counted; latest start first, each with ``is_waiting``: whether theirs is a waiting place.
    """
    me = current_campus().code
    places = FederatedRegistration.objects.filter(person_id=user.person_id).exclude(state=RegistrationState.WITHDRAWN)
    visits = list_away_visits().filter(person_id=user.person_id).exclude(status=VisitStatus.VOID)
    return (
        FederatedEvent.objects.filter(kind=FederatedKind.HOSTED, ends_at__gte=since)
        .filter(Q(pk__in=places.values("event_id")) | Q(pk__in=visits.order_by().values("event_id")))
        .exclude(host=me)
        .exclude(status=FederatedStatus.WITHDRAWN)
        .annotate(is_waiting=Exists(places.filter(event_id=OuterRef("pk"), state=RegistrationState.WAITING)))
        .order_by("-starts_at", "-id")
    )


def list_federated_events() -> QuerySet[FederatedEvent]:
    """Return every shared event that this site may see: a campus those it hosts, takes part in or is invited to."""
    return FederatedEvent.objects.order_by("-starts_at", "-id")


def get_federated_event(event_id: UUID) -> FederatedEvent:
    """Return one of them.

    Raises: FederatedEventNotFound.
    """
    found = list_federated_events().filter(pk=event_id).first()
    if found is None:
        raise FederatedEventNotFound
    return found


def list_invitations(event_ids: list[UUID]) -> QuerySet[Invitation]:
    """Return the invitations to those events that this site may see, by campus."""
    return Invitation.objects.filter(event_id__in=event_ids).order_by("campus")


def list_registrations(user: User) -> QuerySet[FederatedRegistration]:
    """Return one's own places at other campuses' events, newest first, with ``event_title`` and those ``ahead`` in the
    campus's waiting list.
    """
    waiting = FederatedRegistration.objects.filter(
        event_id=OuterRef("event_id"),
        home=OuterRef("home"),
        state=RegistrationState.WAITING,
        requested_at__lt=OuterRef("requested_at"),
    )
    return (
        FederatedRegistration.objects.filter(person_id=user.person_id)
        .annotate(
            event_title=Subquery(FederatedEvent.objects.filter(pk=OuterRef("event_id")).values("title")[:1]),
            ahead=Coalesce(
                Subquery(waiting.values("event_id").annotate(count=Count("person_id")).values("count")[:1]), 0
            ),
        )
        .order_by("-requested_at", "-event_id")
    )


def list_visits() -> QuerySet[Visit]:
    """Return the ledger as this site may see it, newest first."""
    return Visit.objects.order_by("-first_in_at", "-id")


def list_own_side(user: User) -> QuerySet[Visit]:
    """Return the ledger as ``user`` of a campus may see it, newest first: staff what concerns it, others their own."""
    return list_visits() if user.role in STAFF_ROLES else list_visits().filter(person_id=user.person_id)


def has_credit(*, event_id: UUID, person_id: UUID) -> bool:
    """Return whether this campus is the one that counts the person for the event."""
    here = list_visits().filter(event_id=event_id, person_id=person_id, host=current_campus().code)
    return here.exclude(status=VisitStatus.VOID).exists()


def list_away_visits() -> QuerySet[Visit]:
    """Return the visits of this campus's people to others, newest first."""
    me = current_campus().code
    return list_visits().filter(home=me).exclude(host=me)


def get_visit(visits: QuerySet[Visit], visit_id: UUID) -> Visit:
    """Return one of ``visits``.

    Raises: VisitNotFound.
    """
    found = visits.filter(id=visit_id).first()
    if found is None:
        raise VisitNotFound
    return found


def list_changes(visit: Visit) -> QuerySet[VisitChange]:
    """Return what was decided about a visit, oldest first."""
    return VisitChange.objects.filter(event_id=visit.event_id, visit_id=visit.id, host=visit.host).order_by(
        "changed_at", "id"
    )


_TOTALS = """
    SELECT c.code,
           count(*) FILTER (WHERE v.home = c.code AND v.host = c.code),
           count(*) FILTER (WHERE v.home = c.code AND v.host <> c.code),
           count(*) FILTER (WHERE v.host = c.code AND v.home <> c.code),
           count(DISTINCT v.person_id) FILTER (WHERE v.home = c.code)
      FROM tenants_campus c
      LEFT JOIN federation_visit v ON v.status <> 'void' AND c.code IN (v.host, v.home)
     GROUP BY c.code ORDER BY c.code
"""


def compute_totals() -> list[dict[str, Any]]:
    """Return ``{campus, at_home, away, visitors, people}`` of every campus. Stand on the public site: one statement."""
    with connection.cursor() as cursor:
        cursor.execute(_TOTALS)
        names = ("campus", "at_home", "away", "visitors", "people")
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


_OVERVIEW: Final = """
    SELECT c.id, c.code, c.name, c.state, r.kind, r.starts_on, r.department, r.figures, r.as_of
      FROM (SELECT id, code, name, state FROM tenants_campus WHERE state <> 'provisioning' ORDER BY code
             LIMIT %(most)s OFFSET %(first)s) c
      LEFT JOIN federation_rollup r ON r.campus = c.code
     ORDER BY c.code, r.kind, r.starts_on, r.department
"""
_SUMS: Final = """
    SELECT r.kind, r.starts_on, f.name, sum(f.value::int)::bigint, count(DISTINCT r.campus), min(r.as_of)
      FROM federation_rollup r JOIN tenants_campus c ON c.code = r.campus
      CROSS JOIN LATERAL jsonb_each_text(r.figures) AS f(name, value)
     WHERE r.department = '' AND r.figures IS NOT NULL
     GROUP BY r.kind, r.starts_on, f.name ORDER BY r.kind, r.starts_on
"""


def read_overview(*, first: int, most: int) -> list[dict[str, Any]]:
    """Return ``{id, campus, name, state, as_of, year, months, departments}`` of those campuses, by code: what they tell
    of themselves, as of then. One statement, on the public site; no campus is opened for it.

    ``year``, and each of ``months`` and ``departments``, is a ``{starts_on, department, figures}``; None: not told yet.
    """
    found: dict[str, dict[str, Any]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_OVERVIEW, {"first": first, "most": most})
        for campus_id, code, name, state, kind, starts_on, department, figures, as_of in cursor.fetchall():
            campus = found.setdefault(
                code,
                {"id": campus_id, "campus": code, "name": name, "state": state, "as_of": as_of, "year": None,
                 "months": [], "departments": []},
            )  # fmt: skip
            if kind is None:
                continue
            part = {
                "starts_on": starts_on,
                "department": department,
                "figures": json.loads(figures) if isinstance(figures, str) else figures,
            }
            if kind == RollUpKind.MONTH:
                campus["months"].append(part)
            elif department:
                campus["departments"].append(part)
            else:
                campus["year"] = part
    return list(found.values())


class CampusesOfOverview:
    """The lines of the overview as pages need them: how many, and a part of them."""

    def count(self) -> int:
        return Campus.objects.exclude(state=CampusState.PROVISIONING).count()

    def __getitem__(self, part: slice) -> list[dict[str, Any]]:
        return read_overview(first=part.start, most=part.stop - part.start)


def sum_roll_ups() -> list[dict[str, Any]]:
    """Return ``{kind, starts_on, campuses, as_of, figures}`` of the university: sums of what campuses tell. One
    statement. People are of one campus each, so they may be summed; ``as_of`` is that of the oldest row.
    """
    found: dict[tuple[str, Any], dict[str, Any]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_SUMS)
        for kind, starts_on, name, value, campuses, as_of in cursor.fetchall():
            line = found.setdefault(
                (kind, starts_on),
                {"kind": kind, "starts_on": starts_on, "campuses": campuses, "as_of": as_of, "figures": {}},
            )
            line["figures"][name] = value
    return list(found.values())


def list_reconciliations() -> QuerySet[Reconciliation]:
    """Return the runs, newest first."""
    return Reconciliation.objects.order_by("-requested_at", "-id")


def get_reconciliation(run_id: UUID) -> Reconciliation:
    """Return one run.

    Raises: ReconciliationNotFound.
    """
    found = Reconciliation.objects.filter(pk=run_id).first()
    if found is None:
        raise ReconciliationNotFound
    return found


def list_transfers() -> QuerySet[Transfer]:
    """Return the transfers from and to this campus, newest first.

    Each has ``user_id``, ``first_name``, ``last_name`` and ``username`` of the person's account here, None where there
    is none (yet).
    """
    account = User.objects.filter(person_id=OuterRef("person_id"))
    return Transfer.objects.annotate(
        user_id=Subquery(account.values("id")[:1]),
        **{name: Subquery(account.values(name)[:1]) for name in ("first_name", "last_name", "username")},
    ).order_by("-created_at", "-id")


def get_transfer(transfer_id: UUID) -> Transfer:
    """Return one of them.

    Raises: TransferNotFound, also for one between other campuses.
    """
    found = list_transfers().filter(pk=transfer_id).first()
    if found is None:
        raise TransferNotFound
    return found


def find_arrival(user: User) -> Transfer | None:
    """Return the transfer with which the person last came here; once closed, its transcript is all they brought along.

    Only one that this campus has accepted: rows that another campus may write prove nothing.
    """
    return Transfer.objects.filter(pk=user.came_with).first() if user.came_with else None


def list_homes_of_places(*, event_id: UUID, states: Iterable[str]) -> list[str]:
    """Return the campuses of whom somebody has a place in one of these states at an event."""
    places = FederatedRegistration.objects.filter(event_id=event_id, state__in=list(states))
    return sorted(set(places.values_list("home", flat=True)))


def list_placed_persons(*, event_id: UUID, home: str, states: Iterable[str]) -> list[UUID]:
    """Return the persons of that home who have a place in one of these states at an event."""
    places = FederatedRegistration.objects.filter(event_id=event_id, home=home, state__in=list(states))
    return list(places.order_by("person_id").values_list("person_id", flat=True))
