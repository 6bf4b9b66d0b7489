"""The answer explains itself: which rules were looked at, and the same without writing."""

import pytest

from shared_apps.common.ids import uuid7
from tenant_apps.attendance.models import Attendance, Scan
from tests.cast import Cast, Http, Site
from tests.factories import make_event, make_shared_event, pass_of
from tests.shared_apps.federation.sharing import hold_everywhere

MARK = "events/attendance/mark_attendance/"


def count_rows(site: Site) -> tuple[int, int]:
    with site.here():
        return Attendance.objects.count(), Scan.objects.count()


def rules_of(answer) -> list[tuple[str, bool]]:
    return [(row["rule"], row["held"]) for row in answer.json()["rules"]]


def test_every_answer_names_the_rules_and_the_one_that_decided(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event, done = make_event(campus), make_event(campus, status="completed")
    scan = {"event_id": str(event.pk), "pass": pass_of(campus.student), "scan_id": str(uuid7())}

    first = http.post(MARK, scan, by=campus.scanner)
    retry = http.post(MARK, scan, by=campus.scanner)
    again = http.post(MARK, {**scan, "scan_id": None}, by=campus.scanner)
    refused = http.post(MARK, {**scan, "scan_id": None, "event_id": str(done.pk)}, by=campus.scanner)

    assert rules_of(first) == rules_of(retry) == [
        ("event_open", True), ("proof_genuine", True), ("person_known", True), ("pass_unexpired", True),
        ("pass_current", True), ("person_active", True), ("session_open", True), ("first_time", True),
    ]  # fmt: skip
    assert rules_of(again)[-1] == ("first_time", False)
    assert rules_of(refused) == [("event_open", False)]
    with campus.here():
        stored = Scan.objects.get(code="event_completed").answer
    assert stored["rules"] == [{"rule": "event_open", "held": False}]


def test_whoever_is_counted_elsewhere_is_told_so(cast: Cast, http: Http) -> None:
    _, events = hold_everywhere(cast, cast.malimono, cast.delcarmen)
    text = pass_of(cast.malimono.student)
    answers = [
        http.post(MARK, {"event_id": str(events[site.campus.code].pk), "pass": text}, by=site.scanner)
        for site in (cast.malimono, cast.delcarmen)
    ]

    assert [answer.status_code for answer in answers] == [201, 422]
    assert rules_of(answers[1])[-1] == ("counted_here", False)


@pytest.mark.parametrize("named", [{}, {"pass": "hello"}, {"student_id": "9999"}, {"student_id": "2024-0001"}])
@pytest.mark.parametrize("direction", ["in", "out"])
def test_a_dry_run_answers_the_same_and_writes_nothing(
    cast: Cast, http: Http, named: dict[str, str], direction: str
) -> None:
    campus = cast.malimono
    event = make_event(campus)
    body = {"event_id": str(event.pk), "direction": direction, **(named or {"pass": pass_of(campus.student)})}

    for turn in range(2):
        before = count_rows(campus)
        dry = http.post(MARK, {**body, "dry_run": True}, by=campus.scanner)
        assert count_rows(campus) == before
        real = http.post(MARK, body, by=campus.scanner)

        said, meant = dry.json(), real.json()
        assert dry.status_code == real.status_code
        assert (said["dry_run"], meant["dry_run"]) == (True, False)
        assert (said["scan"]["id"], meant["scan"]["id"] is None) == (None, False)
        for name in ("outcome", "code", "rules", "person"):
            assert said[name] == meant[name]
        if meant["attendance"]:
            assert said["attendance"]["status"] == meant["attendance"]["status"]
            assert said["attendance"]["id"] == (meant["attendance"]["id"] if turn else None)
    assert count_rows(cast.delcarmen) == (0, 0)


def test_a_dry_run_knows_what_the_ledger_says_and_takes_no_seat(cast: Cast, http: Http) -> None:
    host, home = cast.delcarmen, cast.malimono
    event = make_shared_event(host, home, seats=1)
    body = {"event_id": str(event.pk), "pass": pass_of(home.student)}

    tries = [http.post(MARK, {**body, "dry_run": True}, by=host.scanner).status_code for _ in range(3)]
    assert tries == [201, 201, 201]
    assert http.post(MARK, body, by=host.scanner).status_code == 201
    other = {**body, "pass": pass_of(home.friend), "dry_run": True}
    assert http.post(MARK, other, by=host.scanner).json()["code"] == "seats_taken"

    _, events = hold_everywhere(cast, home, host)
    text = pass_of(home.student)
    http.post(MARK, {"event_id": str(events["MALIMONO"].pk), "pass": text}, by=home.scanner)
    elsewhere = {"event_id": str(events["DELCARMEN"].pk), "pass": text, "dry_run": True}
    assert http.post(MARK, elsewhere, by=host.scanner).json()["code"] == "already_counted_elsewhere"


def test_a_dry_run_of_a_used_scan_id_answers_what_was_stored(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    body = {"event_id": str(make_event(campus).pk), "student_id": "2024-0001", "scan_id": str(uuid7())}
    first = http.post(MARK, body, by=campus.scanner)

    assert http.post(MARK, {**body, "dry_run": True}, by=campus.scanner).json() == first.json()
    assert count_rows(campus) == (1, 1)
