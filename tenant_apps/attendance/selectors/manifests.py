"""What a device needs to decide without a network: event rules, and whose passes are not accepted."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import Max, Prefetch

from shared_apps.accounts.models import User
from shared_apps.accounts.roles import Role
from tenant_apps.attendance.errors import EventNotFound
from tenant_apps.attendance.models import Scanner
from tenant_apps.attendance.rules.manifests import in_base64url, in_utc
from tenant_apps.events.models import Event, Session
from tenant_apps.events.rules.events import EventStatus
from tenants.models import CampusState, RevokedPass
from tenants.registry import get_snapshot

_INSTANTS: Final = ("opens_at", "starts_at", "late_after", "ends_at", "closes_at")


def list_manifest_events(*, user: User, scanner: Scanner | None, event_id: UUID | None) -> list[Event]:
    """Return the events of a manifest with their sessions, in two statements.

    A device gets those it is enrolled for, drafts included, for the network may be gone when they are published; staff
    and hand-made scanner accounts the one they name: their own, or a published one.

    Raises: EventNotFound for one that is not theirs to see.
    """
    events = Event.objects.prefetch_related(Prefetch("sessions", Session.objects.order_by("starts_at", "id")))
    wanted = [event_id] if event_id else []
    if scanner is not None:
        events = events.filter(pk__in=[each for each in scanner.event_ids if not wanted or each in wanted])
    else:
        events = events.filter(pk__in=wanted)
    found = list(events.order_by("pk"))
    if scanner is None and user.role != Role.CAMPUS_ADMIN:
        hidden = [event for event in found if event.organizer_id != user.pk and event.status == EventStatus.DRAFT]
        found = [event for event in found if event not in hidden]
    if wanted and not found:
        raise EventNotFound
    return found


def describe_event(event: Event) -> dict[str, Any]:
    """Return the rules of one event as manifests have them."""
    return {
        "id": str(event.pk),
        "title": event.title,
        "status": event.status,
        "registration": event.registration,
        "allows_walk_ins": event.allows_walk_ins,
        "needs_rotating_pass": event.needs_rotating_pass,
        "takes_venue_code": event.takes_venue_code,
        # Campus ids, as passes have them. Null where the server decides, as it does at university-wide events.
        "invited_campuses": None if event.is_university_wide else _invited(event),
        "roster": f"/api/v1/events/events/{event.pk}/roster/",
        "sessions": [
            {
                "id": str(session.pk),
                "name": session.name,
                **{name: in_utc(getattr(session, name)) for name in _INSTANTS},
                "requires_check_out": session.requires_check_out,
                "missing_check_out": session.missing_check_out,
                "allows_re_entry": session.allows_re_entry,
                "minimum_stay": session.minimum_stay,
            }
            for session in event.sessions.all()
        ],
    }


def _invited(event: Event) -> list[str]:
    by_code = get_snapshot().by_code
    codes = [each["campus"] for each in event.invitations] if event.is_multi_campus else []
    return sorted(str(by_code[code].id) for code in codes if code in by_code)


def describe_pass_keys() -> list[dict[str, Any]]:
    """Return the public pass keys of all campuses, from memory: no statement."""
    snapshot = get_snapshot()
    return [
        {
            "campus_id": str(campus.id),
            "key_id": key_id,
            "public_key": in_base64url(key),
            # A suspended campus's passes are good; those of one that is closed for good are not.
            "is_archived": campus.state == CampusState.ARCHIVED,
        }
        for (campus_id, key_id), key in sorted(snapshot.public_keys.items())
        if (campus := snapshot.by_id.get(campus_id)) is not None
    ]


def list_revoked(*, since: datetime) -> list[list[Any]]:
    """Return ``[campus id, person id, serial up to which passes are refused]`` of what was revoked since then."""
    by_code = get_snapshot().by_code
    rows = RevokedPass.objects.filter(revoked_at__gte=since).order_by("home", "person_id")
    return [
        [str(by_code[home].id), str(person_id), through]
        for home, person_id, through in rows.values_list("home", "person_id", "through_serial")
        if home in by_code
    ]


def last_revocation(*, since: datetime) -> datetime | None:
    """Return when a pass was revoked last, at any campus."""
    found: datetime | None = RevokedPass.objects.filter(revoked_at__gte=since).aggregate(last=Max("revoked_at"))["last"]
    return found
