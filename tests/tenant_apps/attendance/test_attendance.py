"""events/attendance/: who sees what, and undo."""

from uuid import uuid4

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from shared_apps.audit.models import AuditEntry
from shared_apps.common.clock import now
from tenant_apps.attendance.models import Attendance, Correction, Scan
from tests.cast import Cast, Http
from tests.factories import make_event

MARK = "events/attendance/mark_attendance/"


@pytest.fixture
def recorded(cast: Cast, http: Http) -> dict[str, str]:
    """Ana and Ben are present at one event of each campus; return Ana's attendance at Malimono."""
    for campus in (cast.delcarmen, cast.malimono):
        event = make_event(campus)
        for student_id in ("2024-0002", "2024-0001"):
            answer = http.post(MARK, {"event_id": str(event.pk), "student_id": student_id}, by=campus.scanner)
            assert answer.status_code == 201
    return {"id": answer.json()["attendance"]["id"], "event": str(event.pk)}


def ids(answer) -> set[str]:
    assert answer.status_code == 200, answer.content
    return {row["student_id"] for row in answer.json()["results"]}


def test_students_see_their_own_and_staff_what_they_run(cast: Cast, http: Http, recorded: dict) -> None:
    campus = cast.malimono

    assert ids(http.get("events/attendance/", by=campus.student)) == {"2024-0001"}
    assert ids(http.get("events/attendance/", by=campus.organizer)) == {"2024-0001", "2024-0002"}
    assert ids(http.get("events/attendance/", by=campus.other_organizer)) == set()
    assert ids(http.get("events/attendance/", by=campus.admin)) == {"2024-0001", "2024-0002"}
    assert http.get("events/attendance/", by=campus.scanner).status_code == 403


def test_one_attendance_of_somebody_else_answers_as_none(cast: Cast, http: Http, recorded: dict) -> None:
    path = f"events/attendance/{recorded['id']}/"

    own = http.get(path, by=cast.malimono.student)
    strangers = [
        http.get(path, by=cast.malimono.friend),
        http.get(path, by=cast.malimono.other_organizer),
        http.get(path, by=cast.delcarmen.admin),
    ]
    nowhere = http.get(f"events/attendance/{uuid4()}/", by=cast.malimono.student)

    assert own.json()["display_name"] == "Ana Reyes"
    assert {(answer.status_code, answer.content) for answer in strangers} == {(404, nowhere.content)}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, 2),
        ({"status": "present"}, 2),
        ({"status": "late"}, 0),
        ({"status": "void"}, 0),
        ({"event": str(uuid4())}, 0),
        ({"page_size": "1"}, 2),
    ],
)
def test_filters(cast: Cast, http: Http, recorded: dict, query: dict, found: int) -> None:
    assert http.get("events/attendance/", by=cast.malimono.admin, **query).json()["count"] == found


@pytest.mark.parametrize(
    "query", [{"event": "abc"}, {"status": "there"}, {"user": "\x00"}, {"ordering": "user__password"}]
)
def test_unusable_filters_are_named(cast: Cast, http: Http, recorded: dict, query: dict) -> None:
    answer = http.get("events/attendance/", by=cast.malimono.admin, **query)

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["attr"] == next(iter(query))


def test_undo_keeps_the_scans_and_a_later_scan_revives(cast: Cast, http: Http, recorded: dict) -> None:
    campus = cast.malimono
    undo = f"events/attendance/{recorded['id']}/undo/"

    undone = http.post(undo, {"reason": "Scanned the wrong card"}, by=campus.organizer)
    twice = http.post(undo, {"reason": "again"}, by=campus.organizer)
    listed = ids(http.get("events/attendance/", by=campus.admin))
    revived = http.post(MARK, {"event_id": recorded["event"], "student_id": "2024-0001"}, by=campus.scanner)

    assert (undone.status_code, undone.json()["status"]) == (200, "void")
    assert (twice.status_code, twice.json()["errors"][0]["code"]) == (409, "already_void")
    assert listed == {"2024-0002"}
    assert (revived.status_code, revived.json()["attendance"]["id"]) == (201, recorded["id"])
    with campus.here():
        assert Scan.objects.filter(attendance_id=recorded["id"]).count() == 2
        correction = Correction.objects.get()
        assert (correction.from_status, correction.to_status) == ("present", "void")
        assert AuditEntry.objects.filter(action="attendance.undone", target_id=recorded["id"]).count() == 1


def test_undo_needs_a_reason_and_the_right_person(cast: Cast, http: Http, recorded: dict) -> None:
    campus = cast.malimono
    undo = f"events/attendance/{recorded['id']}/undo/"

    empty = http.post(undo, {"reason": ""}, by=campus.organizer)
    student = http.post(undo, {"reason": "please"}, by=campus.student)
    other = http.post(undo, {"reason": "please"}, by=campus.other_organizer)
    foreign = http.post(undo, {"reason": "please"}, by=cast.delcarmen.admin)

    assert [a.status_code for a in (empty, student, other, foreign)] == [400, 403, 404, 404]
    with campus.here():
        assert Attendance.objects.get(pk=recorded["id"]).status == "present"
        assert Correction.objects.count() == 0


def test_scan_log_shows_refusals_by_cursor(cast: Cast, http: Http, recorded: dict) -> None:
    campus = cast.malimono
    http.post(MARK, {"event_id": recorded["event"], "pass": "nothing"}, by=campus.scanner)

    log = http.get("events/attendance/scans/", by=campus.admin, event=recorded["event"]).json()
    refused = http.get("events/attendance/scans/", by=campus.organizer, outcome="refused").json()
    other = http.get("events/attendance/scans/", by=campus.other_organizer).json()

    assert [row["code"] for row in log["results"]] == ["unknown_pass", "recorded", "recorded"]
    assert [row["code"] for row in refused["results"]] == ["unknown_pass"]
    assert refused["results"][0]["detail"] == "This is not a pass."
    assert refused["results"][0]["rules"] == [
        {"rule": "event_open", "held": True}, {"rule": "proof_genuine", "held": False},
    ]  # fmt: skip
    assert other["results"] == []


@pytest.mark.parametrize("statement", ["UPDATE attendance_scan SET code = 'recorded'", "DELETE FROM attendance_scan"])
def test_scans_are_insert_only_for_the_campus_itself(cast: Cast, recorded: dict, statement: str) -> None:
    with cast.malimono.here():
        with connection.cursor() as cursor, pytest.raises(DatabaseError, match="permission denied"):
            cursor.execute(statement)

        assert Scan.objects.count() == 2


def test_named_constraints_hold_whatever_the_code_does(cast: Cast, recorded: dict) -> None:
    with cast.malimono.here():
        row = Attendance.objects.get(pk=recorded["id"])
        broken = {
            "attendance_attendance_person_once": {"pk": uuid4()},
            "attendance_attendance_status_known": {"pk": uuid4(), "user_id": cast.malimono.friend.id, "status": "x"},
        }
        for name, changes in broken.items():
            values = {field.attname: getattr(row, field.attname) for field in Attendance._meta.fields} | changes
            with pytest.raises(IntegrityError, match=name), transaction.atomic():
                Attendance.objects.create(**{**values, "id": values.pop("pk")} if "pk" in values else values)
        row.last_out_at = row.first_in_at.replace(year=2020)
        with pytest.raises(IntegrityError, match="attendance_attendance_out_after_in"):
            row.save()
        with pytest.raises(IntegrityError, match="attendance_correction_has_reason"):
            Correction.objects.create(
                attendance=row, from_status="present", to_status="void", reason="", decided_at=now()
            )
        scan = Scan.objects.first()
        values = {field.attname: getattr(scan, field.attname) for field in Scan._meta.fields} | {"scan_id": uuid4()}
        Scan.objects.create(**{**values, "id": uuid4()})
        with pytest.raises(IntegrityError, match="attendance_scan_id_once"):
            Scan.objects.create(**{**values, "id": uuid4()})
        with pytest.raises(IntegrityError, match="attendance_scan_outcome_known"):
            Scan.objects.create(**{**values, "id": uuid4(), "scan_id": None, "outcome": "maybe"})


def test_list_costs_the_same_at_one_and_at_many(cast: Cast, http: Http, recorded: dict) -> None:
    campus = cast.malimono

    def statements(**query: str) -> int:
        before = connection.statements
        assert http.get("events/attendance/", by=campus.admin, **query).status_code == 200
        return connection.statements - before

    assert statements(page_size="1") == statements(page_size="100") <= 6
