"""Enrolled devices: which events, until when, by which door, and whose clock."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from shared_apps.common.clock import now
from tenant_apps.attendance.models import Attendance, Scan, Scanner
from tenant_apps.events.models import Event
from tests.cast import Cast, Http, Person
from tests.factories import make_event, make_session, pass_of

MARK = "events/attendance/mark_attendance/"


def enrol(person: Person, *events: Event, **changes: object) -> Scanner:
    """Make a device of the account ``person``, for those events."""
    assert person.site is not None
    with person.site.here():
        values = {
            "kind": person.user.role, "event_ids": [event.pk for event in events],
            "expires_at": now() + timedelta(hours=8), "created_at": now(), **changes,
        }  # fmt: skip
        return Scanner.objects.create(user=person.user, name="Gate", **values)


def code_of(answer) -> str:
    return answer.json()["errors"][0]["code"]


@pytest.mark.parametrize("kind", ["scanner", "kiosk"])
def test_a_device_records_at_its_events_only(cast: Cast, http: Http, kind: str) -> None:
    campus = cast.malimono
    device = getattr(campus, kind)
    event, other = make_event(campus), make_event(campus)
    scanner = enrol(device, event)

    def send(event_id: object):
        return http.post(MARK, {"event_id": str(event_id), "pass": pass_of(campus.student)}, by=device)

    mine, others, nowhere = send(event.pk), send(other.pk), send(uuid4())

    assert mine.status_code == 201
    assert (others.status_code, others.json()) == (nowhere.status_code, nowhere.json())
    assert nowhere.status_code == 404
    with campus.here():
        scan = Scan.objects.get()
        assert (scan.door, scan.scanner_id) == (kind, scanner.pk)


def test_a_kiosk_takes_passes_and_nothing_that_is_typed(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event = make_event(campus)
    enrol(campus.kiosk, event)

    for named in ({"student_id": "2024-0001"}, {"user_id": str(campus.student.id)}, {"student_id": "nobody"}):
        answer = http.post(MARK, {"event_id": str(event.pk), **named}, by=campus.kiosk)
        assert (answer.status_code, code_of(answer)) == (422, "proof_required")
    assert http.post(MARK, {"event_id": str(event.pk), "pass": "x"}, by=campus.kiosk).status_code == 404
    with campus.here():
        assert list(Scan.objects.values_list("code", flat=True)).count("proof_required") == 3


@pytest.mark.parametrize("change", [{"revoked_at": now()}, {"expires_at": now() - timedelta(seconds=1)}])
def test_a_device_whose_time_is_over_records_nothing(cast: Cast, http: Http, change: dict) -> None:
    campus = cast.malimono
    event = make_event(campus)
    enrol(campus.scanner, event, **change)

    answer = http.post(MARK, {"event_id": str(event.pk), "student_id": "2024-0001"}, by=campus.scanner)

    assert (answer.status_code, code_of(answer)) == (403, "scanner_not_valid")
    with campus.here():
        assert not Scan.objects.exists()


def test_accounts_of_people_work_as_before(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event = make_event(campus)
    enrol(campus.kiosk, event, expires_at=now() - timedelta(days=1))  # another one's end is not theirs

    answer = http.post(MARK, {"event_id": str(event.pk), "student_id": "2024-0001"}, by=campus.scanner)

    assert answer.status_code == 201
    with campus.here():
        assert Scan.objects.values_list("door", "scanner_id").get() == ("counter", None)


def mark(http: Http, cast: Cast, event: Event, captured: datetime, device_now: datetime | None, **more: str) -> dict:
    body = {"event_id": str(event.pk), "student_id": "2024-0001", "captured_at": captured.isoformat(), **more}
    if device_now:
        body["device_now"] = device_now.isoformat()
    return http.post(MARK, body, by=cast.malimono.scanner).json()


@pytest.mark.parametrize("ahead", [timedelta(days=2), timedelta(hours=-3), timedelta(minutes=5)])
def test_eight_hours_offline_with_a_wrong_clock_come_out_right(cast: Cast, http: Http, ahead: timedelta) -> None:
    campus = cast.malimono
    event = make_event(campus, starts=-8 * 60 - 5)
    true = now() - timedelta(hours=8)

    body = mark(http, cast, event, true + ahead, now() + ahead)

    assert (body["code"], body["attendance"]["status"]) == ("recorded", "present")
    assert body["scan"]["time_corrected"] is True
    assert abs(body["scan"]["skew"] - ahead / timedelta(milliseconds=1)) < 10_000
    with campus.here():
        scan = Scan.objects.get()
        assert abs(scan.effective_at - true) < timedelta(seconds=10)
        assert scan.captured_at == true + ahead
        assert (scan.skew, scan.time_corrected) == (body["scan"]["skew"], True)


@pytest.mark.parametrize(
    "shows", ["1970-01-01T00:10:00+00:00", "1980-01-06T00:10:00+00:00", "2106-02-07T06:28:15+00:00"]
)
def test_a_clock_that_lost_its_battery_loses_no_scan(cast: Cast, http: Http, shows: str) -> None:
    campus = cast.malimono
    event = make_event(campus, starts=-8 * 60 - 5)
    enrol(campus.scanner, event)
    device_now, scan_id = datetime.fromisoformat(shows), str(uuid4())
    scan = {"event_id": str(event.pk), "student_id": "2024-0001", "scan_id": scan_id,
            "captured_at": (device_now - timedelta(hours=8)).isoformat()}  # fmt: skip
    said = {"device_now": shows}

    batch = http.post("events/attendance/batch/", {"scans": [scan], **said}, by=campus.scanner).json()
    single = http.post(MARK, {**scan, **said}, by=campus.scanner)
    contact = http.post("events/scanners/contact/", {**said, "queue_depth": 0, "software": "1"}, by=campus.scanner)

    (result,) = batch["results"]
    assert (result["status"], result["body"]["attendance"]["status"]) == (201, "present")
    assert (single.status_code, single.json()) == (201, result["body"])
    assert contact.status_code == 200
    assert abs(contact.json()["skew"] - batch["skew"]) < 60_000
    with campus.here():
        stored = Scan.objects.get()
        assert abs(stored.effective_at - (now() - timedelta(hours=8))) < timedelta(minutes=1)
        assert (stored.captured_at, stored.time_corrected) == (device_now - timedelta(hours=8), True)


def test_a_clock_that_was_set_between_scan_and_upload_loses_no_scan(cast: Cast, http: Http) -> None:
    """Nobody can know when the scans were taken: the server's time counts where the device's cannot be, flagged."""
    campus = cast.malimono
    event = make_event(campus)
    enrol(campus.scanner, event)
    taken = [
        datetime(1970, 1, 1, 0, 5, tzinfo=UTC), datetime(2106, 1, 1, tzinfo=UTC), now() + timedelta(hours=1),
        now() - timedelta(days=4), now() - timedelta(minutes=1),
    ]  # fmt: skip
    scans = [
        {"event_id": str(event.pk), "student_id": "2024-0001", "scan_id": str(uuid4()), "sequence": number,
         "captured_at": moment.isoformat()}
        for number, moment in enumerate(taken)
    ]  # fmt: skip

    def send() -> list[tuple[int, dict]]:
        body = {"scans": scans, "device_now": now().isoformat()}
        results = http.post("events/attendance/batch/", body, by=campus.scanner).json()["results"]
        return [(result["status"], result["body"]) for result in results]

    first = send()

    assert sorted(status for status, _ in first) == [200, 200, 200, 200, 201]
    assert send() == first
    with campus.here():
        assert [scan.time_corrected for scan in Scan.objects.order_by("sequence")] == [True, True, True, True, False]
        assert Attendance.objects.count() == 1


def test_a_clock_that_is_right_is_believed_for_three_days(cast: Cast, http: Http) -> None:
    event = make_event(cast.malimono, starts=-60 * 60)

    body = mark(http, cast, event, now() - timedelta(hours=59), now())

    assert (body["code"], body["scan"]["time_corrected"]) == ("recorded", False)


def test_a_flagged_scan_of_another_day_is_not_credited_today(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event = make_event(campus)
    with campus.here():
        yesterday = make_session(event, now() - timedelta(days=1), name="Day 1")
        today = event.sessions.exclude(pk=yesterday.pk).get()
    captured = now() - timedelta(hours=23)  # too long ago for a clock of which nothing is known

    named = mark(http, cast, event, captured, None, session_id=str(yesterday.pk))
    unnamed = mark(http, cast, event, captured, None)
    known = mark(http, cast, event, captured, now(), session_id=str(yesterday.pk))

    assert (named["code"], named["scan"]["time_corrected"]) == ("session_closed", True)
    assert (unnamed["code"], unnamed["attendance"]["session"]) == ("recorded", str(today.pk))
    assert unnamed["scan"]["time_corrected"] is True
    assert (known["code"], known["attendance"]["session"]) == ("recorded", str(yesterday.pk))
    with campus.here():
        assert Attendance.objects.count() == 2


def test_a_retry_is_the_same_scan_whatever_the_clock_says_by_then(cast: Cast, http: Http) -> None:
    event = make_event(cast.malimono)
    captured, scan_id = now() - timedelta(minutes=5), str(uuid4())

    first = mark(http, cast, event, captured, now(), scan_id=scan_id)
    retry = mark(http, cast, event, captured, now() + timedelta(hours=1), scan_id=scan_id)

    assert first == retry
