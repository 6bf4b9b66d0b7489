"""events/flags/: what is found, what is not, and who closes it."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError, connection, transaction

from shared_apps.audit.models import AuditEntry
from shared_apps.common.clock import now
from shared_apps.outbox.models import Slot
from tenant_apps.attendance.errors import AlreadyDecided
from tenant_apps.attendance.models import Attendance, Correction, DeviceUse, Flag, Scan
from tenant_apps.attendance.rules.reviews import (
    BETWEEN_CAMPUSES,
    BETWEEN_VENUES,
    GAP_GRACE,
    MANUAL_LEAST,
    WORST_SKEW,
    Admission,
    FlagState,
    Stay,
    are_too_far,
    find_blind_admissions,
    is_self_marked,
    is_unusual_share,
)
from tenant_apps.attendance.rules.scans import Method
from tenant_apps.attendance.services.recording import record_scan
from tenant_apps.attendance.services.reviews import REVIEW_EVERY, close_flag, raise_flags, review_scans
from tenant_apps.attendance.services.verdicts import ScanRequest
from tenant_apps.events.models import Event
from tests.cast import Cast, Http, Person, Site
from tests.factories import make_event, make_shared_event, pass_of
from tests.tenant_apps.attendance.test_races import enrol, together

PATH = "events/flags/"
T = datetime.fromisoformat("2026-03-02T08:00:00+00:00")
GATE, DOOR = UUID(int=1), UUID(int=2)


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


# --- Rules ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        # Taken at the gate at 0 without a network, sent at 60; admitted at the door meanwhile.
        ((GATE, 0, 60), (DOOR, 30, 30), True),
        ((GATE, 0, 60), (DOOR, 30, 90), True),  # both without a network
        ((GATE, 0, 60), (DOOR, 60, 60), False),  # the server knew, and said so
        ((GATE, 0, 0), (DOOR, 30, 90), False),  # the second without a network: the first was known before
        ((GATE, 0, 60), (GATE, 30, 60), False),  # one device
        ((GATE, 0, 0), (DOOR, 1, 1), False),
    ],
)
def test_two_doors(first: tuple, second: tuple, expected: bool) -> None:
    scans = [Admission(device, T + minutes(at), T + minutes(received)) for device, at, received in (first, second)]
    for order in (scans, scans[::-1]):
        assert bool(find_blind_admissions(order)) is expected


def stay(*seen: float, host: str = "A", event: int = 1, venue: str = "", at: tuple | None = None) -> Stay:
    latitude, longitude = at or (None, None)
    return Stay(host, UUID(int=event), venue, latitude, longitude, tuple(T + minutes(one) for one in seen))


SURIGAO, DAPA = (9.789, 125.495), (9.759, 126.053)  # some 61 km apart: 37 minutes at 100 km/h


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (stay(0, at=SURIGAO), stay(30, event=2, at=DAPA), True),
        (stay(0, at=SURIGAO), stay(45, event=2, at=DAPA), False),
        (stay(0, 20, at=SURIGAO), stay(45, event=2, at=DAPA), True),  # seen there until 20
        (stay(0, at=SURIGAO), stay(0, event=2, at=(9.790, 125.495)), False),  # next door
        (stay(0, host="A", at=SURIGAO), stay(20, host="B", event=2, at=(9.790, 125.495)), False),
        (stay(0), stay(29, host="B", event=2), True),
        (stay(0), stay(BETWEEN_CAMPUSES / minutes(1), host="B", event=2), False),
        (stay(0, venue="Gym"), stay(4, event=2, venue="Library"), True),
        (stay(0, venue="Gym"), stay(BETWEEN_VENUES / minutes(1), event=2, venue="Library"), False),
        (stay(0, venue="Gym"), stay(0, event=2, venue=" gym "), False),
        (stay(0, venue="Gym"), stay(0, event=2), False),  # who knows where
        (stay(0, venue="Gym"), stay(0, venue="Library"), False),  # one event
    ],
)
def test_too_far(first: Stay, second: Stay, expected: bool) -> None:
    assert are_too_far(first, second) is are_too_far(second, first) is expected


@pytest.mark.parametrize(
    ("manual", "all_marks", "expected"),
    [(MANUAL_LEAST - 1, MANUAL_LEAST - 1, False), (10, 10, True), (30, 100, False), (31, 100, True), (0, 0, False)],
)
def test_share(manual: int, all_marks: int, expected: bool) -> None:
    assert is_unusual_share(manual=manual, all_marks=all_marks) is expected


@pytest.mark.parametrize(
    ("method", "user", "operator", "expected"),
    [
        (Method.USER, GATE, GATE, True), (Method.PASS, GATE, GATE, True), (Method.VENUE_CODE, GATE, GATE, False),
        (Method.USER, GATE, DOOR, False), (Method.PASS, None, None, False),
    ],
)  # fmt: skip
def test_self(method: str, user: UUID | None, operator: UUID | None, expected: bool) -> None:
    assert is_self_marked(method=method, user_id=user, operator_id=operator) is expected


# --- What is found --------------------------------------------------------------------------------


def put(site: Site, event: Event, person: Person | None, **changes: Any) -> Scan:
    """Store a recorded scan, with its attendance, as recording would; ``changes`` are its columns."""
    with site.here():
        session = event.sessions.order_by("starts_at").first()
        moment = changes.get("received_at", now())
        values = {
            "fingerprint": b"x" * 32, "event_id": event.pk, "session_id": session.pk, "operator_id": site.scanner.id,
            "user_id": person.id if person else None, "direction": "in", "method": "pass", "outcome": "recorded",
            "code": "recorded", "received_at": moment, "effective_at": moment, "answer": {}, "scan_id": uuid4(),
        } | changes  # fmt: skip
        scan = Scan(**values)
        if person and scan.outcome != "refused":
            attendance, _ = Attendance.objects.get_or_create(
                session_id=scan.session_id, user_id=person.id,
                defaults={
                    "event_id": event.pk, "status": "present", "first_in_at": scan.effective_at, "method": scan.method,
                    "first_scan_id": scan.pk, "operator_id": scan.operator_id, "created_at": moment,
                    "updated_at": moment,
                },
            )  # fmt: skip
            scan.attendance_id = attendance.pk
        scan.save(force_insert=True)
        return scan


def review(site: Site, *, since: float = 60, at: datetime | None = None) -> list[tuple[str, str]]:
    """Look at what came in the last ``since`` minutes; return (kind, state) of every flag there is."""
    with site.here():
        raise_flags(since=(at or now()) - minutes(since), at=at or now())
        return sorted(Flag.objects.values_list("kind", "state"))


def only(site: Site) -> Flag:
    with site.here():
        return Flag.objects.get()


def test_two_devices_without_a_network_and_one_pass(cast: Cast) -> None:
    site = cast.malimono
    event = make_event(site)
    moment = now()
    gate, door = uuid4(), uuid4()
    first = put(site, event, site.student, scanner_id=gate, effective_at=moment - minutes(20), received_at=moment)
    assert review(site) == []
    second = put(
        site, event, site.student, scanner_id=door, effective_at=moment - minutes(10), received_at=moment - minutes(10),
        outcome="duplicate", code="duplicate",
    )  # fmt: skip
    put(site, event, site.friend, scanner_id=gate)

    assert review(site) == review(site) == [("two_doors", "open")]

    flag = only(site)
    assert (flag.event_id, flag.person_id) == (event.pk, site.student.user.person_id)
    assert flag.evidence["scans"] == [str(first.pk), str(second.pk)]
    assert flag.evidence["devices"] == sorted([str(gate), str(door)])
    with site.here():
        assert set(Attendance.objects.values_list("status", flat=True)) == {"present"}
        assert Correction.objects.count() == 0
    with cast.delcarmen.here():
        assert Flag.objects.count() == 0


def test_doors_that_know_of_each_other_are_no_conflict(cast: Cast) -> None:
    """Through the one operation: an offline scan that arrives after another door has recorded is one, a repeat is not."""
    site = cast.malimono
    event = make_event(site)
    with site.here():
        for operator in (site.scanner, site.organizer):
            request = ScanRequest(event_id=event.pk, method=Method.USER, value=str(site.student.id))
            record_scan(by=operator.user, at=now(), scan=request)
    assert review(site) == []
    with site.here():
        request = ScanRequest(
            event_id=event.pk, method=Method.PASS, value=pass_of(site.student), captured_at=now() - minutes(5)
        )
        record_scan(by=site.organizer.user, at=now(), scan=request)

    assert review(site) == [("two_doors", "open")]


def test_one_device_for_several_people(cast: Cast) -> None:
    site = cast.malimono
    event = make_event(site, sessions=2, apart=1)
    with site.here():
        sessions = list(event.sessions.order_by("starts_at"))
        for session, person, device in (
            (sessions[0], site.student, b"a" * 32), (sessions[1], site.friend, b"a" * 32),
            (sessions[1], site.student, b"b" * 32),
        ):  # fmt: skip
            DeviceUse.objects.create(session=session, device=device, user=person.user, used_at=now())
    put(site, event, site.student, method="venue_code", operator_id=site.student.id)
    refused = put(
        site, event, site.friend, method="venue_code", operator_id=site.friend.id, outcome="refused", code="device_used"
    )

    assert review(site) == review(site) == [("shared_device", "open")] * 2

    with site.here():
        served, tried = Flag.objects.get(person_id=None), Flag.objects.exclude(person_id=None).get()
    assert served.evidence["device"] == (b"a" * 32).hex()
    assert sorted(served.evidence["users"]) == sorted([str(site.student.id), str(site.friend.id)])
    assert (tried.person_id, tried.evidence["scans"]) == (site.friend.user.person_id, [str(refused.pk)])


def test_two_places_too_far_apart(cast: Cast) -> None:
    site = cast.malimono
    here, there = make_event(site), make_event(site, title="Island tour")
    with site.here():
        for event, (latitude, longitude) in ((here, SURIGAO), (there, DAPA)):
            Event.objects.filter(pk=event.pk).update(latitude=latitude, longitude=longitude)
    moment = now()
    for person, after in ((site.student, 10), (site.friend, 50)):
        put(site, here, person, received_at=moment - minutes(55))
        put(site, there, person, received_at=moment - minutes(55 - after))

    assert review(site) == review(site) == [("too_far", "open")]

    flag = only(site)
    assert flag.person_id == site.student.user.person_id
    assert {one["event"] for one in flag.evidence["presences"]} == {str(here.pk), str(there.pk)}


def test_what_staff_decided_was_seen_by_nobody(cast: Cast) -> None:
    site = cast.malimono
    events = [make_event(site, title=venue) for venue in ("Gym", "Library")]
    with site.here():
        for event in events:
            Event.objects.filter(pk=event.pk).update(venue=event.title)
    put(site, events[0], site.student)
    with site.here():
        Attendance.objects.create(
            event=events[1], session=events[1].sessions.get(), user=site.student.user, status="present",
            decided_status="present", first_in_at=now(), method="none", created_at=now(), updated_at=now(),
        )  # fmt: skip
    assert review(site) == []
    with site.here():
        Attendance.objects.filter(event=events[1]).update(first_scan_id=uuid4())
    assert review(site) == [("too_far", "open")]


def test_two_campuses_within_half_an_hour_are_seen_by_the_home_campus(cast: Cast) -> None:
    home, first, second = cast.malimono, cast.delcarmen, cast.snsu
    for host in (first, second):
        event = make_shared_event(host, home)
        with host.here():
            request = ScanRequest(event_id=event.pk, method=Method.PASS, value=pass_of(home.student))
            assert record_scan(by=host.scanner.user, at=now(), scan=request).status == 201

    assert review(home) == review(home) == [("too_far", "open")]
    assert review(first) == review(second) == []  # neither sees the other's visit

    flag = only(home)
    assert flag.event_id is None  # no event of its own
    assert sorted(one["campus"] for one in flag.evidence["presences"]) == ["DELCARMEN", "SNSU"]


def test_a_large_share_by_hand(cast: Cast) -> None:
    site = cast.malimono
    many, few, roll = (make_event(site, title=title) for title in ("Many", "Few", "Roll"))
    people = enrol(site, 40)
    for number, pk in enumerate(people):
        person = Person(user=site.student.user.__class__(pk=pk), site=site, token="")
        put(site, many, person, method="user" if number < 13 else "pass")
        put(site, few, person, method="student_id" if number < 9 else "pass")
        put(site, roll, person, method="user", door="roll_call")

    assert review(site) == review(site) == [("manual_share", "open")]
    flag = only(site)
    assert (flag.event_id, flag.evidence["manual"], flag.evidence["all"]) == (many.pk, 13, 40)


def test_an_organizer_who_marks_themselves(cast: Cast) -> None:
    site = cast.malimono
    event = make_event(site)
    with site.here():
        for person in (site.organizer, site.student):
            request = ScanRequest(event_id=event.pk, method=Method.USER, value=str(person.id))
            assert record_scan(by=site.organizer.user, at=now(), scan=request).status == 201
    put(site, event, site.friend, method="venue_code", operator_id=site.friend.id)

    assert review(site) == review(site) == [("self_marked", "open")]
    assert only(site).person_id == site.organizer.user.person_id


def test_an_organizer_whom_a_friend_marks(cast: Cast, http: Http) -> None:
    site = cast.malimono
    event, other = make_event(site), make_event(site)
    with site.here():
        for friend, where, person in (
            (site.admin, event, site.organizer), (site.scanner, other, site.other_organizer),
            (site.admin, event, site.student),
        ):  # fmt: skip
            request = ScanRequest(event_id=where.pk, method=Method.USER, value=str(person.id))
            assert record_scan(by=friend.user, at=now(), scan=request).status == 201
    put(site, event, site.admin, method="pass")

    assert review(site) == review(site) == [("staff_marked", "open")] * 2
    (flag,) = http.get(PATH, by=site.organizer, event=str(event.pk)).json()["results"]
    assert (flag["person"], flag["evidence"]["operators"]) == (str(site.organizer.user.person_id), [str(site.admin.id)])
    assert http.post(f"{PATH}{flag['id']}/dismiss/", {"note": "Fine"}, by=site.organizer).status_code == 403
    assert http.get(PATH, by=cast.delcarmen.admin).json()["count"] == 0


def test_clocks_that_are_far_off(cast: Cast) -> None:
    site = cast.malimono
    event = make_event(site)
    wrong, corrected, right = uuid4(), uuid4(), uuid4()
    put(site, event, site.student, scanner_id=wrong, skew=-WORST_SKEW - 1)
    put(site, event, site.friend, scanner_id=corrected, time_corrected=True)
    put(site, event, site.organizer, scanner_id=right, skew=WORST_SKEW)

    assert review(site) == review(site) == [("wrong_clock", "open")] * 2
    with site.here():
        found = {flag.evidence["device"]: flag.evidence["skew"] for flag in Flag.objects.all()}
    assert found == {str(wrong): WORST_SKEW + 1, str(corrected): None}


def test_missing_numbers_are_found_and_close_when_they_arrive(cast: Cast, http: Http) -> None:
    site = cast.malimono
    event = make_event(site)
    scanner, later = uuid4(), now() + GAP_GRACE + minutes(1)
    for number in (10, 11, 15, 16, 20):
        put(site, event, None, scanner_id=scanner, sequence=number)
    put(site, event, None, scanner_id=uuid4(), sequence=1)

    assert review(site) == []  # a batch may still be on its way
    assert review(site, at=later) == [("sequence_gap", "open")] * 2
    with site.here():
        found = sorted((flag.evidence["first"], flag.evidence["last"]) for flag in Flag.objects.all())
    assert found == [(12, 14), (17, 19)]

    put(site, event, None, scanner_id=scanner, sequence=14)
    review(site, at=later)
    with site.here():
        assert sorted((flag.evidence["first"], flag.evidence["last"]) for flag in Flag.objects.all()) == [
            (12, 13), (17, 19),
        ]  # fmt: skip
    for number in (12, 13):
        put(site, event, None, scanner_id=scanner, sequence=number)

    assert review(site, at=later) == [("sequence_gap", "dismissed"), ("sequence_gap", "open")]
    closed = http.get(PATH, by=site.admin, state="dismissed").json()["results"]
    assert [(row["reviewed_by"], row["note"][:16]) for row in closed] == [(None, "Closed by itself")]


def test_what_somebody_has_decided_is_not_opened_again(cast: Cast, http: Http) -> None:
    site = cast.malimono
    event = make_event(site)
    scanner, later = uuid4(), now() + GAP_GRACE + minutes(1)
    for number in (1, 5):
        put(site, event, None, scanner_id=scanner, sequence=number)
    review(site, at=later)
    path = f"{PATH}{only(site).pk}/"
    assert http.post(f"{path}confirm/", {"note": "the phone broke"}, by=site.organizer).status_code == 200
    put(site, event, None, scanner_id=scanner, sequence=4)

    assert review(site, at=later) == [("sequence_gap", "confirmed")]
    assert only(site).evidence["last"] == 4  # as it was when it was looked at


def test_one_number_for_two_scans(cast: Cast) -> None:
    site = cast.malimono
    event = make_event(site)
    scanner = uuid4()
    for number in (1, 2, 3, 1, 2, 4):
        put(site, event, None, scanner_id=scanner, sequence=number)
    put(site, event, None, scanner_id=uuid4(), sequence=1)

    assert review(site) == review(site) == [("sequence_restart", "open")]
    evidence = only(site).evidence
    assert (evidence["first"], evidence["last"], evidence["count"], len(evidence["scans"])) == (1, 2, 2, 4)


def test_nothing_of_an_event_that_was_never_published(cast: Cast) -> None:
    site = cast.malimono
    draft = make_event(site, status="draft")
    put(site, draft, None, scanner_id=uuid4(), skew=WORST_SKEW * 2, sequence=1, outcome="refused")
    assert review(site) == []


# --- Turns ----------------------------------------------------------------------------------------


def test_a_turn_is_taken_once_and_leaves_nothing_out(cast: Cast) -> None:
    site = cast.malimono
    event = make_event(site)
    start = now()
    put(site, event, site.student, operator_id=site.student.id)
    with site.here():
        assert review_scans(at=start) == 1
        assert review_scans(at=start) == 0
    put(site, event, site.friend, operator_id=site.friend.id, received_at=start + minutes(1))
    with site.here():
        assert review_scans(at=start + timedelta(hours=9)) == 2  # nobody looked for nine hours; turns overlap
        assert Flag.objects.count() == 2


def test_eight_turns_at_once_raise_each_flag_once(cast: Cast) -> None:
    site = cast.malimono
    event = make_event(site)
    for person in (site.student, site.friend, site.organizer):
        put(site, event, person, operator_id=person.id)
    at = now()

    def work(number: int) -> None:
        with site.here():
            review_scans(at=at + REVIEW_EVERY * (number % 2))
            raise_flags(since=at - minutes(5), at=at)

    assert together(8, work) == []
    with site.here():
        assert Flag.objects.count() == 3


def test_a_turn_that_dies_is_repeated(cast: Cast) -> None:
    site = cast.malimono
    put(site, make_event(site), site.student, operator_id=site.student.id)
    at = now()
    with site.here():
        with pytest.raises(RuntimeError), transaction.atomic():
            review_scans(at=at)
            raise RuntimeError("killed")
        assert Slot.objects.count() == Flag.objects.count() == 0
        assert review_scans(at=at) == 1


def test_the_cost_of_a_turn_does_not_grow_with_what_it_finds(cast: Cast) -> None:
    site = cast.malimono
    event = make_event(site)

    def cost() -> int:
        with site.here():
            before = connection.statements
            raise_flags(since=now() - minutes(60), at=now() + GAP_GRACE)
            return connection.statements - before

    for number in (1, 3):
        put(site, event, None, scanner_id=GATE, sequence=number, skew=WORST_SKEW * 2)
    few = cost()
    for number in range(5, 60, 2):
        put(site, event, None, scanner_id=uuid4(), sequence=number, skew=WORST_SKEW * 2)
        put(site, event, None, scanner_id=GATE, sequence=number)
    assert cost() == few


# --- The queue ------------------------------------------------------------------------------------


@pytest.fixture
def flagged(cast: Cast) -> Flag:
    """One flag about the organizer of an event of Malimono; there is one in Del Carmen too."""
    for site in (cast.delcarmen, cast.malimono):
        event = make_event(site)
        put(site, event, site.organizer, operator_id=site.organizer.id, method="user")
        review(site)
    return only(cast.malimono)


def test_who_sees_the_queue(cast: Cast, http: Http, flagged: Flag) -> None:
    site = cast.malimono
    path = f"{PATH}{flagged.pk}/"
    nowhere = http.get(f"{PATH}{uuid4()}/", by=site.admin)

    counts = {
        who: http.get(PATH, by=getattr(site, who)).json().get("count")
        for who in ("organizer", "other_organizer", "admin")
    }
    read = http.get(path, by=site.admin).json()
    hidden = [http.get(path, by=site.other_organizer), http.get(path, by=cast.delcarmen.admin)]
    refused = [http.get(PATH, by=who).status_code for who in (site.student, site.scanner, site.kiosk)]

    assert counts == {"organizer": 1, "other_organizer": 0, "admin": 1}
    assert read["detail"] == "An organizer marked themselves"
    assert [scan["operator"] for scan in read["scans"]] == [str(site.organizer.id)]
    assert "Santos" not in str(read)
    assert {(one.status_code, one.content) for one in hidden} == {(404, nowhere.content)}
    assert refused == [403, 403, 403]


def test_closing_takes_a_note_and_somebody_else(cast: Cast, http: Http, flagged: Flag) -> None:
    site = cast.malimono
    path = f"{PATH}{flagged.pk}/"

    empty = http.post(f"{path}dismiss/", {"note": ""}, by=site.admin)
    unknown = http.post(f"{path}dismiss/", {"note": "x", "state": "open"}, by=site.admin)
    own = [http.post(f"{path}{what}/", {"note": "fine"}, by=site.organizer) for what in ("dismiss", "confirm")]
    foreign = http.post(f"{path}dismiss/", {"note": "x"}, by=cast.delcarmen.admin)
    closed = http.post(f"{path}confirm/", {"note": "Talked to her"}, by=site.admin)
    again = http.post(f"{path}dismiss/", {"note": "x"}, by=site.admin)

    assert [one.status_code for one in (empty, unknown, foreign)] == [400, 400, 404]
    assert {(one.status_code, one.json()["errors"][0]["code"]) for one in own} == {(403, "own_flag")}
    assert (closed.json()["state"], closed.json()["note"]) == ("confirmed", "Talked to her")
    assert (again.status_code, again.json()["errors"][0]["code"]) == (409, "already_decided")
    assert http.get(PATH, by=site.admin).json()["count"] == 0
    with site.here():
        assert AuditEntry.objects.get(action="flag.confirmed").reason == "Talked to her"
        assert Attendance.objects.get().status == "present"
    with cast.delcarmen.here():
        assert Flag.objects.get().state == "open"


def test_two_who_close_at_once_one_wins(cast: Cast, http: Http, flagged: Flag) -> None:
    site = cast.malimono

    def work(number: int) -> None:
        state = (FlagState.DISMISSED, FlagState.CONFIRMED)[number % 2]
        with site.here():
            close_flag(by=site.admin.user, at=now(), flag_id=flagged.pk, state=state, note="x")

    raised = together(6, work)

    assert [type(error) for error in raised] == [AlreadyDecided] * 5
    with site.here():
        assert AuditEntry.objects.filter(target_type="flag").count() == 1


def test_filters_and_the_cost_of_a_list(cast: Cast, http: Http) -> None:
    site = cast.malimono
    event = make_event(site)

    def cost() -> int:
        before = connection.statements
        assert http.get(PATH, by=site.admin, page_size="100").status_code == 200
        return connection.statements - before

    put(site, event, None, scanner_id=uuid4(), skew=WORST_SKEW * 2)
    review(site)
    few = cost()
    for _ in range(15):
        put(site, event, None, scanner_id=uuid4(), skew=WORST_SKEW * 2)
    review(site)

    assert cost() == few
    for query, count in (
        ({"kind": "wrong_clock"}, 16), ({"kind": "too_far"}, 0), ({"event": str(event.pk)}, 16),
        ({"event": str(uuid4())}, 0), ({"state": "confirmed"}, 0),
    ):  # fmt: skip
        assert http.get(PATH, by=site.admin, **query).json()["count"] == count
    for query in ({"kind": "x"}, {"state": "x"}, {"event": "x"}):
        assert http.get(PATH, by=site.admin, **query).status_code == 400


def test_the_named_constraints_hold(cast: Cast, flagged: Flag) -> None:
    values = {"kind": "too_far", "subject": "x", "raised_at": now()}
    for change, name in (
        ({"kind": flagged.kind, "subject": flagged.subject}, "attendance_flag_once"),
        ({"kind": "rumour"}, "attendance_flag_kind_known"),
        ({"state": "lost"}, "attendance_flag_state_known"),
    ):
        with cast.malimono.here(), pytest.raises(IntegrityError, match=name), transaction.atomic():
            Flag.objects.create(**{**values, **change})
