"""Many doors at once: PostgreSQL decides, and every scan has its answer."""

import json
import random
import threading
from collections import Counter

import orjson
import pytest
from django.db import connections

from shared_apps.common.clock import now
from shared_apps.common.ids import uuid7
from tenant_apps.attendance.models import Attendance, Scan
from tenant_apps.attendance.rules.scans import Method
from tenant_apps.attendance.services.batches import record_batch
from tenant_apps.attendance.services.corrections import undo_attendance
from tenant_apps.attendance.services.recording import record_scan
from tenant_apps.attendance.services.verdicts import ScanRequest
from tenant_apps.events.services.editing import cancel_event
from tests.cast import Cast, Site
from tests.factories import make_event


def enrol(site: Site, count: int) -> list[str]:
    """Create that many students in bulk; return their user ids."""
    from shared_apps.accounts.models import Profile, User

    with site.here():
        users = [User(username=f"r{n}", student_id=f"R-{n}", role="student", password="!") for n in range(count)]
        User.objects.bulk_create(users)
        Profile.objects.bulk_create([Profile(user=user) for user in users])
    return [str(user.pk) for user in users]


def together(count: int, work) -> list[BaseException]:
    """Run ``work(number)`` in that many threads at once; return what they raised."""
    gate, raised = threading.Barrier(count), []

    def run(number: int) -> None:
        try:
            gate.wait()
            work(number)
        except BaseException as error:  # noqa: BLE001
            raised.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


def race(cast: Cast, *, threads: int, people: int) -> None:
    site, other = cast.malimono, cast.delcarmen
    event = make_event(site)
    ids = enrol(site, people)
    answers: Counter[str] = Counter()
    scan_ids, lock = [], threading.Lock()

    def door(number: int) -> None:
        order = random.Random(number).sample(ids, len(ids))
        mine = []
        for user_id in order:
            scan = ScanRequest(event_id=event.pk, method=Method.USER, value=user_id, scan_id=uuid7())
            with site.here():
                answer = record_scan(by=site.scanner.user, at=now(), scan=scan)
            mine.append((scan.scan_id, answer.body["outcome"]))
        with lock:
            answers.update(outcome for _, outcome in mine)
            scan_ids.extend(scan_id for scan_id, _ in mine)

    assert together(threads, door) == []
    assert answers == {"recorded": people, "duplicate": people * (threads - 1)}
    with site.here():
        assert Attendance.objects.count() == people
        assert set(Scan.objects.values_list("scan_id", flat=True)) == set(scan_ids)
        assert Scan.objects.filter(outcome="recorded").count() == people
    with other.here():
        assert Attendance.objects.count() == Scan.objects.count() == 0


def test_doors_racing_for_the_same_people(cast: Cast) -> None:
    race(cast, threads=8, people=25)


@pytest.mark.slow
def test_thirty_two_doors_and_two_hundred_people(cast: Cast) -> None:
    race(cast, threads=32, people=200)


@pytest.mark.slow
def test_sixty_four_doors_and_a_thousand_people_by_single_calls_and_batches(cast: Cast) -> None:
    """Everybody at two doors: some send each scan as it is taken, others fifty at a time and some of them twice."""
    site = cast.malimono
    event = make_event(site)
    ids = enrol(site, 1000)
    shares = [ids[number::32] for number in range(32)] * 2
    answers: Counter[str] = Counter()
    lock = threading.Lock()

    def door(number: int) -> None:
        dice = random.Random(number)
        scans = [
            ScanRequest(event_id=event.pk, method=Method.USER, value=user_id, scan_id=uuid7())
            for user_id in dice.sample(shares[number], len(shares[number]))
        ]
        outcomes = {}
        with site.here():
            if number % 3 == 0:
                for scan in scans:
                    answer = record_scan(by=site.scanner.user, at=now(), scan=scan)
                    outcomes[scan.scan_id] = answer.body["outcome"]
            else:
                for batch in (scans[:20], scans, scans[20:]):
                    found = record_batch(by=site.scanner.user, at=now(), scans=batch)
                    for scan, answer in zip(batch, found, strict=True):
                        first = outcomes.setdefault(scan.scan_id, answer.body["outcome"])
                        assert answer.body["outcome"] == first
        with lock:
            answers.update(outcomes.values())

    assert together(64, door) == []
    assert answers == {"recorded": 1000, "duplicate": 1000}
    with site.here():
        assert Attendance.objects.count() == 1000
        assert Scan.objects.count() == Scan.objects.values("scan_id").distinct().count() == 2000
        assert Scan.objects.filter(outcome="recorded").count() == 1000


def test_batches_of_the_same_people_at_once(cast: Cast) -> None:
    """In different orders, with single calls between: nobody waits for each other in a circle, and nobody is lost."""
    site = cast.malimono
    event = make_event(site)
    ids = enrol(site, 40)
    answers: Counter[str] = Counter()

    def door(number: int) -> None:
        order = random.Random(number).sample(ids, len(ids))
        scans = [ScanRequest(event_id=event.pk, method=Method.USER, value=id_, scan_id=uuid7()) for id_ in order]
        with site.here():
            found = (
                record_batch(by=site.scanner.user, at=now(), scans=scans)
                if number % 4
                else [record_scan(by=site.scanner.user, at=now(), scan=scan) for scan in scans]
            )
        answers.update(answer.body["outcome"] for answer in found)

    assert together(8, door) == []
    assert answers == {"recorded": 40, "duplicate": 280}
    with site.here():
        assert (Attendance.objects.count(), Scan.objects.count()) == (40, 320)


def test_one_batch_sent_by_eight_threads_is_one_batch(cast: Cast) -> None:
    site = cast.malimono
    event = make_event(site)
    scans = [ScanRequest(event_id=event.pk, method=Method.USER, value=id_, scan_id=uuid7()) for id_ in enrol(site, 20)]
    answers = []

    def send(_: int) -> None:
        with site.here():
            found = record_batch(by=site.scanner.user, at=now(), scans=scans)
            answers.append([(answer.status, json.loads(orjson.dumps(answer.body))) for answer in found])

    assert together(8, send) == []
    assert all(found == answers[0] for found in answers)
    with site.here():
        assert (Attendance.objects.count(), Scan.objects.count()) == (20, 20)


def test_one_scan_id_sent_by_sixteen_threads_is_one_scan(cast: Cast) -> None:
    site = cast.malimono
    event = make_event(site)
    scan = ScanRequest(event_id=event.pk, method=Method.STUDENT_ID, value="2024-0001", scan_id=uuid7())
    answers = []

    def send(_: int) -> None:
        with site.here():
            answers.append(record_scan(by=site.scanner.user, at=now(), scan=scan))

    assert together(16, send) == []
    assert {answer.status for answer in answers} == {201}
    assert all(answer.body == answers[0].body for answer in answers)
    with site.here():
        assert Attendance.objects.count() == Scan.objects.count() == 1


def test_scanning_against_undo_and_cancel_leaves_nothing_half_written(cast: Cast) -> None:
    site = cast.malimono
    event = make_event(site)
    ids = enrol(site, 20)

    def work(number: int) -> None:
        for user_id in ids:
            with site.here():
                if number == 0 and user_id == ids[12]:
                    cancel_event(by=site.organizer.user, at=now(), event_id=event.pk, reason="rain")
                elif number == 1:
                    row = Attendance.objects.exclude(status="void").first()
                    if row is not None:
                        undo_attendance(by=site.admin.user, at=now(), attendance_id=row.pk, reason="wrong")
                else:
                    record_scan(
                        by=site.scanner.user, at=now(),
                        scan=ScanRequest(event_id=event.pk, method=Method.USER, value=user_id),
                    )  # fmt: skip

    raised = [error for error in together(6, work) if type(error).__name__ != "AlreadyVoid"]

    assert raised == []
    with site.here():
        recorded = set(Scan.objects.filter(outcome="recorded").values_list("attendance_id", flat=True))
        assert recorded == set(Attendance.objects.values_list("pk", flat=True))
        for row in Attendance.objects.all():
            assert Scan.objects.filter(pk=row.first_scan_id, attendance_id=row.pk, outcome="recorded").exists()
        assert Scan.objects.filter(code="event_cancelled").exists()
