"""events/attendance/mark_attendance/: the main job."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection

from shared_apps.accounts.services.users import update_user
from shared_apps.common.clock import now
from shared_apps.common.ids import uuid7
from tenant_apps.attendance.models import Attendance, Scan
from tests.cast import Cast, Http, Person, Site
from tests.factories import make_event, pass_of

MARK = "events/attendance/mark_attendance/"


def count_rows(site: Site) -> tuple[int, int]:
    """Return how many attendances and scans a campus has."""
    with site.here():
        return Attendance.objects.count(), Scan.objects.count()


def code_of(answer) -> str:
    return answer.json()["errors"][0]["code"]


@pytest.mark.parametrize("identify", ["pass", "student_id", "user_id"])
def test_scanner_records_by_pass_student_id_and_user(cast: Cast, http: Http, identify: str) -> None:
    campus, other = cast.malimono, cast.delcarmen
    event = make_event(campus)
    named = {"pass": pass_of(campus.student), "student_id": "2024-0001", "user_id": str(campus.student.id)}[identify]

    answer = http.post(MARK, {"event_id": str(event.pk), identify: named}, by=campus.scanner)

    assert answer.status_code == 201, answer.content
    body = answer.json()
    assert (body["outcome"], body["code"]) == ("recorded", "recorded")
    assert body["person"] == {"id": str(campus.student.id), "display_name": "Ana Reyes", "student_id": "2024-0001"}
    assert body["attendance"]["status"] == "present"
    assert body["home_campus"] == "MALIMONO"
    assert body["cross_campus_attendance"] is False
    assert count_rows(campus) == (1, 1)
    assert count_rows(other) == (0, 0)


def test_second_scan_answers_the_first_record(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event = make_event(campus)
    scan = {"event_id": str(event.pk), "student_id": "2024-0001"}
    first = http.post(MARK, scan, by=campus.scanner).json()

    again = http.post(MARK, scan, by=campus.organizer)

    assert again.status_code == 200
    body = again.json()
    assert body["outcome"] == "duplicate"
    assert body["first"]["scan"] == first["scan"]["id"]
    assert body["first"]["at"] == first["attendance"]["first_in_at"]
    assert body["first"]["operator"] == str(campus.scanner.id)
    assert body["attendance"]["id"] == first["attendance"]["id"]
    assert count_rows(campus) == (1, 2)


def test_retry_gets_the_first_answer_even_after_the_pass_was_replaced(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event = make_event(campus)
    scan = {"event_id": str(event.pk), "pass": pass_of(campus.student), "scan_id": str(uuid7())}
    first = http.post(MARK, scan, by=campus.scanner)
    with campus.here():
        campus.student.user.pass_serial += 1
        campus.student.user.save()

    retry = http.post(MARK, scan, by=campus.scanner)

    assert (retry.status_code, retry.json()) == (first.status_code, first.json())
    assert count_rows(campus) == (1, 1)


def test_retry_of_a_refusal_is_the_same_refusal(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event = make_event(campus, starts=600)
    scan = {"event_id": str(event.pk), "student_id": "2024-0001", "scan_id": str(uuid7())}
    first = http.post(MARK, scan, by=campus.scanner)

    retry = http.post(MARK, scan, by=campus.scanner)

    assert first.status_code == retry.status_code == 422
    assert first.json() == retry.json()
    assert count_rows(campus) == (0, 1)


@pytest.mark.parametrize("change", [{"student_id": "2024-0002"}, {"direction": "out"}, {"reason": "other"}])
def test_scan_id_with_another_content_is_refused(cast: Cast, http: Http, change: dict) -> None:
    campus = cast.malimono
    event = make_event(campus)
    scan = {"event_id": str(event.pk), "student_id": "2024-0001", "scan_id": str(uuid7())}
    http.post(MARK, scan, by=campus.scanner)

    answer = http.post(MARK, {**scan, **change}, by=campus.scanner)

    assert (answer.status_code, code_of(answer)) == (409, "scan_id_reused")
    assert count_rows(campus) == (1, 1)


def test_the_same_scan_id_on_two_campuses_is_two_scans(cast: Cast, http: Http) -> None:
    scan_id = str(uuid7())

    for campus in (cast.malimono, cast.delcarmen):
        event = make_event(campus)
        scan = {"event_id": str(event.pk), "student_id": "2024-0001", "scan_id": scan_id}
        assert http.post(MARK, scan, by=campus.scanner).status_code == 201

    assert count_rows(cast.malimono) == count_rows(cast.delcarmen) == (1, 1)


@pytest.mark.parametrize(("status", "code"), [("cancelled", "event_cancelled"), ("completed", "event_completed")])
def test_closed_events_refuse_and_keep_the_evidence(cast: Cast, http: Http, status: str, code: str) -> None:
    campus = cast.malimono
    event = make_event(campus, status=status)

    answer = http.post(MARK, {"event_id": str(event.pk), "student_id": "2024-0001"}, by=campus.scanner)

    assert (answer.status_code, code_of(answer)) == (422, code)
    assert answer.json()["type"] == "client_error"
    assert answer.json()["outcome"] == "refused"
    assert count_rows(campus) == (0, 1)


def test_none_open_is_session_closed_and_several_open_is_session_required(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    later = make_event(campus, starts=300)
    both = make_event(campus, sessions=2, apart=5)
    with campus.here():
        second = both.sessions.order_by("starts_at")[1]

    closed = http.post(MARK, {"event_id": str(later.pk), "student_id": "2024-0001"}, by=campus.scanner)
    several = http.post(MARK, {"event_id": str(both.pk), "student_id": "2024-0001"}, by=campus.scanner)
    said = http.post(
        MARK, {"event_id": str(both.pk), "session_id": str(second.pk), "student_id": "2024-0001"}, by=campus.scanner
    )

    assert (closed.status_code, code_of(closed)) == (422, "session_closed")
    assert (several.status_code, code_of(several)) == (422, "session_required")
    assert (said.status_code, said.json()["attendance"]["session"]) == (201, str(second.pk))


def test_passes_are_checked(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event = make_event(campus)
    genuine = pass_of(campus.student)
    flipped = genuine[:-5] + ("A" if genuine[-5] != "A" else "B") + genuine[-4:]
    with campus.here():
        campus.friend.user.pass_serial = 7
        campus.friend.user.save()
    revoked = pass_of(campus.friend)
    with campus.here():
        campus.friend.user.pass_serial = 8
        campus.friend.user.save()

    answers = {
        name: http.post(MARK, {"event_id": str(event.pk), "pass": text}, by=campus.scanner)
        for name, text in {
            "forged": flipped, "revoked": revoked, "foreign": pass_of(cast.delcarmen.student), "nothing": "hello",
        }.items()
    }  # fmt: skip

    assert {name: (answer.status_code, code_of(answer)) for name, answer in answers.items()} == {
        "forged": (422, "pass_forged"),
        "revoked": (422, "pass_revoked"),
        "foreign": (403, "campus_not_invited"),
        "nothing": (404, "unknown_pass"),
    }
    assert count_rows(campus) == (0, 4)


def test_unknown_inactive_and_absent_people_are_refused(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event = make_event(campus)
    with campus.here():
        update_user(by=campus.admin.user, at=now(), user_id=campus.friend.id, changes={"is_active": False})

    unknown = http.post(MARK, {"event_id": str(event.pk), "student_id": "9999"}, by=campus.scanner)
    foreign = http.post(MARK, {"event_id": str(event.pk), "user_id": str(cast.delcarmen.student.id)}, by=campus.scanner)
    inactive = http.post(MARK, {"event_id": str(event.pk), "student_id": "2024-0002"}, by=campus.scanner)
    gone = http.post(
        MARK, {"event_id": str(event.pk), "student_id": "2024-0001", "direction": "out"}, by=campus.scanner
    )

    assert (unknown.status_code, code_of(unknown)) == (404, "unknown_person")
    assert (foreign.status_code, code_of(foreign)) == (404, "unknown_person")
    assert (inactive.status_code, code_of(inactive)) == (422, "person_inactive")
    assert (gone.status_code, code_of(gone)) == (422, "not_checked_in")
    assert count_rows(campus) == (0, 4)


def test_lunch_is_no_early_leaving_and_an_earlier_scan_that_arrives_later_counts(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event = make_event(campus, starts=-40)
    scan = {"event_id": str(event.pk), "student_id": "2024-0001"}

    def captured(minutes: float, **more: str) -> dict:
        moment = (now() - timedelta(minutes=minutes)).isoformat()
        return http.post(MARK, {**scan, "captured_at": moment, **more}, by=campus.scanner).json()

    assert captured(10)["attendance"]["status"] == "late"
    assert captured(5, direction="out")["attendance"]["status"] == "left_early"
    back = captured(2)
    earlier = captured(39)

    assert (back["outcome"], back["attendance"]["status"], back["attendance"]["last_out_at"]) == (
        "recorded", "late", None,
    )  # fmt: skip
    assert (earlier["outcome"], earlier["attendance"]["status"]) == ("duplicate", "present")
    with campus.here():
        kept = Attendance.objects.get()
        assert (kept.status, kept.last_out_at) == ("present", None)
        assert now() - kept.first_in_at > timedelta(minutes=38)


def test_going_out_early_and_at_the_end(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event = make_event(campus, starts=-125)  # ended 5 minutes ago
    with campus.here():
        session = event.sessions.get()
        session.closes_at = now() + timedelta(minutes=30)
        session.save()
    scan = {"event_id": str(event.pk), "student_id": "2024-0001"}
    come = http.post(MARK, {**scan, "captured_at": (now() - timedelta(minutes=120)).isoformat()}, by=campus.scanner)

    early = http.post(
        MARK,
        {**scan, "direction": "out", "captured_at": (now() - timedelta(minutes=60)).isoformat()},
        by=campus.scanner,
    )
    late = http.post(MARK, {**scan, "direction": "out"}, by=campus.scanner)

    assert come.json()["attendance"]["status"] == "present"
    assert early.json()["attendance"]["status"] == "left_early"
    assert late.json()["attendance"]["status"] == "present"
    with campus.here():
        kept = Attendance.objects.get()
    assert kept.status == "present"
    assert kept.last_out_at > kept.first_in_at


def test_a_wrong_clock_is_corrected_and_flagged(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event = make_event(campus)

    answer = http.post(
        MARK,
        {"event_id": str(event.pk), "student_id": "2024-0001", "captured_at": "2026-01-01T00:00:00"},
        by=campus.scanner,
    )

    scan = answer.json()["scan"]
    assert answer.status_code == 201
    assert scan["time_corrected"] is True
    assert scan["effective_at"] == scan["received_at"]
    assert scan["captured_at"] == "2026-01-01T00:00:00+08:00"


def test_student_who_calls_as_the_guide_does_needs_a_proof(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event, draft = make_event(campus), make_event(campus, status="draft")
    foreign = make_event(cast.delcarmen)

    def call(event_id: object):
        return http.post(MARK, {"event_id": event_id}, by=campus.student)

    real, unknown, hidden, elsewhere = (
        call(str(event.pk)),
        call(str(uuid4())),
        call(str(draft.pk)),
        call(str(foreign.pk)),
    )
    malformed = call("abc")

    assert (real.status_code, code_of(real)) == (422, "proof_required")
    assert (malformed.status_code, malformed.json()["errors"][0]["attr"]) == (400, "event_id")
    assert unknown.status_code == hidden.status_code == elsewhere.status_code == 404
    assert unknown.json() == hidden.json() == elsewhere.json()
    assert count_rows(campus) == (0, 0)


def test_nobody_marks_a_friend(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event = make_event(campus)

    answer = http.post(MARK, {"event_id": str(event.pk), "student_id": "2024-0002"}, by=campus.student)

    assert (answer.status_code, code_of(answer)) == (422, "proof_required")
    assert count_rows(campus) == (0, 0)


def test_organizers_record_at_the_events_they_run(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event, draft = make_event(campus), make_event(campus, status="draft")

    def mark(person: Person, where) -> tuple[int, str | None]:
        answer = http.post(MARK, {"event_id": str(where.pk), "student_id": "2024-0001"}, by=person)
        return answer.status_code, answer.json().get("errors", [{"code": None}])[0]["code"]

    assert mark(campus.other_organizer, event) == (403, "not_your_event")
    assert mark(campus.other_organizer, draft) == (404, "not_found")
    assert mark(campus.scanner, draft) == (404, "not_found")
    assert mark(campus.organizer, draft) == (422, "event_not_published")
    assert mark(campus.organizer, event) == (201, None)
    assert mark(campus.admin, event) == (200, None)


@pytest.mark.parametrize(
    ("body", "attr", "code"),
    [
        ({}, "event_id", "required"),
        ({"event_id": "abc"}, "event_id", "invalid"),
        ({"event_id": 7}, "event_id", "invalid"),
        ({"student_id": "2024-0001"}, "event_id", "required"),
        ({"event_id": str(uuid4())}, "pass", "identify_person"),
        ({"event_id": str(uuid4()), "student_id": "1", "user_id": str(uuid4())}, "pass", "identify_person"),
        ({"event_id": str(uuid4()), "user_id": "1"}, "user_id", "invalid"),
        ({"event_id": str(uuid4()), "student_id": "1", "direction": "up"}, "direction", "invalid_choice"),
        (
            {"event_id": str(uuid4()), "student_id": "1", "captured_at": "9999-12-31T23:59:59"},
            "captured_at",
            "out_of_range",
        ),
        (
            {"event_id": str(uuid4()), "student_id": "1", "captured_at": "9999-12-31T23:59:59Z"},
            "captured_at",
            "out_of_range",
        ),
        (
            {"event_id": str(uuid4()), "student_id": "1", "captured_at": "0001-01-01T00:00:00+14:00"},
            "captured_at",
            "out_of_range",
        ),
        ({"event_id": str(uuid4()), "student_id": "1", "captured_at": "yesterday"}, "captured_at", "invalid"),
        ({"event_id": str(uuid4()), "student_id": "1", "scan_id": "x"}, "scan_id", "invalid"),
        ({"event_id": str(uuid4()), "student_id": "1", "outcome": "recorded"}, "outcome", "unknown_field"),
        ({"event_id": str(uuid4()), "student_id": ["1"]}, "student_id", "invalid"),
        ({"event_id": str(uuid4()), "pass": "x" * 201}, "pass", "max_length"),
    ],
)
def test_bad_input_is_named(cast: Cast, http: Http, body: dict, attr: str, code: str | None) -> None:
    answer = http.post(MARK, body, by=cast.malimono.scanner)

    assert answer.status_code == 400, answer.content
    error = next(error for error in answer.json()["errors"] if error["attr"] == attr)
    assert code is None or error["code"] == code
    assert count_rows(cast.malimono) == (0, 0)


def test_statements_of_a_scan_stay_within_four(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event = make_event(campus)
    scan = {"event_id": str(event.pk), "pass": pass_of(campus.student)}
    http.get("auth/me/", by=campus.scanner)  # the registry is in memory now

    def statements(body: dict) -> int:
        before = connection.statements
        http.post(MARK, body, by=campus.scanner)
        return connection.statements - before

    assert statements(scan) == 3  # token, facts, scan with attendance
    assert statements(scan) == 3  # a duplicate
    assert statements({**scan, "pass": "nothing"}) == 3  # a refusal
    assert statements({**scan, "scan_id": str(uuid7()), "direction": "out"}) == 3
