"""Many doors of several campuses at once, and everything that may happen between reading and writing."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction

from shared_apps.common.clock import now
from shared_apps.common.errors import DomainError
from shared_apps.common.ids import uuid7
from shared_apps.federation.models import FederatedRegistration, Invitation, Visit
from shared_apps.federation.services import registrations
from shared_apps.federation.services.registrations import register, withdraw
from tenant_apps.attendance.models import Attendance, Scan, Visitor
from tenant_apps.attendance.rules.scans import Method
from tenant_apps.attendance.services import recording, verdicts
from tenant_apps.attendance.services.corrections import undo_attendance
from tenant_apps.attendance.services.recording import record_scan
from tenant_apps.attendance.services.verdicts import ScanAnswer, ScanRequest, Verdict
from tenant_apps.events.errors import EventHasAttendance
from tenant_apps.events.services.editing import cancel_event, update_event
from tenants.context import public_context
from tests.cast import Cast, Person, Site
from tests.factories import make_event, make_shared_event, pass_of
from tests.shared_apps.federation.sharing import disagreements, enrol, hold_everywhere, passes
from tests.tenant_apps.attendance.test_races import together


def scan(host: Site, event_id: UUID, text: str, **more: Any) -> ScanAnswer:
    with host.here():
        return record_scan(
            by=host.scanner.user, at=now(),
            scan=ScanRequest(event_id=event_id, method=Method.PASS, value=text, scan_id=uuid7(), **more),
        )  # fmt: skip


def invite(host: Site, event_id: UUID, **changes: Any) -> None:
    with host.here():
        update_event(by=host.organizer.user, at=now(), event_id=event_id, changes=changes)


def places(event_id: UUID) -> dict[UUID, str]:
    with public_context():
        return dict(FederatedRegistration.objects.filter(event_id=event_id).values_list("person_id", "state"))


# --- Storms ----------------------------------------------------------------------------------------------------------
def test_sixteen_doors_of_two_campuses_count_thirty_people_once(cast: Cast) -> None:
    hosts = (cast.malimono, cast.delcarmen)
    shared_id, events = hold_everywhere(cast, *hosts, cast.snsu)
    people = [*enrol(cast.malimono, 10), *enrol(cast.delcarmen, 10), *enrol(cast.snsu, 10)]
    texts = passes(people)
    answers: list[tuple[str, str, ScanAnswer]] = []

    def door(number: int) -> None:
        host = hosts[number % 2]
        # In pairs the same order, so that the same person is shown at both campuses in the same instant.
        for text in random.Random(number // 2).sample(texts, len(texts)):
            answers.append((host.campus.code, text, scan(host, events[host.campus.code].pk, text)))

    assert together(16, door) == []

    by_code = Counter(answer.body["code"] for _, _, answer in answers)
    assert by_code["recorded"] == 30
    assert set(by_code) == {"recorded", "duplicate", "already_counted_elsewhere"}
    lost = [(code, text, answer) for code, text, answer in answers if answer.status == 422]
    assert {answer.body["attendance"] for _, _, answer in lost} == {None}
    assert all("first" not in answer.body or answer.body["first"] is None for _, _, answer in lost)
    won = {text: code for code, text, answer in answers if answer.status == 201}
    for code, text, answer in answers:
        assert (answer.status == 422) == (won[text] != code), (code, answer.body["code"])
    with public_context():
        visits = {visit.person_id: (visit.host, visit.home) for visit in Visit.objects.filter(event_id=shared_id)}
    assert visits == {
        person.user.person_id: (won[text], person.site.campus.code) for person, text in zip(people, texts, strict=True)
    }
    for host in hosts:
        with host.here():
            # Each loser got a refusal that is kept, and left nothing else behind.
            kept = Scan.objects.filter(code="already_counted_elsewhere", outcome="refused")
            assert kept.count() == sum(code == host.campus.code for code, _, _ in lost)
            assert Attendance.objects.count() == sum(code == host.campus.code for code in won.values())
            assert Visitor.objects.count() == Attendance.objects.filter(visitor__isnull=False).count()
    assert disagreements(cast) == []


def test_one_person_shown_at_three_campuses_by_twenty_four_doors(cast: Cast) -> None:
    hosts = (cast.malimono, cast.delcarmen, cast.snsu)
    _, events = hold_everywhere(cast, *hosts)
    text = pass_of(cast.snsu.student)
    statuses: list[int] = []

    def door(number: int) -> None:
        host = hosts[number % 3]
        statuses.append(scan(host, events[host.campus.code].pk, text).status)

    assert together(24, door) == []
    assert Counter(statuses) == {201: 1, 200: 7, 422: 16}
    assert disagreements(cast) == []


def seat_storm(cast: Cast, *, people: int, rounds: int) -> None:
    """Walk-ins at the door, registrations and withdrawals at home, and the host changing its mind, all at once."""
    host, home = cast.delcarmen, cast.malimono
    event = make_shared_event(host, home, seats=5)
    crowd = enrol(home, people)
    texts = dict(zip((person.user.person_id for person in crowd), passes(crowd), strict=True))
    admitted: set[UUID] = set()
    trouble: list[str] = []

    def work(number: int) -> None:
        dice = random.Random(number)
        for _ in range(rounds):
            person = dice.choice(crowd)
            if number < 4:
                answer = scan(host, event.pk, texts[person.user.person_id])
                if answer.status in {200, 201}:
                    admitted.add(person.user.person_id)
                elif answer.body["code"] != "seats_taken":
                    trouble.append(answer.body["code"])
            elif number < 8:
                with home.here():
                    register(by=person.user, at=now(), event_id=event.pk)
            elif number < 11:
                with home.here(), suppress(DomainError):
                    withdraw(by=person.user, at=now(), event_id=event.pk)
            else:
                with suppress(DomainError):  # fewer seats than are taken
                    invite(host, event.pk, campus_seats={"MALIMONO": dice.choice([3, 5, 8, people // 2])})
            with public_context():
                row = Invitation.objects.get(event_id=event.pk)
            if row.seats is not None and row.taken > row.seats:
                trouble.append(f"{row.taken} on {row.seats}")

    raised = [error for error in together(12, work) if type(error).__name__ != "Unavailable"]
    assert raised == []
    assert trouble == []
    with public_context():
        present = set(Visit.objects.exclude(status="void").values_list("person_id", flat=True))
    registered = {person for person, state in places(event.pk).items() if state == "registered"}
    assert present == admitted
    assert present <= registered  # whoever came holds a seat, and has it to the end
    assert disagreements(cast) == []


def test_seats_are_exact_whoever_races(cast: Cast) -> None:
    seat_storm(cast, people=24, rounds=12)


@pytest.mark.slow
@pytest.mark.parametrize("turn", range(5))
def test_seats_are_exact_whoever_races_longer(cast: Cast, turn: int) -> None:
    seat_storm(cast, people=40, rounds=80)


def test_who_waits_first_is_seated_first(cast: Cast) -> None:
    host, home = cast.delcarmen, cast.malimono
    event = make_shared_event(host, home, seats=4)
    crowd = enrol(home, 20)
    with home.here():
        for person in crowd:
            register(by=person.user, at=now(), event_id=event.pk)
    order = [person.user.person_id for person in crowd]

    def give_up(number: int) -> None:
        if number < 4:
            with home.here():
                withdraw(by=crowd[number].user, at=now(), event_id=event.pk)
        else:
            with suppress(DomainError):  # another one has let more in
                invite(host, event.pk, campus_seats={"MALIMONO": number + 4})

    assert together(8, give_up) == []
    states = places(event.pk)
    highest = max(number for number, person in enumerate(order) if states[person] == "registered")
    assert [states[person] for person in order[4 : highest + 1]] == ["registered"] * (highest - 3)
    assert [states[person] for person in order[highest + 1 :]] == ["waiting"] * (19 - highest)
    assert disagreements(cast) == []


def test_undoing_races_with_scans_elsewhere(cast: Cast) -> None:
    hosts = (cast.malimono, cast.delcarmen)
    _, events = hold_everywhere(cast, *hosts, sessions=2)
    sessions = {}
    for host in hosts:
        with host.here():
            sessions[host.campus.code] = [row.pk for row in events[host.campus.code].sessions.all()]
    texts = passes(enrol(cast.snsu, 2) + enrol(cast.malimono, 4))
    codes: Counter[str] = Counter()

    def work(number: int) -> None:
        host = hosts[number % 2]
        dice = random.Random(number)
        for _ in range(30):
            if number < 10:
                session = dice.choice(sessions[host.campus.code])
                answer = scan(host, events[host.campus.code].pk, dice.choice(texts), session_id=session)
                codes[answer.body["code"]] += 1
            else:
                with host.here(), suppress(DomainError):
                    for row in Attendance.objects.exclude(status="void")[:2]:
                        undo_attendance(by=host.admin.user, at=now(), attendance_id=row.pk, reason="wrong")

    raised = [error for error in together(14, work) if type(error).__name__ != "Unavailable"]
    assert raised == []
    assert codes["recorded"] > 10
    assert set(codes) <= {"recorded", "duplicate", "already_counted_elsewhere", "campus_not_invited"}
    assert disagreements(cast) == []


def test_inviting_uninviting_and_cancelling_race_with_registrations(cast: Cast) -> None:
    host, home = cast.delcarmen, cast.malimono
    event = make_shared_event(host, home, cast.snsu, seats=6)
    crowd = enrol(home, 12)
    texts = passes(crowd)

    def work(number: int) -> None:
        dice = random.Random(number)
        for turn in range(12):
            person = dice.randrange(len(crowd))
            with suppress(DomainError):
                if number == 0:
                    if turn == 11:
                        with host.here():
                            cancel_event(by=host.organizer.user, at=now(), event_id=event.pk, reason="rain")
                    else:
                        invite(host, event.pk, allowed_campuses=["SNSU", "MALIMONO"] if turn % 2 else ["SNSU"])
                elif number < 7:
                    with home.here():
                        register(by=crowd[person].user, at=now(), event_id=event.pk)
                elif number < 9:
                    with home.here():
                        withdraw(by=crowd[person].user, at=now(), event_id=event.pk)
                else:
                    scan(host, event.pk, texts[person])

    assert together(12, work) == []
    with public_context():
        for row in Invitation.objects.all():
            if row.withdrawn_at is not None:
                assert row.taken == 0
                assert not FederatedRegistration.objects.filter(home=row.campus).exclude(state="withdrawn").exists()
    assert disagreements(cast) == []


# --- In between: one thing happens after the facts were read, and before they are written down --------------------------
def in_between(monkeypatch: pytest.MonkeyPatch, place: Any, name: str, happens: Callable[[], None]) -> None:
    """Let ``happens`` run once, in another thread, when ``place.name`` has returned for the first time."""
    real, done = getattr(place, name), []

    def then(*args: Any, **kwargs: Any) -> Any:
        answer = real(*args, **kwargs)
        if not done:
            done.append(True)
            assert together(1, lambda _: happens()) == []
        return answer

    monkeypatch.setattr(place, name, then)


@pytest.fixture
def one_seat(cast: Cast) -> UUID:
    return make_shared_event(cast.delcarmen, cast.malimono, seats=1).pk


def sign_up(person: Person, event_id: UUID) -> str:
    with person.site.here():
        return str(register(by=person.user, at=now(), event_id=event_id)[0].state)


def give_back(person: Person, event_id: UUID) -> None:
    with person.site.here():
        withdraw(by=person.user, at=now(), event_id=event_id)


FACTS = "find_visitor_scan_facts"


def test_a_place_given_back_in_between_does_not_let_in(
    cast: Cast, one_seat: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, next_ = cast.malimono.student, cast.malimono.friend
    assert [sign_up(first, one_seat), sign_up(next_, one_seat)] == ["registered", "waiting"]
    in_between(monkeypatch, recording, FACTS, lambda: give_back(first, one_seat))

    answer = scan(cast.delcarmen, one_seat, pass_of(first))

    assert (answer.status, answer.body["code"]) == (422, "seats_taken")
    assert scan(cast.delcarmen, one_seat, pass_of(next_)).status == 201
    assert disagreements(cast) == []


def test_an_invitation_withdrawn_in_between_does_not_let_in(
    cast: Cast, one_seat: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_up(cast.malimono.student, one_seat)
    in_between(monkeypatch, recording, FACTS, lambda: invite(cast.delcarmen, one_seat, allowed_campuses=[]))

    answer = scan(cast.delcarmen, one_seat, pass_of(cast.malimono.student))

    assert (answer.status, answer.body["code"]) == (403, "campus_not_invited")
    assert disagreements(cast) == []


def test_a_place_got_in_between_is_not_counted_twice(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    event_id = make_shared_event(cast.delcarmen, cast.malimono, seats=5).pk
    in_between(monkeypatch, recording, FACTS, lambda: sign_up(cast.malimono.student, event_id))

    assert scan(cast.delcarmen, event_id, pass_of(cast.malimono.student)).status == 201
    assert disagreements(cast) == []


def test_the_last_seat_goes_in_between(cast: Cast, one_seat: UUID, monkeypatch: pytest.MonkeyPatch) -> None:
    in_between(monkeypatch, recording, FACTS, lambda: sign_up(cast.malimono.friend, one_seat))

    answer = scan(cast.delcarmen, one_seat, pass_of(cast.malimono.student))

    assert (answer.status, answer.body["code"]) == (422, "seats_taken")
    with cast.delcarmen.here():
        assert not Visitor.objects.exists()
    assert disagreements(cast) == []


def test_somebody_who_is_scanned_in_between_does_not_give_the_place_back(
    cast: Cast, one_seat: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = cast.malimono.student
    sign_up(first, one_seat)
    in_between(
        monkeypatch, registrations, "_lock_invitation", lambda: scan(cast.delcarmen, one_seat, pass_of(first))
    )  # fmt: skip

    with pytest.raises(registrations.AlreadyAttended):
        give_back(first, one_seat)
    assert places(one_seat) == {first.user.person_id: "registered"}
    assert disagreements(cast) == []


def test_another_campus_is_faster_in_between(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    _, events = hold_everywhere(cast, cast.malimono, cast.delcarmen)
    text = pass_of(cast.malimono.student)
    statuses = []
    in_between(
        monkeypatch, recording, FACTS,
        lambda: statuses.append(scan(cast.malimono, events["MALIMONO"].pk, text).status),
    )  # fmt: skip

    answer = scan(cast.delcarmen, events["DELCARMEN"].pk, text)

    assert (statuses, answer.status, answer.body["code"]) == ([201], 422, "already_counted_elsewhere")
    with cast.delcarmen.here():
        assert not Attendance.objects.exists()
        assert not Visitor.objects.exists()
        assert Scan.objects.get().outcome == "refused"
    assert disagreements(cast) == []


@pytest.mark.parametrize("who", ["student", "friend"])
def test_an_event_opened_to_others_in_between_counts_in_the_ledger(
    cast: Cast, monkeypatch: pytest.MonkeyPatch, who: str
) -> None:
    site = cast.delcarmen
    event = make_event(site)
    in_between(
        monkeypatch, recording, "find_scan_facts",
        lambda: invite(site, event.pk, is_multi_campus=True, allowed_campuses=["MALIMONO"]),
    )  # fmt: skip

    assert scan(site, event.pk, pass_of(getattr(site, who))).status == 201
    with public_context():
        assert list(Visit.objects.values_list("event_id", "host", "home")) == [(event.pk, "DELCARMEN", "DELCARMEN")]
    assert disagreements(cast) == []


def test_opening_an_event_waits_for_the_doors_and_then_refuses(cast: Cast) -> None:
    """Whichever is first: an event with presence stays closed, or whoever comes is in the ledger."""
    site = cast.delcarmen
    for turn, person in enumerate(enrol(site, 12)):
        event, text = make_event(site), pass_of(person)
        raised: list[BaseException] = []

        def work(number: int, event: Any = event, text: str = text, raised: Any = raised, turn: int = turn) -> None:
            time.sleep(0.001 * (turn % 4) * (1 - number))
            if number == 0:
                assert scan(site, event.pk, text).status == 201
                return
            try:
                invite(site, event.pk, is_multi_campus=True, allowed_campuses=["MALIMONO"])
            except EventHasAttendance as error:
                raised.append(error)

        assert together(2, work) == []
        with site.here():
            assert Visit.objects.filter(event_id=event.pk).count() == (0 if raised else 1)
    assert disagreements(cast) == []


def before_commit(
    monkeypatch: pytest.MonkeyPatch, scanning: Callable[[], ScanAnswer], happens: Callable[[], None]
) -> int:
    """Scan, and let ``happens`` run when the scan's statement has run and before it commits, as far as it gets without
    waiting for the scan; return the scan's status.
    """
    written, happened = threading.Event(), threading.Event()

    class Slow:
        @staticmethod
        @contextmanager
        def atomic() -> Iterator[None]:
            with transaction.atomic():
                yield
                written.set()
                happened.wait(0.5)

    monkeypatch.setattr(verdicts, "transaction", Slow)
    statuses = []

    def both(number: int) -> None:
        if number == 0:
            statuses.append(scanning().status)
            return
        assert written.wait(5)
        happens()
        happened.set()

    assert together(2, both) == []
    return statuses[0]


def test_a_scan_in_another_session_while_the_first_is_undone_stays_counted(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The visit passes to the second session, or is made again: presence that was confirmed is in the ledger."""
    site = cast.malimono
    _, events = hold_everywhere(cast, site, cast.delcarmen, sessions=2)
    event = events["MALIMONO"]
    with site.here():
        first, second = (row.pk for row in event.sessions.all())
    text = pass_of(site.student)
    attendance_id = scan(site, event.pk, text, session_id=first).body["attendance"]["id"]

    def undo() -> None:
        with site.here():
            undo_attendance(by=site.admin.user, at=now(), attendance_id=attendance_id, reason="wrong")

    assert before_commit(monkeypatch, lambda: scan(site, event.pk, text, session_id=second), undo) == 201

    with public_context():
        assert Visit.objects.exclude(status="void").count() == 1
    assert disagreements(cast) == []


def test_a_change_that_loses_twice_to_its_own_campus_is_not_taken_for_counted_elsewhere(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The attendance would change and its visit would not."""
    site = cast.malimono
    _, events = hold_everywhere(cast, site, cast.delcarmen)
    event, text = events["MALIMONO"], pass_of(site.student)
    assert scan(site, event.pk, text).status == 201
    real, lost = Verdict._run_federated, []

    def lose_twice(self: Verdict, *args: Any) -> Any:
        if len(lost) < 2:
            lost.append(True)
            raise verdicts.CountedElsewhere
        return real(self, *args)

    monkeypatch.setattr(Verdict, "_run_federated", lose_twice)

    answer = scan(site, event.pk, text, captured_at=now() - timedelta(minutes=5))  # came earlier than was known

    assert (answer.status, lost) == (200, [True, True])
    with site.here():
        attendance = Attendance.objects.get()
    with public_context():
        assert Visit.objects.get().first_in_at == attendance.first_in_at
    assert disagreements(cast) == []


def test_a_place_is_not_given_back_while_the_person_is_let_in(
    cast: Cast, one_seat: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, next_ = cast.malimono.student, cast.malimono.friend
    assert [sign_up(first, one_seat), sign_up(next_, one_seat)] == ["registered", "waiting"]
    text, refused = pass_of(first), []

    def try_to_give_back() -> None:
        try:
            give_back(first, one_seat)
        except registrations.AlreadyAttended as error:
            refused.append(error)

    assert before_commit(monkeypatch, lambda: scan(cast.delcarmen, one_seat, text), try_to_give_back) == 201

    assert len(refused) == 1
    assert places(one_seat) == {first.user.person_id: "registered", next_.user.person_id: "waiting"}
    assert disagreements(cast) == []
