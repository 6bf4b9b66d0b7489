"""events/attendance/batch/: many scans at once amount to what they would have amounted to one by one."""

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection

from shared_apps.accounts.models import User
from shared_apps.common.clock import now
from shared_apps.common.ids import uuid7
from shared_apps.federation.models import FederatedRegistration, Invitation, Visit
from shared_apps.outbox.models import OutboxMessage
from tenant_apps.attendance.models import Attendance, Scan, Scanner, Visitor
from tenant_apps.attendance.rules.scans import Direction, Method
from tenant_apps.attendance.services import batches
from tenant_apps.attendance.services.batches import record_batch
from tenant_apps.attendance.services.recording import record_scan
from tenant_apps.attendance.services.verdicts import ScanAnswer, ScanRequest
from tenant_apps.events.models import Event
from tenants.context import public_context
from tests.cast import Cast, Http, Site
from tests.factories import make_event, make_shared_event, pass_of
from tests.shared_apps.federation.sharing import hold_everywhere
from tests.tenant_apps.attendance.test_devices import enrol as enrol_device
from tests.tenant_apps.attendance.test_races import enrol
from tests.tenant_apps.attendance.test_who_is_let_in import demand_places, make_guest

BATCH = "events/attendance/batch/"
MARK = "events/attendance/mark_attendance/"


def scan_of(event: Event, **more: Any) -> dict[str, Any]:
    return {"event_id": str(event.pk), "scan_id": str(uuid7()), **more}


def results_of(answer: Any) -> list[tuple[int, str]]:
    assert answer.status_code == 200, answer.content
    return [
        (row["status"], row["body"].get("code") or row["body"]["errors"][0]["code"]) for row in answer.json()["results"]
    ]


def count_rows(site: Site) -> tuple[int, int]:
    with site.here():
        return Attendance.objects.count(), Scan.objects.count()


def passes_of(site: Site, ids: list[str]) -> list[str]:
    """Return the passes of people of ``site``."""
    from shared_apps.federation.services.issuing import issue_pass

    with site.here():
        return [issue_pass(user=user, at=now()).text for user in User.objects.filter(pk__in=ids).order_by("pk")]


def test_each_scan_has_its_result_and_a_bad_one_stops_nothing(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event, done, foreign = make_event(campus), make_event(campus, status="completed"), make_event(cast.delcarmen)
    ana = scan_of(event, **{"pass": pass_of(campus.student)})
    guest = make_guest(campus, event)
    sent: list[Any] = [
        ana,
        {"event_id": "abc", "scan_id": "x"},
        scan_of(event, student_id="2024-0001"),
        scan_of(event, student_id="9999"),
        "hello",
        scan_of(done, student_id="2024-0002"),
        scan_of(foreign, student_id="2024-0002"),
        scan_of(event, **{"pass": "nonsense"}),
        {"event_id": str(event.pk), "student_id": "2024-0002"},
        scan_of(event, student_id="2024-0002", device_now="2026-01-01T00:00:00Z"),
        scan_of(event, guest_pass=guest),
        scan_of(event, student_id="2024-0002", direction="out"),
        ana,
        {**ana, "direction": "out"},
        None,
    ]

    answer = http.post(BATCH, {"scans": sent}, by=campus.scanner)

    assert results_of(answer) == [
        (201, "recorded"), (400, "invalid"), (200, "duplicate"), (404, "unknown_person"), (400, "invalid"),
        (422, "event_completed"), (404, "not_found"), (404, "unknown_pass"), (400, "required"),
        (400, "unknown_field"), (201, "recorded"), (422, "not_checked_in"), (201, "recorded"),
        (409, "scan_id_reused"), (400, "null"),
    ]  # fmt: skip
    rows = answer.json()["results"]
    assert [row["scan_id"] for row in rows[:3]] == [ana["scan_id"], "x", sent[2]["scan_id"]]
    assert rows[0]["body"] == rows[12]["body"]
    assert count_rows(campus) == (2, 7)
    assert count_rows(cast.delcarmen) == (0, 0)
    with campus.here():
        assert set(Scan.objects.values_list("door", flat=True)) == {"offline"}


def test_what_was_answered_is_answered_again_by_either_call(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event = make_event(campus)
    scans = [scan_of(event, student_id=f"2024-000{number}") for number in (1, 2, 3)]
    single = http.post(MARK, scans[0], by=campus.scanner)

    first = http.post(BATCH, {"scans": [{**scan, "sequence": n} for n, scan in enumerate(scans)]}, by=campus.scanner)
    second = http.post(BATCH, {"scans": scans[::-1]}, by=campus.scanner)
    again = http.post(MARK, scans[1], by=campus.scanner)
    by_other = http.post(BATCH, {"scans": scans[:1]}, by=campus.admin)

    assert first.json()["results"][0]["body"] == single.json()
    assert first.json()["results"] == second.json()["results"][::-1]
    assert (again.status_code, again.json()) == (201, first.json()["results"][1]["body"])
    assert results_of(by_other) == [(409, "scan_id_reused")]
    assert count_rows(campus) == (2, 3)


def test_a_batch_is_judged_in_the_order_of_its_times(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event = make_event(campus, starts=-60)
    moment = now()

    def captured(minutes: float, direction: str) -> dict[str, Any]:
        when = (moment - timedelta(minutes=minutes)).isoformat()
        return scan_of(event, student_id="2024-0001", captured_at=when, direction=direction)

    answer = http.post(
        BATCH, {"scans": [captured(5, "out"), captured(20, "in"), captured(30, "out"), captured(55, "in")]},
        by=campus.scanner,
    )  # fmt: skip

    assert results_of(answer) == [(201, "recorded")] * 4
    statuses = [row["body"]["attendance"]["status"] for row in answer.json()["results"]]
    assert statuses == ["left_early", "present", "left_early", "present"]
    with campus.here():
        kept = Attendance.objects.get()
    assert (kept.status, kept.stayed) == ("left_early", 40 * 60)


def test_eight_hours_offline_and_a_wrong_clock(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event = make_event(campus, starts=-8 * 60 - 5)
    scanner = enrol_device(campus.scanner, event)
    ahead = timedelta(days=2)
    true = now() - timedelta(hours=8)
    scans = [scan_of(event, student_id="2024-0001", captured_at=(true + ahead).isoformat(), sequence=7)]

    answer = http.post(
        BATCH, {"scans": scans, "device_now": (now() + ahead).isoformat(), "queue_depth": 12}, by=campus.scanner
    )

    assert results_of(answer) == [(201, "recorded")]
    body = answer.json()["results"][0]["body"]
    assert (body["attendance"]["status"], body["scan"]["time_corrected"]) == ("present", True)
    with campus.here():
        scan, device = Scan.objects.get(), Scanner.objects.get()
    assert (scan.sequence, scan.scanner_id, scan.skew) == (7, scanner.pk, answer.json()["skew"])
    assert abs(scan.effective_at - true) < timedelta(seconds=10)
    assert (device.queue_depth, device.skew, device.last_contact_at) == (12, scan.skew, scan.received_at)


def test_devices_are_held_to_their_events_and_their_time(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    mine, other = make_event(campus), make_event(campus)
    scanner = enrol_device(campus.kiosk, mine)
    sent = {"scans": [scan_of(event, **{"pass": pass_of(campus.student)}) for event in (mine, other)]}

    assert results_of(http.post(BATCH, sent, by=campus.kiosk)) == [(201, "recorded"), (404, "not_found")]
    with campus.here():
        Scanner.objects.filter(pk=scanner.pk).update(revoked_at=now())
    refused = http.post(BATCH, sent, by=campus.kiosk)
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (403, "scanner_not_valid")


def test_students_send_no_batches_and_organizers_for_what_they_run(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event = make_event(campus)
    sent = {"scans": [scan_of(event, student_id="2024-0001")]}

    assert http.post(BATCH, sent, by=campus.student).status_code == 403
    assert results_of(http.post(BATCH, sent, by=campus.other_organizer)) == [(403, "not_your_event")]
    assert results_of(http.post(BATCH, sent, by=campus.organizer)) == [(201, "recorded")]


@pytest.mark.parametrize(
    ("body", "attr", "code"),
    [
        ({}, "scans", "required"),
        ({"scans": []}, "scans", "min_length"),
        ({"scans": [{}] * 501}, "scans", "max_length"),
        ({"scans": {}}, "scans", "not_a_list"),
        ({"scans": [{}], "queue_depth": -1}, "queue_depth", "min_value"),
        ({"scans": [{}], "device_now": "late"}, "device_now", "invalid"),
        ({"scans": [{}], "colour": 1}, "colour", "unknown_field"),
    ],
)
def test_a_batch_that_is_none_is_refused(cast: Cast, http: Http, body: dict, attr: str, code: str) -> None:
    answer = http.post(BATCH, body, by=cast.malimono.scanner)

    assert answer.status_code == 400
    assert [(error["attr"], error["code"]) for error in answer.json()["errors"]] == [(attr, code)]


def test_hostile_scans_are_unusable_one_by_one(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event = make_event(campus)
    good = scan_of(event, student_id="2024-0001")
    hostile: list[Any] = [
        7, True, "x", [], [[]], {}, {"a": 1}, {**good, "scan_id": None}, {**good, "scan_id": ["x"]},
        {**good, "scan_id": 7}, {**good, "event_id": {}}, {**good, "sequence": -1}, {**good, "sequence": 2**63},
        {**good, "sequence": "x"}, {**good, "captured_at": "9999-12-31T23:59:59Z"}, {**good, "captured_at": 1e308},
        {**good, "student_id": "x" * 10_000}, {**good, "reason": "x" * 501}, {**good, "direction": "up"},
        {**good, "user_id": good["event_id"]}, {**good, "student_id": None}, {**good, "guest_pass": "y" * 201},
        {**good, "door": "kiosk"}, {**good, "scanner_id": good["event_id"]}, {**good, "dry_run": True},
    ]  # fmt: skip

    answer = http.post(BATCH, {"scans": [*hostile, good]}, by=campus.scanner)

    rows = answer.json()["results"]
    assert [row["status"] for row in rows] == [400] * len(hostile) + [201]
    for row in rows[:-1]:
        assert row["body"]["type"] == "validation_error"
        assert all({"code", "detail", "attr"} == set(error) for error in row["body"]["errors"])
    assert count_rows(campus) == (1, 1)


def test_an_unusable_scan_is_told_as_the_single_call_tells_it(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    bad = {"event_id": "abc", "scan_id": str(uuid7()), "student_id": "1", "direction": "up", "colour": 1}

    single = http.post(MARK, bad, by=campus.scanner)
    (row,) = http.post(BATCH, {"scans": [bad]}, by=campus.scanner).json()["results"]

    assert (row["status"], row["body"]) == (single.status_code, single.json())


def test_a_dry_run_of_a_batch_answers_the_same_and_writes_nothing(cast: Cast, http: Http) -> None:
    host, home = cast.delcarmen, cast.malimono
    event = make_shared_event(host, home, seats=1)
    texts = [pass_of(home.student), pass_of(home.friend), pass_of(host.student)]
    scans = [scan_of(event, **{"pass": text}) for text in [*texts, texts[0]]]

    dry = http.post(BATCH, {"scans": scans, "dry_run": True}, by=host.scanner)
    assert count_rows(host) == (0, 0)
    with host.here():
        assert not OutboxMessage.objects.exists()
    real = http.post(BATCH, {"scans": scans}, by=host.scanner)

    assert results_of(dry) == results_of(real) == [
        (201, "recorded"), (422, "seats_taken"), (201, "recorded"), (200, "duplicate"),
    ]  # fmt: skip
    for said in (row["body"] for row in dry.json()["results"]):
        assert (said["dry_run"], said["scan"]["id"]) == (True, None)
        assert said["attendance"] is None or said["attendance"]["id"] is None


def test_seats_places_and_names_of_visitors_are_exact(cast: Cast, http: Http) -> None:
    host, home = cast.delcarmen, cast.malimono
    event = make_shared_event(host, home, seats=5)
    ids = enrol(home, 8)
    texts = passes_of(home, ids)
    scans = [scan_of(event, **{"pass": text}) for text in [*texts, *texts]]

    answer = http.post(BATCH, {"scans": scans}, by=host.scanner)

    codes = [code for _, code in results_of(answer)]
    assert codes == ["recorded"] * 5 + ["seats_taken"] * 3 + ["duplicate"] * 5 + ["seats_taken"] * 3
    with public_context():
        assert Invitation.objects.get().taken == 5
        assert FederatedRegistration.objects.filter(state="registered", is_walk_in=True).count() == 5
        assert Visit.objects.filter(host="DELCARMEN", home="MALIMONO").count() == 5
    with host.here():
        assert Visitor.objects.count() == Attendance.objects.count() == 5
        assert OutboxMessage.objects.filter(kind__endswith="learn_visitor_name").count() == 5


def test_whom_another_campus_counts_is_refused_and_the_rest_recorded(cast: Cast, http: Http) -> None:
    _, events = hold_everywhere(cast, cast.malimono, cast.delcarmen)
    texts = passes_of(cast.malimono, enrol(cast.malimono, 4))
    for text in texts[:2]:
        body = {"event_id": str(events["MALIMONO"].pk), "pass": text}
        assert http.post(MARK, body, by=cast.malimono.scanner).status_code == 201

    scans = [scan_of(events["DELCARMEN"], **{"pass": text}) for text in texts]
    answer = http.post(BATCH, {"scans": scans}, by=cast.delcarmen.scanner)

    assert results_of(answer) == [(422, "already_counted_elsewhere")] * 2 + [(201, "recorded")] * 2
    assert answer.json()["results"][0]["body"]["rules"][-1] == {"rule": "counted_here", "held": False}
    with public_context():
        assert Visit.objects.exclude(status="void").count() == 4
    assert count_rows(cast.delcarmen) == (2, 4)


def statements_of(http: Http, site: Site, scans: list[dict[str, Any]]) -> int:
    before = connection.statements
    answer = http.post(BATCH, {"scans": scans}, by=site.scanner)
    assert answer.status_code == 200
    assert {row["status"] for row in answer.json()["results"]} <= {200, 201, 404, 422}
    return connection.statements - before


def test_the_number_of_statements_does_not_grow(cast: Cast, http: Http) -> None:
    site, home = cast.delcarmen, cast.malimono
    event, shared, strict = make_event(site), make_shared_event(site, home), make_event(site)
    demand_places(site, strict)
    enrol_device(site.scanner, event, shared, strict)
    locals_, visitors = enrol(site, 500), passes_of(home, enrol(home, 200))
    http.get("auth/me/", by=site.admin)

    def own(count: int) -> list[dict[str, Any]]:
        return [scan_of(event, user_id=locals_.pop()) for _ in range(count)]

    def mixed(count: int) -> list[dict[str, Any]]:
        made = []
        for number in range(count):
            guest = {"guest_pass": make_guest(site, event)} if count < 100 or number < 5 else {"student_id": "9"}
            kind = number % 5
            made.append(
                scan_of(shared, **{"pass": visitors.pop()}) if kind == 0
                else scan_of(event, **guest) if kind == 1
                else scan_of(strict, student_id="2024-0001") if kind == 2
                else scan_of(event, student_id="2024-0001", direction="out") if kind == 3
                else scan_of(event, student_id="2024-0001")
            )  # fmt: skip
        return made

    singles = [statements_of(http, site, own(count)) for count in (1, 50, 300)]
    assert singles[0] == singles[1] == singles[2] <= 8
    several = [statements_of(http, site, mixed(count)) for count in (5, 50, 500)]
    assert several[0] == several[1] == several[2] <= 10


Given = tuple[UUID, list[ScanRequest]]


def amounts(site: Site) -> set[tuple[Any, ...]]:
    """Return what everybody's scans amount to at a campus, and which of its visits count."""
    with site.here():
        rows = {
            ("attendance", row.event_id, row.session_id, row.user_id or row.guest_id or row.visitor.person_id,
             row.status, row.first_in_at, row.last_out_at, row.stayed)
            for row in Attendance.objects.select_related("visitor")
        }  # fmt: skip
    with public_context():
        visits = Visit.objects.filter(host=site.campus.code).exclude(status="void")
        return rows | {
            ("visit", row.event_id, row.person_id, row.home, row.status, row.first_in_at, row.last_out_at)
            for row in visits
        }


def by_time(scan: ScanRequest) -> tuple[Any, ...]:
    return scan.captured_at, scan.direction


def one_by_one(site: Site, scans: list[ScanRequest], at: datetime, _: random.Random) -> None:
    for scan in sorted(scans, key=by_time):
        record_scan(by=site.scanner.user, at=at, scan=scan)


def in_one_batch(site: Site, scans: list[ScanRequest], at: datetime, dice: random.Random) -> None:
    dice.shuffle(scans)
    record_batch(by=site.scanner.user, at=at, scans=[*scans, *dice.sample(scans, len(scans) // 3)])


def in_many_batches(site: Site, scans: list[ScanRequest], at: datetime, dice: random.Random) -> None:
    """Those who come first, in any order and repetition, mixed with single calls; then those who go."""
    for direction in Direction:
        left = [scan for scan in scans if scan.direction == direction]
        dice.shuffle(left)
        for start in range(0, len(left), 7):
            part = left[start : start + 7]
            if dice.random() < 0.3:
                for scan in part:
                    record_scan(by=site.scanner.user, at=at, scan=scan)
            batch = [*part, *dice.sample(left[: start + 7], min(start, 4))]
            dice.shuffle(batch)
            record_batch(by=site.scanner.user, at=at, scans=batch)


WAYS: list[Callable[[Site, list[ScanRequest], datetime, random.Random], None]] = [in_one_batch, in_many_batches]


@pytest.mark.parametrize("seed", range(4))
def test_the_same_scans_amount_to_the_same_however_they_are_sent(cast: Cast, seed: int) -> None:
    """On two campuses: people, guests and visitors, coming and going, policies of all kinds."""
    dice = random.Random(seed)
    at = now()
    hosts = (cast.delcarmen, cast.malimono)
    worlds = []
    for host, home in (hosts, hosts[::-1]):
        plain, strict = make_event(host, starts=-110), make_event(host, starts=-110)
        shared = make_shared_event(host, home, starts=-110)
        with host.here():
            plain.sessions.update(allows_re_entry=False, requires_check_out=True)
            strict.sessions.update(minimum_stay=30)
        demand_places(host, strict)
        guests = [make_guest(host, strict, place=state) for state in ("registered", "waiting")]
        people = [*enrol_more(host, 5), str(host.student.id)]
        visitors = [pass_of(home.student), pass_of(home.friend)]
        worlds.append((host, scans_of(dice, at, [plain, strict, shared], people, guests, (shared, visitors))))

    outcomes = []
    for way in (one_by_one, *WAYS):
        for host, scans in worlds:
            with host.here():
                way(host, list(scans), at, random.Random(seed))
        outcomes.append([amounts(host) for host, _ in worlds])
        forget(cast)

    assert outcomes[0] == outcomes[1] == outcomes[2]
    assert all(len(rows) > 10 for rows in outcomes[0])


def enrol_more(site: Site, count: int) -> list[str]:
    return enrol(site, count)


def scans_of(
    dice: random.Random, at: datetime, events: list[Event], people: list[str], guests: list[str],
    away: tuple[Event, list[str]],
) -> list[ScanRequest]:  # fmt: skip
    """Return coming and going of everybody, at times that are all different."""
    minutes = iter(dice.sample(range(1, 6000), 400))
    named = [(event, Method.USER, person) for event in events for person in people]
    named += [(events[1], Method.GUEST, guest) for guest in guests]
    named += [(away[0], Method.PASS, text) for text in away[1]]
    made = []
    for event, method, value in named:
        for direction in dice.choice((["in"], ["in", "out"], ["in", "out", "in"], ["in", "in", "out", "out"])):
            when = at - timedelta(seconds=next(minutes))
            made.append(
                ScanRequest(
                    event_id=event.pk, method=method, value=value, direction=Direction(direction), scan_id=uuid4(),
                    captured_at=when,
                )
            )  # fmt: skip
    return made


def forget(cast: Cast) -> None:
    """Take away what scans have left, so that the same ones may be sent another way."""
    from tenants.context import owner_context

    with owner_context(), connection.cursor() as cursor:
        for site in (cast.delcarmen, cast.malimono):
            schema = site.campus.schema_name
            for table in ("attendance_scan", "attendance_attendance", "attendance_visitor"):
                cursor.execute(f'TRUNCATE "{schema}".{table} CASCADE')
        cursor.execute("TRUNCATE public.federation_visit, public.federation_federatedregistration")
        cursor.execute("UPDATE public.federation_invitation SET taken = 0")


def test_whoever_is_overtaken_again_and_again_is_recorded_one_by_one(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = cast.malimono
    event = make_event(site)
    ids = enrol(site, 3)

    def overtaken(*_: Any) -> None:
        raise batches.Overtaken

    monkeypatch.setattr(batches._Batch, "_write", overtaken)
    scans = [ScanRequest(event_id=event.pk, method=Method.USER, value=id_, scan_id=uuid7()) for id_ in ids]
    unknown = ScanRequest(event_id=uuid4(), method=Method.USER, value=ids[0], scan_id=uuid7())

    with site.here():
        answers: list[ScanAnswer] = record_batch(by=site.scanner.user, at=now(), scans=[*scans, unknown])

    assert [answer.status for answer in answers] == [201, 201, 201, 404]
    assert count_rows(site) == (3, 3)


@pytest.mark.parametrize("change", ["door", "cancel", "move"])
def test_what_happens_between_reading_and_writing_is_seen(
    cast: Cast, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    site = cast.malimono
    event = make_event(site)
    ids = enrol(site, 2)
    read, done = batches.find_batch_facts, []

    def read_then_change(**asked: Any) -> Any:
        facts = read(**asked)
        if not done:
            done.append(True)
            elsewhere(change)
        return facts

    def elsewhere(what: str) -> None:
        """Do it on another connection: this one is in the batch's transaction."""
        import threading

        from django.db import connections

        def work() -> None:
            with site.here():
                if what == "door":
                    scan = ScanRequest(event_id=event.pk, method=Method.USER, value=ids[0])
                    record_scan(by=site.admin.user, at=now(), scan=scan)
                elif what == "cancel":
                    Event.objects.filter(pk=event.pk).update(status="cancelled")
                else:
                    event.sessions.update(
                        opens_at=now() + timedelta(minutes=1),
                        starts_at=now() + timedelta(minutes=2),
                        late_after=now() + timedelta(minutes=3),
                    )
            connections.close_all()

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()

    monkeypatch.setattr(batches, "find_batch_facts", read_then_change)
    scans = [ScanRequest(event_id=event.pk, method=Method.USER, value=id_, scan_id=uuid7()) for id_ in ids]
    with site.here():
        answers = record_batch(by=site.scanner.user, at=now(), scans=scans)

    expected = {"door": ["duplicate", "recorded"], "cancel": ["event_cancelled"] * 2, "move": ["session_closed"] * 2}[
        change
    ]
    assert [answer.body["code"] for answer in answers] == expected
    assert count_rows(site) == ((2, 3) if change == "door" else (0, 2))
