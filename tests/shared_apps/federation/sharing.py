"""Shared events for tests: people to come, an event held everywhere, and what must always be true of the ledger."""

from datetime import timedelta
from uuid import UUID

from django.db import connection

from shared_apps.accounts.models import Profile, User
from shared_apps.common.clock import now
from shared_apps.federation.models import FederatedEvent, FederatedRegistration, Invitation, Visit
from shared_apps.federation.services.university import call_event, common_event
from tenant_apps.attendance.services.reconciling import reconcile_host
from tenant_apps.events.models import Event
from tenant_apps.events.services.editing import add_session, publish_event
from tenant_apps.events.services.following import follow_common_event
from tenants.context import owner_context, public_context
from tests.cast import Cast, Person, Site
from tests.factories import pass_of


def enrol(site: Site, count: int) -> list[Person]:
    """Create that many students of ``site`` in bulk; they have no token and need none."""
    with site.here():
        users = [User(username=f"v{n}", student_id=f"V-{n}", role="student", password="!") for n in range(count)]
        User.objects.bulk_create(users)
        Profile.objects.bulk_create([Profile(user=user) for user in users])
    return [Person(user=user, site=site, token="") for user in users]


def passes(people: list[Person]) -> list[str]:
    return [pass_of(person) for person in people]


def hold_everywhere(cast: Cast, *sites: Site, sessions: int = 1) -> tuple[UUID, dict[str, Event]]:
    """Call an event at ``sites`` and publish each campus's own; return (its id, events by campus code)."""
    moment = now()
    with public_context():
        shared = call_event(
            by=cast.super_admin.user, at=moment, title="University Day", starts_at=moment - timedelta(hours=1),
            ends_at=moment + timedelta(hours=6), campuses=[site.campus.code for site in sites],
        )  # fmt: skip
    events = {}
    for site in sites:
        with site.here():
            follow_common_event(common=common_event(shared), at=moment)
            event = Event.objects.get(federated_event_id=shared.pk)
            for _ in range(sessions - 1):
                times = {"starts_at": moment - timedelta(minutes=30), "ends_at": moment + timedelta(hours=5)}
                add_session(by=site.admin.user, at=moment, event_id=event.pk, session=times)
            events[site.campus.code] = publish_event(by=site.admin.user, at=moment, event_id=event.pk)
    return shared.pk, events


def disagreements(cast: Cast) -> list[str]:
    """Return everything that is wrong with the ledger: an empty list, whatever has happened."""
    wrong = []
    with public_context():
        counted = [
            (visit.event_id, visit.person_id, visit.host, visit.home)
            for visit in Visit.objects.exclude(status="void")
        ]  # fmt: skip
        if len({row[:2] for row in counted}) != len(counted):
            wrong.append("somebody counts twice")
        for invitation in Invitation.objects.all():
            places = FederatedRegistration.objects.filter(
                event_id=invitation.event_id, home=invitation.campus, state="registered"
            ).count()
            if invitation.taken != places:
                wrong.append(f"{invitation}: {invitation.taken} taken, {places} places")
            if invitation.seats is not None and places > invitation.seats:
                wrong.append(f"{invitation}: {places} places on {invitation.seats} seats")
            waiting = FederatedRegistration.objects.filter(
                event_id=invitation.event_id, home=invitation.campus, state="waiting"
            ).count()
            is_open = FederatedEvent.objects.get(pk=invitation.event_id).status == "published"
            if waiting and is_open and (invitation.seats is None or places < invitation.seats):
                wrong.append(f"{invitation}: {waiting} wait beside a free seat")
    with owner_context(), connection.cursor() as cursor:
        for site in (cast.malimono, cast.delcarmen, cast.snsu):
            schema, code = site.campus.schema_name, site.campus.code
            cursor.execute(
                f"SELECT DISTINCT e.federated_event_id, coalesce(u.person_id, w.person_id), %s, coalesce(w.home, %s) "
                f"FROM {schema}.attendance_attendance a JOIN {schema}.events_event e ON e.id = a.event_id "
                f"LEFT JOIN {schema}.accounts_user u ON u.id = a.user_id "
                f"LEFT JOIN {schema}.attendance_visitor w ON w.id = a.visitor_id "
                "WHERE e.federated_event_id IS NOT NULL AND a.status <> 'void'",
                [code, code],
            )
            present, credited = set(cursor.fetchall()), {row for row in counted if row[2] == code}
            wrong += [f"{code}: present, not in the ledger: {row}" for row in present - credited]
            wrong += [f"{code}: in the ledger, not present: {row}" for row in credited - present]
            cursor.execute(f"SELECT person_id FROM {schema}.accounts_user")
            people = {row[0] for row in cursor.fetchall()}
            wrong += [
                f"{row[1]} is credited to {code}, and not of it"
                for row in counted
                if row[3] == code and row[1] not in people
            ]
    for site in (cast.malimono, cast.delcarmen, cast.snsu):
        with site.here():
            wrong += [f"{one.as_json()}" for one in reconcile_host(at=now(), repair=False)]
    return wrong
