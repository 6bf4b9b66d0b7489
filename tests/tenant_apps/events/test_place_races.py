"""Many hands at few places: PostgreSQL decides, nobody is turned away for nothing, and nobody is passed over."""

import random
import threading
from contextlib import suppress
from datetime import timedelta

import pytest
from django.db import connection, transaction

from shared_apps.accounts.models import User
from shared_apps.common.clock import now
from shared_apps.common.errors import DomainError
from tenant_apps.attendance.models import Attendance
from tenant_apps.events.errors import AlreadyAttended
from tenant_apps.events.models import Event, Registration
from tenant_apps.events.services.editing import update_event
from tenant_apps.events.services.guests import invite_guest, withdraw_guest
from tenant_apps.events.services.registrations import (
    approve_place,
    decline_place,
    register,
    register_walk_in,
    tidy_places,
    withdraw,
)
from tenant_apps.notifications.models import Notice
from tests.cast import Cast, Site
from tests.shared_apps.federation.sharing import enrol
from tests.tenant_apps.attendance.test_races import together
from tests.tenant_apps.events.places import make_placed_event, states

SEATS = 25


def check(site: Site, event: Event) -> None:
    """What is true at the end, whatever has happened in which order."""
    with site.here():
        rows = list(Registration.objects.filter(event=event))
        waiting = [row for row in rows if row.state == "waiting"]
        promoted = [row for row in rows if row.state == "registered" and row.promoted_at and row.waiting_since]
        told = set(Notice.objects.filter(kind="registration.promoted").values_list("user_id", flat=True))
    assert sum(row.state == "registered" for row in rows) == SEATS
    assert waiting
    assert all(row.waiting_since for row in waiting)
    assert len({row.waiting_since for row in rows if row.waiting_since}) == sum(bool(row.waiting_since) for row in rows)
    assert promoted
    # Nobody was passed over: whoever waits came later than everybody who was promoted.
    assert max(row.waiting_since for row in promoted) < min(row.waiting_since for row in waiting)
    assert {row.user_id for row in promoted if row.user_id} <= told


def test_forty_hands_at_twenty_five_places(cast: Cast) -> None:
    site = cast.malimono
    event = make_placed_event(site, registration="approval", capacity=SEATS, organizer=site.organizer)
    crowd = enrol(site, 60)
    organizer = site.organizer.user
    with site.here():
        asking = [register(by=person.user, at=now(), event_id=event.pk)[0].pk for person in crowd[:20]]
        update_event(by=organizer, at=now(), event_id=event.pk, changes={"registration": "required"})
        for person in crowd[20:55]:
            register(by=person.user, at=now(), event_id=event.pk)
    most: list[int] = []

    def hand(number: int) -> None:
        dice = random.Random(number)
        with site.here():
            for _ in range(8):
                person = dice.choice(crowd)
                at, place = now(), {"event_id": event.pk, "registration_id": dice.choice(asking)}
                with suppress(DomainError):
                    if number < 12:
                        register(by=person.user, at=at, event_id=event.pk)
                    elif number < 24:
                        withdraw(by=person.user, at=at, event_id=event.pk)
                    elif number < 30:
                        approve_place(by=organizer, at=at, **place)
                    elif number < 32:
                        decline_place(by=organizer, at=at, reason="no", **place)
                    elif number < 35:
                        register_walk_in(by=organizer, at=at, event_id=event.pk, user_id=person.id)
                    elif number < 38:
                        guest = invite_guest(by=organizer, at=at, event_id=event.pk, guest={"name": "G"})
                        withdraw_guest(
                            by=organizer, at=at, event_id=event.pk, guest_id=guest.registration.guest_id
                        )  # fmt: skip
                    elif number < 39:
                        update_event(by=organizer, at=at, event_id=event.pk, changes={"capacity": SEATS})
                    else:
                        tidy_places(at=at)
                most.append(Registration.objects.filter(event=event, state="registered").count())

    assert together(40, hand) == []
    assert max(most) <= SEATS
    late = enrol_more(site, 10)  # so that somebody waits, however many have left
    with site.here():
        for user in late:
            register(by=user, at=now(), event_id=event.pk)
        with_seats = Registration.objects.filter(event=event, state="registered").count()
        for place in Registration.objects.filter(event=event, state="registered", user__isnull=False)[:2]:
            withdraw(by=place.user, at=now(), event_id=event.pk)
    assert with_seats == SEATS
    check(site, event)


@pytest.mark.parametrize("how", ["withdraw", "decline", "release"])
def test_a_place_is_not_taken_away_while_its_owner_comes_in(cast: Cast, how: str) -> None:
    """A door locks the place of whom it lets in; whoever takes places away waits for it, and then sees them present."""
    site = cast.malimono
    event = make_placed_event(
        site, capacity=1, starts=-60, organizer=site.organizer, releases_seats_at=now() - timedelta(minutes=1)
    )
    written, happened = threading.Event(), threading.Event()
    came = site.student.user
    with site.here():
        place = register(by=came, at=now() - timedelta(hours=1), event_id=event.pk)[0]
        register(by=site.friend.user, at=now(), event_id=event.pk)
        session = event.sessions.get()

    def door() -> None:
        with site.here(), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM events_registration WHERE id = %s FOR SHARE", [place.pk])
            Attendance.objects.create(
                event=event, session=session, user=came, status="present", first_in_at=now(), method="user",
                created_at=now(), updated_at=now(),
            )  # fmt: skip
            written.set()
            happened.wait(0.5)

    def take_away() -> None:
        assert written.wait(5)
        with site.here(), suppress(AlreadyAttended):
            if how == "withdraw":
                withdraw(by=came, at=now(), event_id=event.pk)
            elif how == "decline":
                decline_place(
                    by=site.organizer.user, at=now(), event_id=event.pk, registration_id=place.pk, reason="no"
                )  # fmt: skip
            else:
                assert tidy_places(at=now()) == 0
        happened.set()

    assert together(2, lambda number: take_away() if number else door()) == []
    assert states(site, event) == {came.pk: "registered", site.friend.id: "waiting"}


def test_a_door_with_many_scans_and_a_withdrawal_do_not_wait_for_each_other(cast: Cast) -> None:
    """Both lock places by id: who waits has the lower one here, and gets the other's place."""
    site = cast.malimono
    event = make_placed_event(site, capacity=1)
    first, second = site.friend.user, site.student.user
    locked, happened = threading.Event(), threading.Event()
    with site.here():
        ids = [register(by=user, at=now(), event_id=event.pk)[0].pk for user in (first, second)]
        withdraw(by=first, at=now(), event_id=event.pk)
        register(by=first, at=now(), event_id=event.pk)
    assert states(site, event) == {first.pk: "waiting", second.pk: "registered"}

    def door() -> None:
        with site.here(), transaction.atomic(), connection.cursor() as cursor:
            for pk in sorted(ids):
                cursor.execute("SELECT 1 FROM events_registration WHERE id = %s FOR SHARE", [pk])
                locked.set()
                happened.wait(0.5)

    def give_back() -> None:
        assert locked.wait(5)
        with site.here():
            withdraw(by=second, at=now(), event_id=event.pk)
        happened.set()

    assert together(2, lambda number: give_back() if number else door()) == []
    assert states(site, event) == {first.pk: "registered", second.pk: "withdrawn"}


def enrol_more(site: Site, count: int) -> list[User]:
    """More people, with other names than ``enrol`` gives."""
    users = [User(username=f"more{n}", role="student", password="!") for n in range(count)]
    with site.here():
        User.objects.bulk_create(users)
    return users


def test_one_person_asking_from_many_clients_has_one_place(cast: Cast) -> None:
    site = cast.malimono
    event = make_placed_event(site, capacity=2)
    new: list[bool] = []

    def ask(_: int) -> None:
        with site.here():
            new.append(register(by=site.student.user, at=now(), event_id=event.pk)[1])

    assert together(12, ask) == []
    assert sorted(new) == [False] * 11 + [True]
    with site.here():
        assert Registration.objects.get().state == "registered"


def test_capacity_that_shrinks_while_people_register_is_never_below_what_is_taken(cast: Cast) -> None:
    site = cast.malimono
    event = make_placed_event(site, capacity=20, organizer=site.organizer)
    crowd = enrol(site, 20)

    def work(number: int) -> None:
        with site.here(), suppress(DomainError):
            if number < 20:
                register(by=crowd[number].user, at=now(), event_id=event.pk)
            else:
                update_event(
                    by=site.organizer.user, at=now(), event_id=event.pk, changes={"capacity": 24 - number}
                )  # fmt: skip

    assert together(24, work) == []
    with site.here():
        event.refresh_from_db()
        taken = Registration.objects.filter(event=event, state="registered").count()
        waiting = Registration.objects.filter(event=event, state="waiting").count()
    assert taken == min(20, event.capacity)
    assert taken + waiting == 20
