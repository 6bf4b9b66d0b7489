"""Seats of those who have not come, and of those who have gone for good: each goes to whoever waits, once."""

from datetime import timedelta

import pytest
from celery.signals import before_task_publish

from config.celery import app
from shared_apps.common.clock import now
from tenant_apps.events import tasks
from tenant_apps.events.models import Event, Registration
from tenant_apps.events.services.registrations import tidy_places
from tenants.context import public_context
from tests.cast import Cast, Http, Site
from tests.tenant_apps.events.places import make_placed_event, notices, path_of, scan, state_of, states


def tidy(site: Site, *, minutes: float = 0) -> int:
    with site.here():
        return tidy_places(at=now() + timedelta(minutes=minutes))


def test_seats_of_those_who_have_not_come_go_to_those_who_wait(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event = make_placed_event(campus, capacity=2, releases_seats_at=now() + timedelta(minutes=10))
    here, away, waits, last = campus.student, campus.friend, campus.admin, campus.other_organizer
    for person in (here, away, waits, last):
        http.post(path_of(event), by=person)
    scan(http, campus, event, here)

    early = tidy(campus, minutes=9)
    released = tidy(campus, minutes=11)
    again = tidy(campus, minutes=12)

    assert (early, released, again) == (0, 1, 0)
    assert states(campus, event) == {
        here.id: "registered", away.id: "released", waits.id: "registered", last.id: "waiting",
    }  # fmt: skip
    assert (notices(here), notices(last)) == ([], [])
    assert (notices(away), notices(waits)) == (["registration.released"], ["registration.promoted"])


def test_a_seat_that_was_got_after_the_hour_is_kept(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event = make_placed_event(campus, capacity=1, releases_seats_at=now() + timedelta(minutes=10))
    http.post(path_of(event), by=campus.student)
    tidy(campus, minutes=11)
    with campus.here():
        Event.objects.filter(pk=event.pk).update(releases_seats_at=now())  # as if the hour had passed for the door too
    walked_in = http.post(path_of(event, "walk-ins/"), {"user_id": str(campus.student.id)}, by=campus.organizer)

    assert walked_in.status_code == 201, walked_in.content
    assert tidy(campus) == 0
    assert states(campus, event) == {campus.student.id: "registered"}


def test_a_released_place_may_be_taken_anew_where_one_is_free(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event = make_placed_event(campus, capacity=1, starts=-60, releases_seats_at=now() - timedelta(minutes=1))
    http.post(path_of(event), by=campus.student)
    with campus.here():
        Registration.objects.update(requested_at=now() - timedelta(hours=1))
    assert tidy(campus) == 1

    assert state_of(http.post(path_of(event), by=campus.student)) == (201, "registered", None)
    assert tidy(campus) == 0


def test_a_void_presence_keeps_no_seat_and_a_guest_s_seat_is_released_too(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event = make_placed_event(campus, releases_seats_at=now() + timedelta(minutes=10))
    http.post(path_of(event), by=campus.student)
    guest = http.post(path_of(event, "guests/"), {"name": "G"}, by=campus.organizer).json()["id"]
    attendance = scan(http, campus, event, campus.student).json()["attendance"]["id"]
    http.post(f"events/attendance/{attendance}/undo/", {"reason": "a friend"}, by=campus.organizer)

    assert tidy(campus, minutes=11) == 2
    assert {str(who): state for who, state in states(campus, event).items()} == {
        str(campus.student.id): "released", guest: "released",
    }  # fmt: skip


def test_an_hour_from_before_the_event_was_moved_releases_nobody(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event = make_placed_event(campus, starts=60 * 24, releases_seats_at=now() - timedelta(days=6))
    http.post(path_of(event), by=campus.student)
    with campus.here():
        Registration.objects.update(requested_at=now() - timedelta(days=9))

    assert tidy(campus) == 0


def test_events_that_do_not_take_place_or_are_over_release_nobody(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    for _ in range(3):
        event = make_placed_event(campus, starts=-60, releases_seats_at=now() - timedelta(minutes=30))
        http.post(path_of(event), by=campus.student)
    with campus.here():
        Registration.objects.update(requested_at=now() - timedelta(hours=2))
        first, second, third = Event.objects.order_by("id")
        Event.objects.filter(pk=first.pk).update(status="cancelled")
        Event.objects.filter(pk=second.pk).update(status="completed")
        Event.objects.filter(pk=third.pk).update(ends_at=now())

    assert tidy(campus) == 0


def test_whoever_s_account_is_closed_loses_places_at_what_is_not_over(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    coming, attended = make_placed_event(campus, capacity=1), make_placed_event(campus)
    for event in (coming, attended):
        http.post(path_of(event), by=campus.student)
    for person in (campus.friend, campus.organizer):
        http.post(path_of(coming), by=person)
    scan(http, campus, attended, campus.student)
    for person in (campus.student, campus.friend):
        closed = http.patch(f"accounts/users/{person.id}/", {"is_active": False}, by=campus.admin)
        assert closed.status_code == 200

    assert tidy(campus) == 2
    assert states(campus, coming) == {
        campus.student.id: "released", campus.friend.id: "released", campus.organizer.id: "registered",
    }  # fmt: skip
    assert states(campus, attended) == {campus.student.id: "registered"}
    assert notices(campus.friend) == []


def test_nobody_is_promoted_into_a_closed_account(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event = make_placed_event(campus, capacity=1)
    for person in (campus.student, campus.friend, campus.admin):
        http.post(path_of(event), by=person)
    http.patch(f"accounts/users/{campus.friend.id}/", {"is_active": False}, by=campus.admin)

    http.post(path_of(event, "registrations/withdraw/"), by=campus.student)

    assert states(campus, event)[campus.friend.id] == "waiting"
    assert states(campus, event)[campus.admin.id] == "registered"


def test_every_campus_that_is_served_is_asked_once_a_minute(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = []

    def note(sender, headers, **_) -> None:
        sent.append((sender, headers["campus"]))

    app.set_current()  # messages go to the broker that the settings name
    minute = now().replace(second=5)
    monkeypatch.setattr(tasks, "now", lambda: minute)
    before_task_publish.connect(note)
    try:
        with public_context():
            tasks.tidy_places_everywhere.run()
            tasks.tidy_places_everywhere.run()
    finally:
        before_task_publish.disconnect(note)

    assert sent == [(tasks.tidy_places_here.name, code) for code in ("DELCARMEN", "MALIMONO", "SNSU")]


def test_the_task_runs_in_its_campus_only(cast: Cast, http: Http) -> None:
    for site in (cast.malimono, cast.delcarmen):
        event = make_placed_event(site, starts=-60, releases_seats_at=now() - timedelta(minutes=30))
        http.post(path_of(event), by=site.student)
        with site.here():
            Registration.objects.update(requested_at=now() - timedelta(hours=2))

    with cast.malimono.here():
        tasks.tidy_places_here.run()
        assert Registration.objects.get().state == "released"
    with cast.delcarmen.here():
        assert Registration.objects.get().state == "registered"
