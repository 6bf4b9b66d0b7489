"""What the campuses of the demo share: an open event with visitors, and a university-wide one to come.

Made through the services, by the people who would do it, so that the ledger says what the hosts say.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from shared_apps.accounts.models import User
from shared_apps.accounts.roles import Role
from shared_apps.federation.models import FederatedEvent
from shared_apps.federation.rules import FederatedKind
from shared_apps.federation.selectors import list_federated_events
from shared_apps.federation.services.issuing import issue_pass
from shared_apps.federation.services.registrations import register
from shared_apps.federation.services.university import call_event, common_event
from tenant_apps.attendance.rules.scans import Method
from tenant_apps.attendance.services.recording import record_scan
from tenant_apps.attendance.services.verdicts import ScanRequest
from tenant_apps.events.models import Event
from tenant_apps.events.services.editing import create_event, publish_event
from tenant_apps.events.services.following import follow_common_event
from tenants.context import campus_context, public_context
from tenants.registry_types import CampusEntry

OPEN_TITLE: Final = "Intercampus Sports Festival"
COMMON_TITLE: Final = "University Foundation Anniversary"
# An event that ends sooner is not one to try things with.
ENOUGH: Final = timedelta(hours=1)
_SEATS: Final = 60
_VISITORS: Final = 9


def fill_federation(campuses: Sequence[CampusEntry], *, super_admin: User, at: datetime) -> int:
    """Create what is shared and not there yet; return how many events. The last campus hosts the open one."""
    *guests, host = campuses
    made = 0
    with campus_context(host):
        running = Event.objects.filter(title=OPEN_TITLE, status="published", ends_at__gt=at + ENOUGH).exists()
    if not running:
        _open_event(host, guests, at=at)
        made += 1
    with public_context():
        called = list_federated_events().filter(kind=FederatedKind.UNIVERSITY, ends_at__gt=at).exists()
        common = None if called else common_event(_call(campuses, super_admin, at=at))
    if common is not None:
        for campus in campuses:
            with campus_context(campus):
                # The message does the same again later, and finds it done.
                follow_common_event(common=common, at=at)
                event = Event.objects.get(federated_event_id=common.id)
                admin = User.objects.filter(role=Role.CAMPUS_ADMIN).order_by("username").first()
                if admin is not None:
                    publish_event(by=admin, at=at, event_id=event.pk)
        made += 1
    return made


def _open_event(host: CampusEntry, guests: Sequence[CampusEntry], *, at: datetime) -> None:
    # Longer than the day's own event to try, and begun before it: that one stays the first of what is on.
    begins = at.replace(second=0, microsecond=0) - timedelta(hours=11)
    with campus_context(host):
        organizer = User.objects.get(username="organizer")
        gate = User.objects.get(username="gate")
        session = {
            "starts_at": begins,
            "ends_at": begins + timedelta(hours=24),
            "late_after": at + timedelta(hours=2),
        }
        event = create_event(
            by=organizer,
            at=at,
            title=OPEN_TITLE,
            description="Ball games, athletics and chess; every campus plays.",
            venue="Covered Court",
            sessions=[session],
            is_multi_campus=True,
            allowed_campuses=[guest.code for guest in guests],
            campus_seats={guest.code: _SEATS for guest in guests},
        )
        publish_event(by=organizer, at=at, event_id=event.pk)
        passes = [_pass(user, at) for user in _students()[:_VISITORS]]
    for guest in guests:
        with campus_context(guest):
            students = _students()
            passes += [_pass(user, at) for user in students[:_VISITORS]]
            for user in students[_VISITORS - 3 : _VISITORS + 6]:
                register(by=user, at=at, event_id=event.pk)
    with campus_context(host):
        for text in passes:
            record_scan(by=gate, at=at, scan=ScanRequest(event_id=event.pk, method=Method.PASS, value=text))


def _call(campuses: Sequence[CampusEntry], super_admin: User, *, at: datetime) -> FederatedEvent:
    day = at.astimezone(campuses[0].zone).replace(hour=8, minute=0, second=0, microsecond=0) + timedelta(days=18)
    return call_event(
        by=super_admin,
        at=at,
        title=COMMON_TITLE,
        description="One anniversary, held at every campus; attend at any of them.",
        starts_at=day,
        ends_at=day + timedelta(hours=9),
        campuses=[campus.code for campus in campuses],
    )


def _students() -> list[User]:
    """Those of the demo in a fixed order, without the one whose login is handed out."""
    return list(User.objects.filter(role=Role.STUDENT).exclude(username="student").order_by("username")[:40])


def _pass(user: User, at: datetime) -> str:
    return issue_pass(user=user, at=at).text
