"""What changes between reading and writing is seen by the statement that writes."""

from datetime import timedelta

import pytest

from shared_apps.common.clock import now
from tenant_apps.attendance.models import Attendance, Scan
from tenant_apps.attendance.rules.scans import Direction, Method
from tenant_apps.attendance.services import recording
from tenant_apps.attendance.services.recording import record_scan
from tenant_apps.attendance.services.verdicts import ScanAnswer, ScanRequest
from tenant_apps.events.models import Event, Session
from tenant_apps.events.services.editing import cancel_event, complete_event
from tests.cast import Cast, Site
from tests.factories import make_event


def record_while(site: Site, event: Event, monkeypatch: pytest.MonkeyPatch, change) -> ScanAnswer:
    """Record Ana's presence, and call ``change`` after the facts were read for the first time."""
    read, done = recording.find_scan_facts, []

    def read_then_change(**asked):
        facts = read(**asked)
        if not done:
            done.append(True)
            change()
        return facts

    monkeypatch.setattr(recording, "find_scan_facts", read_then_change)
    scan = ScanRequest(event_id=event.pk, method=Method.STUDENT_ID, value="2024-0001")
    return record_scan(by=site.scanner.user, at=now(), scan=scan)


@pytest.mark.parametrize("verb", ["cancel", "complete"])
def test_an_event_closed_in_between_refuses(cast: Cast, monkeypatch: pytest.MonkeyPatch, verb: str) -> None:
    site = cast.malimono
    event = make_event(site)

    def close() -> None:
        if verb == "cancel":
            cancel_event(by=site.organizer.user, at=now(), event_id=event.pk, reason="rain")
        else:
            complete_event(by=site.organizer.user, at=now(), event_id=event.pk)

    with site.here():
        answer = record_while(site, event, monkeypatch, close)

        assert (answer.status, answer.body["code"]) == (
            422,
            {"cancel": "event_cancelled", "complete": "event_completed"}[verb],
        )
        assert Attendance.objects.count() == 0
        assert list(Scan.objects.values_list("outcome", flat=True)) == ["refused"]


def test_a_session_moved_in_between_refuses(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    site = cast.malimono
    event = make_event(site)
    yesterday = now() - timedelta(days=1)

    def move() -> None:
        Session.objects.filter(event=event).update(
            opens_at=yesterday, starts_at=yesterday, late_after=yesterday, ends_at=yesterday + timedelta(hours=1),
            closes_at=yesterday + timedelta(hours=1),
        )  # fmt: skip

    with site.here():
        answer = record_while(site, event, monkeypatch, move)

        assert (answer.status, answer.body["code"]) == (422, "session_closed")
        assert Attendance.objects.count() == 0


def test_another_door_in_between_makes_a_duplicate(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    site = cast.malimono
    event = make_event(site)
    scan = ScanRequest(event_id=event.pk, method=Method.STUDENT_ID, value="2024-0001")

    with site.here():
        answer = record_while(site, event, monkeypatch, lambda: record_scan(by=site.admin.user, at=now(), scan=scan))

        assert (answer.status, answer.body["outcome"]) == (200, "duplicate")
        assert answer.body["first"]["operator"] == str(site.admin.id)
        assert Attendance.objects.count() == 1


def test_two_scans_at_once_are_judged_one_after_the_other(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    """A coming back that was read before the going in between does not forget it."""
    site = cast.malimono
    event = make_event(site, starts=-70)
    moment = now()

    def scan(minutes: float, direction: Direction = Direction.IN) -> ScanRequest:
        return ScanRequest(
            event_id=event.pk, method=Method.STUDENT_ID, value="2024-0001", direction=direction,
            captured_at=moment - timedelta(minutes=minutes),
        )  # fmt: skip

    def record(one: ScanRequest) -> ScanAnswer:
        return record_scan(by=site.scanner.user, at=now(), scan=one)

    with site.here():
        record(scan(60))
        read, done = recording.find_scan_facts, []

        def read_then_go(**asked):
            facts = read(**asked)
            if not done:
                done.append(True)
                record(scan(40, Direction.OUT))
            return facts

        monkeypatch.setattr(recording, "find_scan_facts", read_then_go)
        record(scan(30))

        kept = Attendance.objects.get()
        assert (kept.stayed, kept.last_out_at, kept.status) == (20 * 60, None, "present")
