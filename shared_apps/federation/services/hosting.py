"""Opening a campus's event to others. Stand in the host, in the transaction that changes its own event."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import F

from shared_apps.federation.errors import OwnCampus, SeatsTaken
from shared_apps.federation.models import FederatedEvent, FederatedRegistration, Invitation
from shared_apps.federation.rules import FederatedKind, FederatedStatus, RegistrationState
from shared_apps.federation.selectors import get_open_campus
from shared_apps.outbox.services import add_message
from tenants.context import current_campus

# Of an app above, that knows the campus's people; by its name.
_TELL_VISITORS: Final = "tenant_apps.events.tasks.tell_visitors"


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A hosted event as other campuses are to see it. ``invitations`` maps campus codes to seats, None for no limit."""

    event_id: UUID
    status: str
    title: str
    description: str
    venue: str
    starts_at: datetime
    ends_at: datetime
    sessions: list[dict[str, Any]]
    published_at: datetime | None
    completed_at: datetime | None = None
    cancelled_at: datetime | None = None
    cancel_reason: str = ""
    invitations: Mapping[str, int | None] = field(default_factory=dict)


def check_invited(codes: Iterable[str]) -> list[str]:
    """Return the codes as the registry spells them.

    Raises: UnknownCampus (also suspended and archived ones), OwnCampus.
    """
    found = []
    for text in codes:
        detail = f"{text[:16]!r} is no campus that can be invited."
        campus = get_open_campus(text, attr="allowed_campuses", detail=detail)
        if campus == current_campus():
            raise OwnCampus(attr="allowed_campuses")
        found.append(campus.code)
    return list(dict.fromkeys(found))


@transaction.atomic
def offer_event(*, offer: Offer, at: datetime) -> None:
    """Make what other campuses see equal to ``offer``: the event, who is invited, how many seats. Runs again freely.

    A campus that is no longer invited loses the event and its registrations at once; visits that were counted stay.
    More seats promote those who wait.

    Locks: the shared event, then its invitations by campus. Whoever registers takes the invitation first and reads the
    event afterwards, so that a place is either taken before the change or refused because of it.

    Raises: SeatsTaken when fewer seats are offered than are registered.
    """
    host = current_campus().code
    values = {
        "status": offer.status,
        "title": offer.title,
        "description": offer.description,
        "venue": offer.venue,
        "starts_at": offer.starts_at,
        "ends_at": offer.ends_at,
        "sessions": offer.sessions,
        "published_at": offer.published_at,
        "completed_at": offer.completed_at,
        "cancelled_at": offer.cancelled_at,
        "cancel_reason": offer.cancel_reason,
        "updated_at": at,
    }
    if not FederatedEvent.objects.filter(pk=offer.event_id).update(**values):
        FederatedEvent.objects.create(id=offer.event_id, kind=FederatedKind.HOSTED, host=host, created_at=at, **values)
    rows = Invitation.objects.select_for_update(no_key=True).filter(event_id=offer.event_id).order_by("campus")
    known = {row.campus: row for row in rows}
    is_open = offer.status not in {FederatedStatus.CANCELLED, FederatedStatus.WITHDRAWN}
    invitations = offer.invitations if offer.status != FederatedStatus.WITHDRAWN else {}
    Invitation.objects.bulk_create(
        Invitation(
            event_id=offer.event_id, campus=campus, host=host, seats=seats, created_at=at, updated_at=at
        )
        for campus, seats in sorted(invitations.items())
        if campus not in known
    )  # fmt: skip
    gone = [campus for campus, row in known.items() if row.withdrawn_at is None and campus not in invitations]
    _withdraw_invitations(offer.event_id, gone, at=at)
    changed = [
        row
        for campus, row in known.items()
        if campus in invitations and (row.withdrawn_at is not None or row.seats != invitations[campus])
    ]
    _set_seats(changed, invitations, at=at)
    if is_open and changed:  # elsewhere, whoever freed a seat has given it to the next
        waiting = FederatedRegistration.objects.filter(
            event_id=offer.event_id, home__in=[row.campus for row in changed], state=RegistrationState.WAITING
        )
        for campus in sorted(set(waiting.values_list("home", flat=True))):
            promote_waiting(event_id=offer.event_id, campus=campus, at=at)


def promote_waiting(*, event_id: UUID, campus: str, at: datetime) -> int:
    """Give free seats of that campus to those who have waited longest, and have them told; return how many. Needs a
    transaction.

    Locks: the invitation.
    """
    invitation = Invitation.objects.select_for_update(no_key=True).get(event_id=event_id, campus=campus)
    waiting = FederatedRegistration.objects.filter(
        event_id=event_id, home=campus, state=RegistrationState.WAITING
    ).order_by("requested_at", "person_id")
    if invitation.seats is not None:
        waiting = waiting[: max(0, invitation.seats - invitation.taken)]
    people = list(waiting.values_list("person_id", flat=True))
    if people:
        FederatedRegistration.objects.filter(event_id=event_id, person_id__in=people).update(
            state=RegistrationState.REGISTERED, updated_at=at
        )
        Invitation.objects.filter(event_id=event_id, campus=campus).update(taken=F("taken") + len(people))
        title = FederatedEvent.objects.values_list("title", flat=True).get(pk=event_id)
        add_message(
            kind=_TELL_VISITORS,
            payload={
                "home": campus, "event_id": str(event_id), "kind": "registration.promoted",
                "text": f"You have a place at “{title}” now: you were next on the waiting list.",
                # Somebody who gives it back and gets it again is told again.
                "once": f"promoted:{event_id}:{int(at.timestamp() * 1000)}", "states": [RegistrationState.REGISTERED],
                "persons": [str(person) for person in people], "expires_at": None,
            },
            at=at,
        )  # fmt: skip
    return len(people)


@transaction.atomic
def recount_seats(*, event_id: UUID, at: datetime, repair: bool) -> bool:
    """Return whether some invitation counts other than its registered places; with ``repair`` count them again.

    Locks: the invitations. Stand in the host.
    """
    differs = False
    for invitation in Invitation.objects.select_for_update(no_key=True).filter(event_id=event_id).order_by("campus"):
        places = FederatedRegistration.objects.filter(
            event_id=event_id, home=invitation.campus, state=RegistrationState.REGISTERED
        ).count()
        if places != invitation.taken:
            differs = True
            if repair:
                seats = None if invitation.seats is None else max(invitation.seats, places)
                Invitation.objects.filter(event_id=event_id, campus=invitation.campus).update(
                    taken=places, seats=seats, updated_at=at
                )
    return differs


def _set_seats(rows: list[Invitation], seats_of: Mapping[str, int | None], *, at: datetime) -> None:
    """Set the seats of invitations that are locked: one statement for each number of seats."""
    by_seats: dict[int | None, list[Invitation]] = {}
    for row in rows:
        seats = seats_of[row.campus]
        if seats is not None and row.taken > seats:
            raise SeatsTaken(f"{row.campus} has more registered places than {seats}.", attr="campus_seats")
        by_seats.setdefault(seats, []).append(row)
    for seats, same in by_seats.items():
        Invitation.objects.filter(event_id=same[0].event_id, campus__in=[row.campus for row in same]).update(
            seats=seats, withdrawn_at=None, updated_at=at
        )


def _withdraw_invitations(event_id: UUID, campuses: list[str], *, at: datetime) -> None:
    Invitation.objects.filter(event_id=event_id, campus__in=campuses).update(taken=0, withdrawn_at=at, updated_at=at)
    FederatedRegistration.objects.filter(event_id=event_id, home__in=campuses).exclude(
        state=RegistrationState.WITHDRAWN
    ).update(state=RegistrationState.WITHDRAWN, updated_at=at)
