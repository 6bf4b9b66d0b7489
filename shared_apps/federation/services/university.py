"""University-wide events: called on the public site, held at several campuses. Stand on the public site."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from shared_apps.audit.services import Actor, record_action
from shared_apps.federation.errors import (
    CommonTimesMayOnlyWiden,
    EventCancelled,
    FederatedEventNotFound,
    InvalidCommonTimes,
    NotUniversityWide,
)
from shared_apps.federation.interfaces import CommonEvent
from shared_apps.federation.models import FederatedEvent
from shared_apps.federation.rules import FederatedKind, FederatedStatus
from shared_apps.federation.selectors import get_open_campus
from shared_apps.outbox.services import add_messages


@transaction.atomic
def call_event(
    *,
    by: Actor,
    at: datetime,
    title: str,
    starts_at: datetime,
    ends_at: datetime,
    campuses: Sequence[str],
    description: str = "",
    venue: str = "",
) -> FederatedEvent:
    """Call one event at several campuses; each gets an event of its own to fill in, by a message.

    Raises: InvalidCommonTimes, UnknownCampus.
    """
    if starts_at >= ends_at:
        raise InvalidCommonTimes(attr="ends_at")
    event = FederatedEvent.objects.create(
        kind=FederatedKind.UNIVERSITY,
        participants=_check_participants(campuses),
        title=title,
        description=description,
        venue=venue,
        starts_at=starts_at,
        ends_at=ends_at,
        published_at=at,
        created_at=at,
        updated_at=at,
    )
    _tell(event, event.participants, at=at)
    _record(event, by=by, at=at, action="federation.called", changes={"campuses": event.participants})
    return event


@transaction.atomic
def change_event(*, by: Actor, at: datetime, event_id: UUID, changes: dict[str, Any]) -> FederatedEvent:
    """Change what is common, or let further campuses take part (``campuses`` names those that are added).

    The common times may only widen: what campuses have planned within them stays possible.

    Locks: the event. Raises: FederatedEventNotFound, NotUniversityWide, EventCancelled,
    CommonTimesMayOnlyWiden, UnknownCampus.
    """
    event = _lock(event_id)
    if event.status != FederatedStatus.PUBLISHED:
        raise EventCancelled
    changes = dict(changes)
    fields = sorted(changes)
    added = _check_participants(changes.pop("campuses", ()))
    starts_at, ends_at = changes.get("starts_at", event.starts_at), changes.get("ends_at", event.ends_at)
    if starts_at > event.starts_at or ends_at < event.ends_at:
        raise CommonTimesMayOnlyWiden(attr="starts_at")
    for field, value in changes.items():
        setattr(event, field, value)
    event.participants = sorted({*event.participants, *added})
    event.updated_at = at
    event.save()
    _tell(event, event.participants, at=at)
    _record(event, by=by, at=at, action="federation.changed", changes={"fields": fields})
    return event


@transaction.atomic
def cancel_event(*, by: Actor, at: datetime, event_id: UUID, reason: str) -> FederatedEvent:
    """Call it off at every campus. What was counted stays counted.

    Locks: the event. Raises: FederatedEventNotFound, NotUniversityWide.
    """
    event = _lock(event_id)
    if event.status == FederatedStatus.CANCELLED:
        return event  # said twice
    event.status, event.cancel_reason, event.cancelled_at, event.updated_at = (
        FederatedStatus.CANCELLED, reason, at, at,
    )  # fmt: skip
    event.save()
    _tell(event, event.participants, at=at)
    _record(event, by=by, at=at, action="federation.cancelled", reason=reason)
    return event


def common_event(event: FederatedEvent) -> CommonEvent:
    """Return what campuses follow."""
    return CommonEvent(
        id=event.pk,
        title=event.title,
        description=event.description,
        starts_at=event.starts_at,
        ends_at=event.ends_at,
        is_cancelled=event.status == FederatedStatus.CANCELLED,
        cancel_reason=event.cancel_reason,
    )


def _check_participants(codes: Iterable[str]) -> list[str]:
    found = set()
    for text in codes:
        detail = f"{text[:16]!r} is no campus that can take part."
        found.add(get_open_campus(text, attr="campuses", detail=detail).code)
    return sorted(found)


def _tell(event: FederatedEvent, campuses: Iterable[str], *, at: datetime) -> None:
    add_messages(
        kind="shared_apps.federation.tasks.hold_event",
        payloads=[{"event_id": str(event.pk), "host": code} for code in campuses],
        at=at,
    )


def _lock(event_id: UUID) -> FederatedEvent:
    event = FederatedEvent.objects.select_for_update(no_key=True).filter(pk=event_id).first()
    if event is None:
        raise FederatedEventNotFound
    if event.kind != FederatedKind.UNIVERSITY:
        raise NotUniversityWide
    return event


def _record(
    event: FederatedEvent, *, by: Actor, at: datetime, action: str, reason: str = "", changes: Any = None
) -> None:
    record_action(
        at=at, by=by, action=action, target_type="federated_event", target_id=event.pk, reason=reason, changes=changes
    )
