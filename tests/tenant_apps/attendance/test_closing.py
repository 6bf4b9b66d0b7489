"""Closing a session: who was expected, what scans amount to, who was absent; once, whoever does it."""

import threading
from datetime import datetime, timedelta
from io import StringIO
from uuid import UUID, uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, connections, transaction

from shared_apps.accounts.models import Profile, User
from shared_apps.audit.models import AuditEntry
from shared_apps.common.clock import now
from shared_apps.federation.models import Visit, VisitChange
from shared_apps.federation.services.transfers import TranscriptEntry
from shared_apps.outbox.models import OutboxMessage, Slot
from tenant_apps.attendance import tasks
from tenant_apps.attendance.models import Attendance, AttendanceRequest, Correction, Expected, Scan
from tenant_apps.attendance.selectors.attendance import list_presences
from tenant_apps.attendance.services import closing
from tenant_apps.attendance.services.closing import close_due_sessions, close_session, reevaluate_event
from tenant_apps.attendance.services.reconciling import reconcile_host
from tenant_apps.events.models import Event, Session
from tenant_apps.events.services.editing import cancel_event, complete_event, reopen_event
from tenant_apps.notifications.models import Notice
from tenants.context import campus_context, public_context
from tests.cast import Cast, Http, Person, Site
from tests.factories import make_event, make_session, make_shared_event, pass_of

MARK = "events/attendance/mark_attendance/"
HOUR = timedelta(hours=1)


def required(site: Site, *, starts: float = -10, audience: list[dict] | None = None, **policy) -> Session:
    """A required event of ``site`` with one session of two hours; return the session."""
    event = make_event(site, starts=starts)
    with site.here():
        Event.objects.filter(pk=event.pk).update(is_required=True, audience=audience or [])
        Session.objects.filter(event=event).update(**policy)
        return Session.objects.select_related("event").get(event=event)


def come(site: Site, session: Session, who: Person | UUID, at: datetime, direction: str = "in") -> Attendance:
    """Store presence as doors do, at a time of our choosing: a scan, and the attendance it began."""
    user_id = who.id if isinstance(who, Person) else who
    with site.here():
        row, _ = Attendance.objects.get_or_create(
            session=session, user_id=user_id,
            defaults={
                "event_id": session.event_id, "status": "present", "first_in_at": at, "method": "user",
                "created_at": at, "updated_at": at, "first_scan_id": uuid4(),
            },
        )  # fmt: skip
        Scan.objects.create(
            fingerprint=b"x", event_id=session.event_id, session_id=session.pk, user_id=user_id, attendance_id=row.pk,
            operator_id=site.scanner.id, direction=direction, method="user", outcome="recorded", code="recorded",
            received_at=at, effective_at=at, answer={},
        )  # fmt: skip
        if direction == "out":
            Attendance.objects.filter(pk=row.pk).update(last_out_at=at, status="left_early")
    return row


def close(site: Site, session: Session) -> closing.Closing | None:
    with site.here():
        return close_session(session_id=session.pk, at=session.closes_at + timedelta(minutes=5))


def statuses(site: Site, session: Session) -> dict[str, str]:
    with site.here():
        rows = Attendance.objects.filter(session=session, user__isnull=False)
        return dict(rows.values_list("user__username", "status"))


def enrol(site: Site, count: int, **group) -> list[UUID]:
    """Create students in bulk; return their ids."""
    with site.here():
        users = [User(username=f"m{n}", student_id=f"M-{n}", role="student", password="!") for n in range(count)]
        User.objects.bulk_create(users)
        Profile.objects.bulk_create([Profile(user=user, **group) for user in users])
    return [user.pk for user in users]


def test_the_absent_appear_and_are_told(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    session = required(campus)
    come(campus, session, campus.student, session.starts_at)

    closed = close(campus, session)

    assert closed == closing.Closing(expected=2, absent=1, excused=0, settled=1)
    assert statuses(campus, session) == {"ana": "present", "ben": "absent"}
    listed = http.get("events/attendance/", by=campus.friend, status="absent").json()["results"]
    assert [(row["status"], row["first_in_at"], row["stayed"], row["decided_status"]) for row in listed] == [
        ("absent", None, 0, "")
    ]
    (ana,) = http.get("events/attendance/", by=campus.student).json()["results"]
    assert (ana["status"], ana["stayed"]) == ("present", 7200)
    by_organizer = http.get("events/attendance/", by=campus.organizer).json()["results"]
    assert {row["status"] for row in by_organizer} == {"present", "absent"}
    with campus.here():
        notice = Notice.objects.get()
        assert (notice.user_id, notice.kind, notice.event_id) == (
            campus.friend.id, "attendance.absent", session.event_id,
        )  # fmt: skip
        assert AuditEntry.objects.get(action="session.closed").changes["absent"] == 1
        assert Session.objects.get(pk=session.pk).closed_at == session.closes_at + timedelta(minutes=5)
    with cast.delcarmen.here():
        assert Attendance.objects.count() == Expected.objects.count() == Notice.objects.count() == 0


def test_nobody_is_expected_where_nobody_has_to_come(cast: Cast) -> None:
    campus = cast.malimono
    session = required(campus)
    with campus.here():
        Event.objects.update(is_required=False)
    come(campus, session, campus.student, session.starts_at)

    assert close(campus, session) == closing.Closing(expected=0, absent=0, excused=0, settled=1)
    assert statuses(campus, session) == {"ana": "present"}


@pytest.mark.parametrize(
    ("audience", "expected"),
    [
        ([], {"ana", "ben", "m0", "m1"}),
        ([{"department": "cite"}], {"ana", "ben"}),
        ([{"department": "CITE", "program": "bsit", "year_level": 2, "section": "a"}], {"ana", "ben"}),
        ([{"department": "CITE", "year_level": 3}], set()),
        ([{"year_level": 4, "section": None, "program": ""}], {"m0", "m1"}),
        ([{"program": "BSIT"}, {"program": "BSCE"}], {"ana", "ben", "m0", "m1"}),
        ([{"program": "' OR true --"}], set()),
    ],
)
def test_the_audience_decides_who_is_expected(cast: Cast, audience: list[dict], expected: set[str]) -> None:
    campus = cast.malimono
    ids = enrol(campus, 3, department="COE", program="BSCE", year_level=4, section="B")
    with campus.here():
        User.objects.filter(pk=ids[2]).update(is_active=False)
    session = required(campus, audience=audience)

    close(campus, session)

    with campus.here():
        assert set(Expected.objects.values_list("user__username", flat=True)) == expected
    assert statuses(campus, session) == dict.fromkeys(expected, "absent")


def test_who_was_expected_is_frozen_with_their_groups(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    session = required(campus, audience=[{"section": "A"}])
    come(campus, session, campus.student, session.starts_at)
    close(campus, session)
    path = f"events/events/{session.event_id}/sessions/{session.pk}/expected/"
    before = http.get(path, by=campus.organizer).json()

    http.patch(f"accounts/users/{campus.friend.id}/", {"is_active": False}, by=campus.admin)
    http.patch(f"accounts/profiles/{campus.student.id}/", {"section": "B"}, by=campus.admin)
    enrol(campus, 1, section="A")
    with campus.here():
        Event.objects.update(audience=[{"section": "Z"}], is_required=False)
        assert close_session(session_id=session.pk, at=session.closes_at + HOUR) is None
        assert Attendance.objects.count() == 2

    after = http.get(path, by=campus.organizer).json()
    assert [(row["display_name"], row["section"], row["status"]) for row in before["results"]] == [
        ("Ben Cruz", "A", "absent"), ("Ana Reyes", "A", "present"),
    ]  # fmt: skip
    assert after == before


def test_scans_are_settled_when_the_session_is_over(cast: Cast) -> None:
    campus = cast.malimono
    session = required(campus, requires_check_out=True, missing_check_out="left", minimum_stay=60)
    (third,) = enrol(campus, 1)
    come(campus, session, campus.student, session.starts_at)
    come(campus, session, campus.student, session.starts_at + timedelta(minutes=70), "out")
    come(campus, session, campus.friend, session.starts_at)
    come(campus, session, third, session.late_after + timedelta(minutes=1))
    come(campus, session, third, session.ends_at, "out")

    close(campus, session)

    assert statuses(campus, session) == {"ana": "present", "ben": "left_early", "m0": "late"}
    with campus.here():
        ana = Attendance.objects.get(user_id=campus.student.id)
        assert (ana.stayed, ana.last_out_at) == (4200, session.starts_at + timedelta(minutes=70))


def test_whoever_stayed_is_checked_out_at_the_end(cast: Cast) -> None:
    campus = cast.malimono
    session = required(campus, requires_check_out=True)
    come(campus, session, campus.student, session.starts_at + HOUR / 2)

    close(campus, session)

    with campus.here():
        ana = Attendance.objects.get(user_id=campus.student.id)
        assert (ana.status, ana.last_out_at, ana.stayed) == ("late", session.ends_at, 5400)


def test_what_staff_decided_stays_and_what_is_void_is_no_presence(cast: Cast) -> None:
    campus = cast.malimono
    session = required(campus, requires_check_out=True, missing_check_out="left")
    decided = come(campus, session, campus.student, session.starts_at)
    undone = come(campus, session, campus.friend, session.starts_at)
    with campus.here():
        Attendance.objects.filter(pk=decided.pk).update(decided_status="present")
        Attendance.objects.filter(pk=undone.pk).update(status="void")
        Correction.objects.create(
            attendance=undone, from_status="present", to_status="void", reason="x", decided_at=session.starts_at + HOUR
        )

    close(campus, session)

    assert statuses(campus, session) == {"ana": "present", "ben": "absent"}
    with campus.here():
        assert Attendance.objects.get(pk=decided.pk).stayed == 0  # the scans say that they left unseen
        assert Attendance.objects.get(pk=undone.pk).first_in_at is None
        assert list(reevaluate_event(event_id=session.event_id, at=now(), fix=False)) == []


@pytest.mark.parametrize(
    ("state", "kind", "whole_event", "status"),
    [
        ("approved", "excuse", False, "excused"),
        ("approved", "excuse", True, "excused"),
        ("open", "excuse", True, "absent"),
        ("declined", "excuse", True, "absent"),
        ("approved", "correction", True, "absent"),
    ],
)
def test_an_approved_excuse_covers_an_absence(
    cast: Cast, state: str, kind: str, whole_event: bool, status: str
) -> None:
    campus = cast.malimono
    session = required(campus)
    with campus.here():
        other = make_session(session.event, session.starts_at + 5 * HOUR)
        AttendanceRequest.objects.create(
            kind=kind, event=session.event, session=None if whole_event else session, user_id=campus.friend.id,
            wanted_status="excused", reason="Regional games", state=state, requested_at=now(), decide_by=now(),
        )  # fmt: skip

    close(campus, session)
    close(campus, other)

    assert statuses(campus, session)["ben"] == status
    assert statuses(campus, other)["ben"] == ("excused" if status == "excused" and whole_event else "absent")
    with campus.here():
        told = Notice.objects.filter(user_id=campus.friend.id).count()
    assert told == [status, statuses(campus, other)["ben"]].count("absent")


@pytest.mark.parametrize(("minutes", "closes"), [(4.9, False), (5, True), (24 * 60, True)])
def test_a_session_is_closed_five_minutes_after_it_closes(cast: Cast, minutes: float, closes: bool) -> None:
    campus = cast.malimono
    session = required(campus)

    with campus.here():
        assert close_due_sessions(at=session.closes_at + timedelta(minutes=minutes)) == closes
        assert Session.objects.filter(closed_at__isnull=False).exists() is closes


@pytest.mark.parametrize("status", ["draft", "cancelled"])
def test_what_was_not_held_is_not_closed(cast: Cast, status: str) -> None:
    campus = cast.malimono
    session = required(campus)
    with campus.here():
        Event.objects.update(status=status)

        assert close_due_sessions(at=session.closes_at + HOUR) == 0
    assert close(campus, session) is None
    assert statuses(campus, session) == {}


def test_completing_closes_what_had_begun(cast: Cast) -> None:
    campus = cast.malimono
    over, moment = required(campus, starts=-180), now()
    with campus.here():
        event = over.event
        # Past its end, and still open for those who leave.
        Session.objects.filter(pk=over.pk).update(closes_at=moment + HOUR)
        running = make_session(event, moment - HOUR, name="Running")
        coming = make_session(event, moment + HOUR, name="Coming")
        complete_event(by=campus.organizer.user, at=moment, event_id=event.pk, reason="Rain")
        message = OutboxMessage.objects.get(kind="tenant_apps.attendance.tasks.close_event_sessions")

        tasks.close_event_sessions.run(message_id=str(message.pk), **message.payload)
        tasks.close_event_sessions.run(message_id=str(message.pk), **message.payload)

        message.refresh_from_db()
        assert message.finished_at is not None
        closed = Session.objects.filter(closed_at__isnull=False)
        assert [session.pk for session in closed] == [over.pk]
        assert close_due_sessions(at=running.ends_at) == 1
        assert close_due_sessions(at=coming.closes_at + 24 * HOUR) == 0
        assert AuditEntry.objects.filter(action="session.closed").count() == 2


def test_reopening_holds_what_had_not_begun(cast: Cast) -> None:
    campus = cast.malimono
    session = required(campus, starts=60)
    with campus.here():
        complete_event(by=campus.organizer.user, at=now(), event_id=session.event_id, reason="Rain")
        assert close_due_sessions(at=session.closes_at + HOUR) == 0
        reopen_event(by=campus.organizer.user, at=now(), event_id=session.event_id, reason="It stopped")

        assert close_due_sessions(at=session.closes_at + HOUR) == 1


def test_two_at_once_close_it_once(cast: Cast) -> None:
    campus = cast.malimono
    session = required(campus)
    ids = enrol(campus, 300)
    gate, outcomes, lock = threading.Barrier(4), [], threading.Lock()

    def work() -> None:
        try:
            gate.wait()
            with campus_context(campus.campus):
                found = close_session(session_id=session.pk, at=session.closes_at + HOUR)
        except BaseException as error:  # noqa: BLE001
            found = error
        finally:
            connections.close_all()
        with lock:
            outcomes.append(found)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    closed = [outcome for outcome in outcomes if outcome is not None]
    assert closed == [closing.Closing(expected=302, absent=302, excused=0, settled=0)]
    with campus.here():
        assert Expected.objects.count() == Attendance.objects.count() == Notice.objects.count() == len(ids) + 2
        assert AuditEntry.objects.filter(action="session.closed").count() == 1


def test_a_worker_that_dies_leaves_nothing_behind(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    campus = cast.malimono
    session = required(campus)
    come(campus, session, campus.student, session.starts_at + HOUR)

    def die(**values) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(closing, "record_action", die)  # the last that closing does
        close(campus, session)
    with campus.here():
        assert Expected.objects.count() == Notice.objects.count() == 0
        assert not Session.objects.filter(closed_at__isnull=False).exists()
    assert statuses(campus, session) == {"ana": "present"}

    close(campus, session)
    assert statuses(campus, session) == {"ana": "late", "ben": "absent"}


def test_closing_costs_the_same_statements_for_few_and_for_many(cast: Cast) -> None:
    campus = cast.malimono
    few, many = required(campus, audience=[{"section": "A"}]), required(campus)
    crowd = enrol(campus, 400)
    for user_id in crowd[:100]:
        come(campus, many, user_id, many.starts_at)
    come(campus, few, campus.student, few.starts_at)

    def statements(session: Session) -> int:
        with campus.here():
            before = connection.statements
            assert close_session(session_id=session.pk, at=session.closes_at + HOUR) is not None
            return connection.statements - before

    assert statements(few) == statements(many) <= 14


def test_every_campus_closes_its_own(cast: Cast) -> None:
    here, there = cast.malimono, cast.delcarmen
    sessions = {site.host: required(site, starts=-240) for site in (here, there)}

    with here.here():
        tasks.close_sessions.run()

    assert statuses(here, sessions[here.host]) == {"ana": "absent", "ben": "absent"}
    assert statuses(there, sessions[there.host]) == {}


def test_the_minute_is_taken_once(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    monkeypatch.setattr(tasks.close_sessions, "apply_async", lambda headers, expires: sent.append(headers["campus"]))
    with public_context():
        tasks.close_sessions_everywhere.run()
        first = list(sent)
        tasks.close_sessions_everywhere.run()

        assert set(first) == {"MALIMONO", "DELCARMEN", "SNSU"}
        # A test may stand on the edge of a minute: one turn each, whatever the number of calls.
        assert len(sent) == 3 * Slot.objects.filter(name="close_sessions").count()


# --- Reevaluating ---------------------------------------------------------------------------------------------------


def test_reevaluating_gives_the_same_answer_and_names_what_differs(cast: Cast) -> None:
    campus = cast.malimono
    session = required(campus)
    row = come(campus, session, campus.student, session.starts_at)
    close(campus, session)
    out = StringIO()
    call_command("reevaluate_event", str(session.event_id), stdout=out)
    assert "every attendance says what its scans say (0 fixed)" in out.getvalue()
    with campus.here():
        Attendance.objects.filter(pk=row.pk).update(status="late", stayed=1)

    named = StringIO()
    with pytest.raises(CommandError, match="1 attendances"):
        call_command("reevaluate_event", str(session.event_id), stdout=named)
    assert statuses(campus, session)["ana"] == "late"
    call_command("reevaluate_event", str(session.event_id), "--fix", stdout=out)
    call_command("reevaluate_event", str(session.event_id), stdout=out)

    assert f"{row.pk}: stored late in" in named.getvalue()
    assert "scans say present in" in named.getvalue()
    assert statuses(campus, session) == {"ana": "present", "ben": "absent"}
    with campus.here():
        assert AuditEntry.objects.get(action="event.reevaluated").changes == {"attendances": 1}


def test_reevaluating_an_event_of_nowhere(cast: Cast) -> None:
    with pytest.raises(CommandError, match="No campus has an event"):
        call_command("reevaluate_event", str(uuid4()))


# --- The ledger -----------------------------------------------------------------------------------------------------


def test_the_ledger_follows_presence_and_knows_no_absence(cast: Cast, http: Http) -> None:
    host, guest = cast.malimono, cast.delcarmen
    event = make_shared_event(host, guest)
    with host.here():
        Event.objects.filter(pk=event.pk).update(is_required=True)
        session = Session.objects.select_related("event").get(event=event)
        Session.objects.filter(pk=session.pk).update(requires_check_out=True, missing_check_out="left")
        session.refresh_from_db()
    for who in (host.student, guest.student):
        body = {"event_id": str(event.pk), "pass": pass_of(who)}
        assert http.post(MARK, body, by=host.scanner).status_code == 201

    close(host, session)

    assert statuses(host, session) == {"ana": "left_early", "ben": "absent"}
    with host.here():
        assert set(Visit.objects.values_list("status", flat=True)) == {"left_early"}
        assert Visit.objects.count() == 2
        assert (
            list(VisitChange.objects.values_list("from_status", "to_status", "reason"))
            == [("present", "left_early", "The session was closed")] * 2
        )
        assert reconcile_host(at=now(), repair=True) == []
        assert [entry.status for entry in list_presences(host.friend.user)] == []
        assert [type(entry) for entry in list_presences(host.student.user)] == [TranscriptEntry]
    with guest.here():
        assert Visit.objects.get(home="DELCARMEN").status == "left_early"
        assert Attendance.objects.count() == 0


def test_whoever_was_counted_at_another_campus_was_not_absent(cast: Cast, http: Http) -> None:
    here, there = cast.malimono, cast.delcarmen
    begins = now() - timedelta(minutes=10)
    body = {
        "title": "Day", "starts_at": begins.isoformat(), "ends_at": (begins + 8 * HOUR).isoformat(),
        "campuses": [here.campus.code, there.campus.code],
    }  # fmt: skip
    common = http.post("federation/events/", body, by=cast.super_admin).json()["id"]
    sessions = {}
    for site in (here, there):
        session = required(site)
        with site.here():
            Event.objects.filter(pk=session.event_id).update(federated_event_id=common, is_multi_campus=True)
            sessions[site.host] = Session.objects.select_related("event").get(pk=session.pk)
    scan = {"event_id": str(sessions[there.host].event_id), "pass": pass_of(here.student)}
    assert http.post(MARK, scan, by=there.scanner).status_code == 201

    close(here, sessions[here.host])

    assert statuses(here, sessions[here.host]) == {"ben": "absent"}
    path = f"events/events/{sessions[here.host].event_id}/sessions/{sessions[here.host].pk}/expected/"
    rows = http.get(path, by=here.admin).json()["results"]
    assert [(row["display_name"], row["status"], row["attended_at"]) for row in rows] == [
        ("Ben Cruz", "absent", None), ("Ana Reyes", None, "DELCARMEN"),
    ]  # fmt: skip


def test_an_absent_row_in_place_of_lost_presence_is_mended(cast: Cast, http: Http) -> None:
    """The campus was restored from before the scan, and then closed the session: the ledger knows better."""
    host, guest = cast.malimono, cast.delcarmen
    event = make_shared_event(host, guest)
    http.post(MARK, {"event_id": str(event.pk), "pass": pass_of(host.student)}, by=host.scanner)
    with host.here():
        Attendance.objects.update(status="absent", first_in_at=None)

        found = reconcile_host(at=now(), repair=True)

        assert [one.kind for one in found] == ["missing_attendance"]
        assert Attendance.objects.get().status == "present"
        assert reconcile_host(at=now(), repair=False) == []


# --- Who was expected -----------------------------------------------------------------------------------------------


def test_staff_read_who_was_expected(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    session = required(campus)
    path = f"events/events/{session.event_id}/sessions/{session.pk}/expected/"
    early = http.get(path, by=campus.organizer)
    close(campus, session)

    assert (early.status_code, early.json()["errors"][0]["code"]) == (409, "session_not_closed")
    assert http.get(path, by=campus.other_organizer).status_code == 403
    assert http.get(path, by=campus.student).status_code == 403
    assert http.get(path, by=campus.scanner).status_code == 403
    assert http.get(path, by=cast.delcarmen.admin).status_code == 404
    assert http.get(path, by=campus.admin).json()["count"] == 2
    assert http.get(path, by=campus.admin, status="present").json()["count"] == 0
    assert http.get(path, by=campus.admin, section="a", program="bsit", status="absent").json()["count"] == 2
    assert http.get(path, by=campus.admin, status="there").status_code == 400
    assert (
        http.get(f"events/events/{session.event_id}/sessions/{uuid4()}/expected/", by=campus.admin).status_code == 404
    )


def test_the_list_costs_the_same_at_one_and_at_many(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    session = required(campus)
    enrol(campus, 60)
    close(campus, session)
    path = f"events/events/{session.event_id}/sessions/{session.pk}/expected/"

    def statements(size: str) -> int:
        before = connection.statements
        assert http.get(path, by=campus.admin, page_size=size).status_code == 200
        return connection.statements - before

    assert statements("1") == statements("50")


def test_the_list_of_attendance_has_the_absent_and_visits_newest_first(cast: Cast, http: Http) -> None:
    campus, other = cast.malimono, cast.delcarmen
    session = required(campus, starts=-240)
    close(campus, session)
    away = make_shared_event(other, campus)
    http.post(MARK, {"event_id": str(away.pk), "pass": pass_of(campus.student)}, by=other.scanner)

    newest = http.get("events/attendance/", by=campus.student).json()["results"]
    oldest = http.get("events/attendance/", by=campus.student, ordering="created_at").json()["results"]

    assert [(row["status"], row["campus"]) for row in newest] == [("present", "DELCARMEN"), ("absent", "MALIMONO")]
    assert [row["id"] for row in oldest] == [row["id"] for row in reversed(newest)]
    assert (newest[0]["stayed"], newest[0]["decided_status"]) == (None, "")


def test_one_row_for_each_who_was_expected(cast: Cast) -> None:
    campus = cast.malimono
    session = required(campus)
    close(campus, session)

    with campus.here():
        row = Expected.objects.first()
        with pytest.raises(IntegrityError, match="attendance_expected_person_once"), transaction.atomic():
            Expected.objects.create(session=session, user_id=row.user_id, frozen_at=now())
        with connection.cursor() as cursor, pytest.raises(Exception, match="permission denied"):
            cursor.execute("UPDATE attendance_expected SET section = 'Z'")


def test_a_cancelled_event_keeps_what_was_closed(cast: Cast) -> None:
    campus = cast.malimono
    session = required(campus)
    close(campus, session)
    with campus.here():
        cancel_event(by=campus.organizer.user, at=now(), event_id=session.event_id, reason="Typhoon")

    assert statuses(campus, session) == {"ana": "absent", "ben": "absent"}
