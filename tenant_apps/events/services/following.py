"""Events that follow what is shared: a campus's own of a university-wide one, and a host's after a restore."""

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import transaction

from shared_apps.audit.services import record_action
from shared_apps.federation.interfaces import CommonEvent
from shared_apps.federation.models import FederatedEvent
from shared_apps.federation.rules import FederatedStatus
from shared_apps.federation.selectors import list_invitations
from tenant_apps.events.models import Event, Session
from tenant_apps.events.rules import EventStatus, Instants, fill_instants

_FIRST_SESSION: Final = timedelta(hours=12)


@transaction.atomic
def follow_common_event(*, common: CommonEvent, at: datetime) -> None:
    """Make this campus's event agree with ``common``; create it as a draft, with one session, where there is none.

    Runs again freely: the unique federated event id makes it one event. Nobody runs a new one until a campus admin
    takes it or hands it to somebody.

    Locks: the event.
    """
    event = Event.objects.select_for_update(no_key=True).filter(federated_event_id=common.id).first()
    if event is None:
        if not common.is_cancelled:
            _create(common, at=at)
        return
    changed = (event.title, event.description) != (common.title, common.description)
    event.title, event.description = common.title, common.description
    if common.is_cancelled and event.status not in {EventStatus.CANCELLED, EventStatus.COMPLETED}:
        event.status, event.cancelled_at, event.cancel_reason = EventStatus.CANCELLED, at, common.cancel_reason
        changed = True
    if changed:
        event.save()
        record_action(at=at, by=None, action="event.followed", target_type="event", target_id=event.pk)


def _create(common: CommonEvent, *, at: datetime) -> None:
    ends_at = min(common.ends_at, common.starts_at + _FIRST_SESSION)
    event = Event(
        title=common.title,
        description=common.description,
        starts_at=common.starts_at,
        ends_at=ends_at,
        is_multi_campus=True,
        federated_event_id=common.id,
    )
    created = Event.objects.bulk_create([event], ignore_conflicts=True)  # another worker may have been faster
    if not Event.objects.filter(pk=created[0].pk).exists():
        return
    instants = fill_instants(starts_at=common.starts_at, ends_at=ends_at)
    Session.objects.create(event=event, **{name: getattr(instants, name) for name in instants.__slots__})
    record_action(at=at, by=None, action="event.followed", target_type="event", target_id=event.pk)


@transaction.atomic
def follow_shared_event(*, shared: FederatedEvent, at: datetime, repair: bool) -> bool:
    """Return whether this campus's own hosted event differs from what it shared; with ``repair`` make it follow.

    Both are written in one transaction, so they differ only when the campus was restored from a backup that is older
    than the shared copy: the copy is what the host decided last. An event that the backup lacks is made again, without
    an organizer.

    Locks: the event.
    """
    event = Event.objects.select_for_update(no_key=True).filter(federated_event_id=shared.pk).first()
    wanted = {
        "title": shared.title,
        "description": shared.description,
        "venue": shared.venue,
        "starts_at": shared.starts_at,
        "ends_at": shared.ends_at,
        "cancel_reason": shared.cancel_reason,
        "published_at": shared.published_at,
        "completed_at": shared.completed_at,
        "cancelled_at": shared.cancelled_at,
    }
    if shared.status == FederatedStatus.WITHDRAWN:
        wanted |= {"is_multi_campus": False}
    else:
        wanted |= {"is_multi_campus": True, "status": shared.status}
    sessions = {row["id"]: row for row in _session_columns(shared)}
    if event is not None:
        known = {row["id"]: row for row in event.sessions.values("id", "name", *Instants.__slots__)}
        if all(getattr(event, name) == value for name, value in wanted.items()) and known == sessions:
            return False
    if not repair:
        return True
    if event is None:
        event = Event(id=shared.pk, federated_event_id=shared.pk, status=EventStatus.PUBLISHED)
    for name, value in wanted.items():
        setattr(event, name, value)
    invitations = list_invitations([shared.pk]).filter(withdrawn_at__isnull=True)
    event.invitations = [{"campus": row.campus, "seats": row.seats} for row in invitations]
    event.save()
    for id_, row in sessions.items():
        Session.objects.update_or_create(id=id_, defaults={**row, "event": event})
    record_action(at=at, by=None, action="event.followed", target_type="event", target_id=event.pk)
    return True


def ensure_session(*, event: Event, session_id: UUID, name: str) -> Session:
    """Return the event's session with that id; one that a restore has lost is made again, as long as the event."""
    instants = fill_instants(starts_at=event.starts_at, ends_at=event.ends_at)
    session, _ = Session.objects.get_or_create(
        id=session_id,
        defaults={
            "event": event, "name": name, **{field: getattr(instants, field) for field in instants.__slots__},
        },
    )  # fmt: skip
    return session


def _session_columns(shared: FederatedEvent) -> list[dict[str, Any]]:
    return [{**row, "id": UUID(row["id"])} for row in shared.session_values]
