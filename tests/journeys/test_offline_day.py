"""A day without a network: fifty scanners, eight hours, wrong clocks; then everything is sent, several times, in any
order. A model that knows the true times says what must be there.
"""

import random
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from shared_apps.accounts.models import Profile, User
from shared_apps.common.clock import now
from shared_apps.common.ids import uuid7
from shared_apps.federation.services.issuing import issue_pass
from tenant_apps.attendance.models import Attendance, Flag, Scan
from tenant_apps.attendance.rules.presence import Mark, Policy, evaluate
from tenant_apps.attendance.rules.reviews import GAP_GRACE, FlagKind
from tenant_apps.attendance.rules.scanners import ScannerKind
from tenant_apps.attendance.rules.scans import Window
from tenant_apps.attendance.services.closing import close_due_sessions
from tenant_apps.attendance.services.reviews import raise_flags
from tenant_apps.attendance.services.scanners import create_scanner, enrol_scanner
from tenant_apps.events.models import Event, Session
from tests.cast import Cast, Http, Person, Site
from tests.factories import make_session

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

SCANNERS, SCANS_EACH, PEOPLE = 50, 2_000, 1_000
BATCH = 500
# Nothing decisive happens nearer to a threshold than a scanner's clock can be measured.
CLEARANCE = timedelta(seconds=20)


@dataclass
class Taken:
    """One scan as a device took it. ``true_at`` is when it really was."""

    scan_id: UUID
    sequence: int
    person: int
    direction: str
    true_at: datetime


@dataclass
class Device:
    """A scanner whose clock is ``skew`` ahead. ``lost`` are numbers it took and will never send."""

    person: Person
    scanner_id: UUID
    skew: timedelta
    taken: list[Taken] = field(default_factory=list)
    lost: set[int] = field(default_factory=set)


def test_nothing_is_lost_nothing_counts_twice_and_every_gap_is_found(cast: Cast, http: Http) -> None:
    dice = random.Random(20261125)
    site, other = cast.malimono, cast.delcarmen
    event, sessions = _make_day(site)
    _make_day(other)  # the same day next door, with data that could leak
    passes, users = _make_people(site)
    devices = [_enrol(site, event, number, dice) for number in range(SCANNERS)]
    for device in devices:
        _take_scans(device, sessions, dice)

    results = _send_everything(http, site, event, passes, devices, dice)

    sent = {scan.scan_id for device in devices for scan in device.taken if scan.sequence not in device.lost}
    assert results.keys() == sent
    true_times = {scan.scan_id: scan.true_at for device in devices for scan in device.taken}
    with site.here():
        stored = dict(Scan.objects.filter(event_id=event.pk).values_list("scan_id", "effective_at"))
        assert Scan.objects.filter(event_id=event.pk).count() == len(sent)
        assert stored.keys() == sent
        assert {id_ for id_ in sent if abs(stored[id_] - true_times[id_]) > CLEARANCE} == set()
        close_due_sessions(at=now() + timedelta(hours=1))
        assert _found(event) == _expected(devices, sessions, users)
        raise_flags(since=now() - timedelta(hours=1), at=now() + GAP_GRACE)
        assert _gaps() == {(str(device.scanner_id), number) for device in devices for number in device.lost}
    with other.here():
        assert Scan.objects.count() == Attendance.objects.count() == 0


def _make_day(site: Site) -> tuple[Event, list[Session]]:
    """A morning and an afternoon session that lie behind us."""
    begins = now() - timedelta(hours=9)
    with site.here():
        event = Event.objects.create(
            title="Foundation Day", status="published", organizer=site.organizer.user, starts_at=begins,
            ends_at=begins + timedelta(hours=8), published_at=begins,
        )  # fmt: skip
        return event, [
            make_session(
                event, begins + timedelta(hours=offset), opens_at=begins + timedelta(hours=offset, minutes=-30),
                ends_at=begins + timedelta(hours=offset + 3), closes_at=begins + timedelta(hours=offset + 3, minutes=15),
                requires_check_out=True, minimum_stay=60,
            )
            for offset in (0, 4)
        ]  # fmt: skip


def _make_people(site: Site) -> tuple[list[str], list[User]]:
    with site.here():
        users = [User(username=f"p{n}", student_id=f"P-{n}", role="student", password="!") for n in range(PEOPLE)]
        User.objects.bulk_create(users)
        Profile.objects.bulk_create([Profile(user=user) for user in users])
        return [issue_pass(user=user, at=now()).text for user in users], users


def _enrol(site: Site, event: Event, number: int, dice: random.Random) -> Device:
    """Enrol a device whose clock is somewhere between three hours behind and two days ahead."""
    with site.here():
        made = create_scanner(
            by=site.organizer.user, at=now(), name=f"Gate {number}", kind=ScannerKind.SCANNER, event_ids=[event.pk],
            expires_at=now() + timedelta(days=1),
        )  # fmt: skip
        enrolled = enrol_scanner(code=made.code, hardware="", software="", address=f"10.0.0.{number}", at=now())
    person = Person(user=enrolled.signed_in.user, site=site, token=enrolled.signed_in.text)
    skew = timedelta(seconds=dice.uniform(-3 * 3600, 48 * 3600))
    return Device(person=person, scanner_id=enrolled.scanner.pk, skew=skew)


def _take_scans(device: Device, sessions: list[Session], dice: random.Random) -> None:
    thresholds = [
        getattr(session, name)
        for session in sessions
        for name in ("opens_at", "starts_at", "late_after", "ends_at", "closes_at")
    ]
    first, last = sessions[0].opens_at - timedelta(minutes=20), sessions[-1].closes_at + timedelta(minutes=20)
    times = []
    while len(times) < SCANS_EACH:
        moment = first + (last - first) * dice.random()
        if all(abs(moment - threshold) > CLEARANCE for threshold in thresholds):
            times.append(moment)
    start = dice.randrange(1, 1_000)
    for sequence, moment in enumerate(sorted(times), start=start):
        direction = "in" if dice.random() < 0.6 else "out"
        device.taken.append(Taken(uuid7(), sequence, dice.randrange(PEOPLE), direction, moment))
    device.lost = set(dice.sample(range(start + 1, start + SCANS_EACH - 1), dice.randrange(0, 4)))


def _send_everything(
    http: Http, site: Site, event: Event, passes: list[str], devices: list[Device], dice: random.Random
) -> dict[UUID, int]:
    """Send batches of all devices in any order, some again, some overlapping; return the answers by scan id."""
    batches = []
    for device in devices:
        scans = [scan for scan in device.taken if scan.sequence not in device.lost]
        dice.shuffle(scans)
        chunks = [scans[at : at + BATCH] for at in range(0, len(scans), BATCH)]
        chunks.append(dice.sample(scans, BATCH))  # one more, of scans that are in others too
        chunks.append(dice.choice(chunks))  # and one again
        batches += [(device, chunk) for chunk in chunks]
    dice.shuffle(batches)
    answers: dict[UUID, int] = {}
    for device, chunk in batches:
        body = {
            "device_now": (now() + device.skew).isoformat(),
            "queue_depth": len(chunk),
            "scans": [_body(event, passes, device, scan) for scan in chunk],
        }
        answer = http.post("events/attendance/batch/", body, by=device.person)
        assert answer.status_code == 200, answer.content
        for result in answer.json()["results"]:
            scan_id = UUID(result["scan_id"])
            # A repetition gets the first answer.
            assert answers.setdefault(scan_id, result["status"]) == result["status"]
    return answers


def _body(event: Event, passes: list[str], device: Device, scan: Taken) -> dict[str, Any]:
    return {
        "event_id": str(event.pk),
        "pass": passes[scan.person],
        "scan_id": str(scan.scan_id),
        "sequence": scan.sequence,
        "direction": scan.direction,
        "captured_at": (scan.true_at + device.skew).isoformat(),
    }


def _expected(devices: list[Device], sessions: list[Session], users: list[User]) -> dict[tuple[UUID, UUID], str]:
    """What the true times amount to: (session, user) to status."""
    marks: dict[tuple[int, int], list[Mark]] = defaultdict(list)
    for device in devices:
        for scan in device.taken:
            for number, session in enumerate(sessions):
                if scan.sequence not in device.lost and session.opens_at <= scan.true_at <= session.closes_at:
                    marks[number, scan.person].append(Mark(scan.true_at, scan.direction))
    amounts = {}
    for (number, person), found in marks.items():
        session = sessions[number]
        window = Window(
            session.pk, session.opens_at, session.starts_at, session.late_after, session.ends_at, session.closes_at
        )
        policy = Policy(requires_check_out=True, minimum_stay=timedelta(minutes=60))
        presence = evaluate(window, policy, found, is_over=True)
        if presence is not None:
            amounts[session.pk, users[person].pk] = str(presence.status)
    return amounts


def _found(event: Event) -> dict[tuple[UUID, UUID], str]:
    """What is stored: one attendance at most for each person and session, which a constraint says too."""
    rows = list(Attendance.objects.filter(event=event).values_list("session_id", "user_id", "status"))
    found = {(session, user): status for session, user, status in rows}
    assert len(found) == len(rows)
    return found


def _gaps() -> set[tuple[str, int]]:
    """Every number that a flag says is missing, by scanner."""
    flags = Flag.objects.filter(kind=FlagKind.SEQUENCE_GAP).values_list("evidence", flat=True)
    return {(gap["scanner"], number) for gap in flags for number in range(gap["first"], gap["last"] + 1)}
