"""A campus put back from an older backup loses no visit and no promise: the ledger is outside it, and wins."""

from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command

from shared_apps.campuses.services import backup_campus, restore_campus
from shared_apps.common.clock import now
from shared_apps.federation.models import FederatedEvent, Invitation, Visit
from shared_apps.federation.selectors import list_away_visits
from shared_apps.federation.services.registrations import register
from shared_apps.federation.services.university import cancel_event as cancel_common_event
from tenant_apps.attendance.models import Attendance
from tenant_apps.attendance.rules.scans import Direction, Method
from tenant_apps.attendance.services.corrections import undo_attendance
from tenant_apps.attendance.services.reconciling import reconcile_host
from tenant_apps.attendance.services.recording import record_scan
from tenant_apps.attendance.services.verdicts import ScanRequest
from tenant_apps.events.models import Event, Session
from tenant_apps.events.services.editing import (
    add_session,
    cancel_event,
    create_event,
    publish_event,
    remove_session,
    update_event,
)
from tenants.context import public_context
from tests.cast import Cast, Person, Site
from tests.factories import make_shared_event, pass_of
from tests.shared_apps.federation.sharing import disagreements, enrol, hold_everywhere


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "campus.backup"


def back_up(site: Site, file: Path) -> None:
    backup_campus(by=None, at=now(), campus=site.campus, file=file, on_progress=lambda _: None)


def restore(site: Site, file: Path) -> None:
    restore_campus(by=None, at=now(), campus=site.campus, file=file, on_progress=lambda _: None)


def scan(host: Site, event_id: UUID, person: Person, **more: Any) -> Any:
    with host.here():
        request = ScanRequest(event_id=event_id, method=Method.PASS, value=pass_of(person), **more)
        answer = record_scan(by=host.scanner.user, at=now(), scan=request)
    assert answer.status in {200, 201}, answer.body
    return answer.body["attendance"]["id"]


def undo(host: Site, attendance_id: UUID) -> None:
    with host.here():
        undo_attendance(by=host.admin.user, at=now(), attendance_id=attendance_id, reason="not them")


def ledger() -> list[tuple]:
    """What campuses were promised: everybody who counts, and the events as they were shared."""
    with public_context():
        columns = ("event_id", "person_id", "host", "home", "status", "first_in_at", "last_out_at")
        return [
            *Visit.objects.exclude(status="void").order_by("event_id", "person_id").values_list(*columns),
            *FederatedEvent.objects.order_by("id").values_list("id", "status", "title", "starts_at", "ends_at"),
            *Invitation.objects.order_by("event_id", "campus").values_list("event_id", "campus", "seats", "taken"),
        ]


def presence(host: Site) -> set[tuple]:
    """What the host itself says of its shared events: who counts, and as what."""
    with host.here():
        rows = Attendance.objects.exclude(status="void").filter(event__federated_event_id__isnull=False)
        return {
            (row.event.federated_event_id, row.person.person_id, row.status, row.first_in_at, row.last_out_at)
            for row in rows.select_related("event", "user", "visitor")
        }


def events(host: Site) -> set[tuple]:
    with host.here():
        return {
            (
                row.federated_event_id, row.title, row.status, row.is_multi_campus, str(row.invitations),
                tuple(row.sessions.order_by("id").values_list("id", "name", "starts_at", "closes_at")),
            )
            for row in Event.objects.filter(federated_event_id__isnull=False)
        }  # fmt: skip


def kinds(host: Site, *, repair: bool) -> list[str]:
    with host.here():
        found = reconcile_host(at=now(), repair=repair)
    assert all(one.repaired == repair for one in found), [one.as_json() for one in found]
    return sorted(one.kind for one in found)


def test_the_host_restored_from_an_older_backup(cast: Cast, file: Path) -> None:
    host, home, third = cast.delcarmen, cast.malimono, cast.snsu
    early = make_shared_event(host, home, seats=5, title="Games")
    visitors = enrol(home, 4)
    undone, gone, stays, late = visitors
    undone_id, own_id = scan(host, early.pk, undone), scan(host, early.pk, host.student)
    for person in (gone, stays):
        scan(host, early.pk, person)
    with host.here():
        times = {"starts_at": early.starts_at + timedelta(days=1), "ends_at": early.ends_at + timedelta(days=1)}
        extra = add_session(by=host.organizer.user, at=now(), event_id=early.pk, session=times)
        draft = create_event(
            by=host.organizer.user, at=now(), title="Draft", is_multi_campus=True,
            sessions=[{"starts_at": early.starts_at, "ends_at": early.ends_at}],
            allowed_campuses=["MALIMONO"],
        )  # fmt: skip
    back_up(host, file)

    scan(host, early.pk, late)
    undo(host, undone_id)
    undo(host, own_id)
    scan(host, early.pk, gone, direction=Direction.OUT)
    with home.here():
        register(by=home.friend.user, at=now(), event_id=early.pk)
    with host.here():
        organizer = host.organizer.user
        remove_session(by=organizer, at=now(), event_id=early.pk, session_id=extra.pk)
        changes = {"title": "Great Games", "allowed_campuses": ["MALIMONO", "SNSU"], "campus_seats": {"MALIMONO": 9}}
        update_event(by=organizer, at=now(), event_id=early.pk, changes=changes)
        publish_event(by=organizer, at=now(), event_id=draft.pk)
    scan(host, draft.pk, late)
    new = make_shared_event(host, home, third, seats=2, title="New")
    for person in (late, third.student):
        scan(host, new.pk, person)
    over = make_shared_event(host, home, title="Over")
    scan(host, over.pk, stays)
    with host.here():
        cancel_event(by=organizer, at=now(), event_id=over.pk, reason="rain")
    promised, present, planned = ledger(), presence(host), events(host)
    assert disagreements(cast) == []

    restore(host, file)

    assert ledger() == promised
    assert presence(host) != present
    named = kinds(host, repair=False)
    assert {"event", "missing_attendance", "status"} <= set(named)
    assert ledger() == promised
    assert kinds(host, repair=True) == named
    assert kinds(host, repair=True) == []
    assert disagreements(cast) == []
    assert ledger() == promised
    assert presence(host) == present
    assert events(host) == planned
    # What was undone stays undone, and the door goes on.
    with host.here():
        assert Attendance.objects.get(pk=undone_id).status == Attendance.objects.get(pk=own_id).status == "void"
    scan(host, new.pk, visitors[1])
    assert disagreements(cast) == []


def test_a_host_that_lost_a_university_wide_event(cast: Cast, file: Path) -> None:
    host, other = cast.delcarmen, cast.malimono
    early_id, held = hold_everywhere(cast, host, other)
    back_up(host, file)
    late_id, new = hold_everywhere(cast, host, other)
    for person in (host.student, other.student, cast.snsu.student):
        if person.site is not cast.snsu:
            scan(host, new["DELCARMEN"].pk, person)
    scan(other, new["MALIMONO"].pk, host.friend)
    with public_context():
        cancel_common_event(by=cast.super_admin.user, at=now(), event_id=early_id, reason="rain")
    promised = ledger()

    restore(host, file)
    assert {"event", "missing_attendance"} <= set(kinds(host, repair=True))

    assert kinds(host, repair=True) == []
    assert ledger() == promised
    with host.here():
        again = Event.objects.get(federated_event_id=late_id)
        assert (again.status, again.attendances.count()) == ("published", 2)
        assert Event.objects.get(pk=held["DELCARMEN"].pk).status == "cancelled"
    # Who was counted elsewhere meanwhile still is.
    with host.here():
        request = ScanRequest(event_id=again.pk, method=Method.PASS, value=pass_of(host.friend))
        answer = record_scan(by=host.scanner.user, at=now(), scan=request)
    assert answer.body["code"] in {"already_counted_elsewhere", "session_closed"}


def test_people_counted_elsewhere_since_the_backup(cast: Cast, file: Path) -> None:
    host, other = cast.delcarmen, cast.malimono
    _, held = hold_everywhere(cast, host, other)
    here_id = scan(host, held["DELCARMEN"].pk, cast.malimono.student)
    back_up(host, file)
    undo(host, here_id)
    scan(other, held["MALIMONO"].pk, cast.malimono.student)
    promised = ledger()

    restore(host, file)
    assert len(kinds(host, repair=True)) == 1

    assert ledger() == promised
    assert presence(host) == set()
    assert kinds(host, repair=True) == []
    assert disagreements(cast) == []


def test_scans_between_restore_and_reconciliation(cast: Cast, file: Path) -> None:
    host, home = cast.delcarmen, cast.malimono
    event = make_shared_event(host, home)
    with host.here():
        times = {"starts_at": event.starts_at, "ends_at": event.ends_at}
        gone = add_session(by=host.organizer.user, at=now(), event_id=event.pk, session=times)
        kept = event.sessions.exclude(pk=gone.pk).get()
    back_up(host, file)
    with host.here():
        remove_session(by=host.organizer.user, at=now(), event_id=event.pk, session_id=gone.pk)
    scan(host, event.pk, home.student, session_id=kept.pk)

    restore(host, file)
    # Known to the ledger, unknown to the host: recorded anew, counted once. And at a session that was taken away.
    scan(host, event.pk, home.student, session_id=kept.pk)
    scan(host, event.pk, home.friend, session_id=gone.pk)
    with public_context():
        assert Visit.objects.exclude(status="void").count() == 2
    kinds(host, repair=True)

    assert kinds(host, repair=True) == []
    assert disagreements(cast) == []
    with host.here():
        assert Session.objects.filter(event=event).count() == 2
        assert Attendance.objects.exclude(status="void").count() == 2


def test_the_home_campus_restored(cast: Cast, file: Path) -> None:
    host, home = cast.delcarmen, cast.malimono
    event = make_shared_event(host, home, seats=4)
    scan(host, event.pk, home.student)
    back_up(home, file)
    scan(host, event.pk, home.friend)
    undo(host, scan(host, event.pk, home.organizer))
    with home.here():
        register(by=home.admin.user, at=now(), event_id=event.pk)
    promised = ledger()

    restore(home, file)

    assert ledger() == promised
    assert [kinds(site, repair=False) for site in (home, host, cast.snsu)] == [[], [], []]
    with home.here():
        assert list_away_visits().exclude(status="void").count() == 2
        register(by=home.admin.user, at=now(), event_id=event.pk)  # has the place still
    assert ledger() == promised
    scan(host, event.pk, home.admin)
    assert disagreements(cast) == []


def test_the_command_says_what_it_found_and_mended(cast: Cast, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    host, home = cast.delcarmen, cast.malimono
    event = make_shared_event(host, home)
    back_up(host, file)
    scan(host, event.pk, home.student)
    restore(host, file)

    with pytest.raises(CommandError, match="1 of 1 differences are left"):
        call_command("reconcile_federation")
    call_command("reconcile_federation", "--repair")
    assert "missing_attendance" in capsys.readouterr().out
    call_command("reconcile_federation")
    assert "agree (0 repaired)" in capsys.readouterr().out
