"""Events that follow what is shared: a campus's own of a university-wide one, and a host's after a restore."""

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from shared_apps.audit.services import record_action
from shared_apps.federation.interfaces import CommonEvent
from shared_apps.federation.models import FederatedEvent
from shared_apps.federation.rules import FederatedStatus
from shared_apps.federation.selectors import list_invitations
from shared_apps.federation.services.university import common_event
from tenant_apps.events.models import Event, Session
from tenant_apps.events.rules.events import EventStatus, Instants, fill_instants
from tenant_apps.events.services.telling import announce_cancelled

_FIRST_SESSION: Final = timedelta(hours=12)
_COLUMNS: Final = ("id", "name", *Instants.__slots__)


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
        was_published = event.status == EventStatus.PUBLISHED
        event.status, event.cancelled_at, event.cancel_reason = EventStatus.CANCELLED, at, common.cancel_reason
        if was_published:
            announce_cancelled(event, at=at)
        changed = True
    if changed:
        event.save()
        record_action(at=at, by=None, action="event.followed", target_type="event", target_id=event.pk)


def _create(common: CommonEvent, *, at: datetime, with_session: bool = True) -> None:
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
    if with_session:
        instants = fill_instants(starts_at=common.starts_at, ends_at=ends_at)
        Session.objects.create(event=event, **{name: getattr(instants, name) for name in instants.__slots__})
    record_action(at=at, by=None, action="event.followed", target_type="event", target_id=event.pk)


@transaction.atomic
def follow_shared_event(*, shared: FederatedEvent, at: datetime, repair: bool) -> bool:
    """Return whether this campus's own hosted event differs from what it shared; with ``repair`` make it follow.

    Both are written in one transaction, so they differ only when the campus was restored from a backup that is older
    than the shared copy: the copy is what the host decided last. An event that the backup lacks is made again, without
    an organizer; one that was a draft keeps its own. A session that was taken away goes again, unless somebody was
    recorded at it since.

    Locks: the event.
    """
    # A hosted event has the id of its shared copy, also while it was a draft that had none.
    event = Event.objects.select_for_update(no_key=True, of=("self",)).filter(pk=shared.pk).first()
    wanted: dict[str, Any] = {
        "federated_event_id": shared.pk,
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
        invitations = list_invitations([shared.pk]).filter(withdrawn_at__isnull=True)
        wanted |= {
            "is_multi_campus": True,
            "status": shared.status,
            "invitations": [{"campus": row.campus, "seats": row.seats} for row in invitations],
        }
    sessions = {row["id"]: row for row in _session_columns(shared)}
    if event is not None:
        # Attendance is of the app above: by the name of the relation. Of a closed one it is known who was expected.
        kept = Q(id__in=sessions) | Q(attendances__isnull=False) | Q(closed_at__isnull=False)
        gone = event.sessions.exclude(pk__in=event.sessions.filter(kept).values("pk"))
        known = {row["id"]: row for row in event.sessions.filter(Q(id__in=sessions) | Q(id__in=gone)).values(*_COLUMNS)}
        if all(getattr(event, name) == value for name, value in wanted.items()) and known == sessions:
            return False
    if not repair:
        return True
    if event is None:
        event = Event(id=shared.pk, status=EventStatus.PUBLISHED)
    else:
        gone.delete()
        if event.status == EventStatus.DRAFT:
            event.status = EventStatus.PUBLISHED
    for name, value in wanted.items():
        setattr(event, name, value)
    event.save()
    for id_, row in sessions.items():
        Session.objects.update_or_create(id=id_, defaults={**row, "event": event})
    record_action(at=at, by=None, action="event.followed", target_type="event", target_id=event.pk)
    return True


@transaction.atomic
def refollow_common_event(*, shared: FederatedEvent, was_held: bool, at: datetime, repair: bool) -> bool:
    """Return whether this campus's event does not follow a university-wide one; with ``repair`` make it follow.

    The message that told it may be older than the backup it was restored from. ``was_held`` says that people were
    counted at it here: then it is made again even where it is cancelled by now, and is no draft; its sessions are those
    that visits name (``ensure_session``).

    Locks: the event.
    """
    common = common_event(shared)
    event = Event.objects.select_for_update(no_key=True, of=("self",)).filter(federated_event_id=shared.pk).first()
    if event is None:
        differs = was_held or not common.is_cancelled
    else:
        is_open = event.status not in {EventStatus.CANCELLED, EventStatus.COMPLETED}
        differs = (
            (event.title, event.description) != (common.title, common.description)
            or (common.is_cancelled and is_open)
            or (was_held and event.status == EventStatus.DRAFT)
        )
    if differs and repair:
        if event is None:
            _create(common, at=at, with_session=not was_held)
        if was_held:
            drafts = Event.objects.filter(federated_event_id=shared.pk, status=EventStatus.DRAFT)
            drafts.update(status=EventStatus.PUBLISHED, published_at=at)
        follow_common_event(common=common, at=at)
    return differs


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
