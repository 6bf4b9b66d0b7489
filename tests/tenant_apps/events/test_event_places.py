"""What an organizer says of an event about places, audience, proofs and where it is."""

from datetime import timedelta

import pytest

from shared_apps.common.clock import now
from tenant_apps.events.models import Event
from tests.cast import Cast, Http
from tests.factories import make_shared_event
from tests.shared_apps.federation.sharing import hold_everywhere
from tests.tenant_apps.events.places import error_of, make_placed_event, notices, path_of, states

NEW = {"title": "Foundation Day", "starts_at": "2026-12-01T08:00:00", "ends_at": "2026-12-01T12:00:00"}
OWN = {
    "registration": "approval", "capacity": 120, "registration_opens_at": "2026-11-01T08:00:00+08:00",
    "registration_closes_at": "2026-12-01T07:00:00+08:00", "allows_walk_ins": False, "allows_guests": True,
    "releases_seats_at": "2026-12-01T08:30:00+08:00", "is_required": True,
    "audience": [{"department": "CITE", "year_level": 2}, {"program": "BSIT", "section": "A"}],
    "takes_venue_code": True, "needs_rotating_pass": True, "latitude": 9.7877, "longitude": 125.4921,
}  # fmt: skip
PLAIN = {
    "registration": "none", "capacity": None, "registration_opens_at": None, "registration_closes_at": None,
    "allows_walk_ins": True, "allows_guests": False, "releases_seats_at": None, "is_required": False, "audience": [],
    "takes_venue_code": False, "needs_rotating_pass": False, "latitude": None, "longitude": None,
}  # fmt: skip


def shown(answer) -> dict:
    assert answer.status_code < 300, answer.content
    return {name: answer.json()[name] for name in PLAIN}


def test_what_is_said_is_answered(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    plain = http.post("events/events/", NEW, by=campus.organizer)
    created = http.post("events/events/", {**NEW, **OWN}, by=campus.organizer)
    path = f"events/events/{plain.json()['id']}/"
    changed = http.patch(path, OWN, by=campus.organizer)
    back = http.patch(path, PLAIN, by=campus.organizer)

    assert shown(plain) == shown(back) == PLAIN
    assert shown(created) == shown(changed) == OWN
    listed = http.get("events/events/", by=campus.organizer).json()["results"]
    assert all(PLAIN.keys() <= row.keys() for row in listed)


def test_an_event_of_another_campus_says_nothing_of_its_places(cast: Cast, http: Http) -> None:
    host, home = cast.delcarmen, cast.malimono
    event = make_shared_event(host, home)
    http.patch(f"events/events/{event.pk}/", {"capacity": 3, "registration": "required"}, by=host.organizer)

    assert shown(http.get(f"events/events/{event.pk}/", by=home.student)) == {**PLAIN, "registration": "open"}
    (row,) = http.get("events/events/", by=home.student).json()["results"]
    assert (row["is_federated"], row["capacity"]) == (True, None)


def test_a_university_wide_event_s_places_are_each_campus_s_own(cast: Cast, http: Http) -> None:
    _, events = hold_everywhere(cast, cast.malimono, cast.delcarmen)
    path = f"events/events/{events['MALIMONO'].pk}/"

    changed = http.patch(path, {"registration": "required", "capacity": 5}, by=cast.malimono.admin)
    common = http.patch(path, {"title": "Ours", "capacity": 6}, by=cast.malimono.admin)

    assert (changed.status_code, changed.json()["capacity"]) == (200, 5)
    assert error_of(common) == (409, "common_field")
    there = http.get(f"events/events/{events['DELCARMEN'].pk}/", by=cast.delcarmen.admin)
    assert there.json()["capacity"] is None


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"registration": "free"}, "invalid_choice"),
        ({"registration": None}, "null"),
        ({"capacity": 0}, "min_value"),
        ({"capacity": -1}, "min_value"),
        ({"capacity": 10**30}, "max_value"),
        ({"capacity": True}, "invalid"),
        ({"capacity": 1.5}, "invalid"),
        ({"registration_opens_at": "2026-12-01T12:00:00"}, "invalid_registration_times"),
        ({"registration_closes_at": "2026-12-01T13:00:00"}, "invalid_registration_times"),
        (
            {"registration_opens_at": "2026-11-02T08:00:00", "registration_closes_at": "2026-11-01T08:00:00"},
            "invalid_registration_times",
        ),
        ({"releases_seats_at": "2026-12-01T07:59:59"}, "invalid_registration_times"),
        ({"releases_seats_at": "2026-12-01T12:00:00"}, "invalid_registration_times"),
        ({"releases_seats_at": "soon"}, "invalid"),
        ({"latitude": 9.7}, "incomplete_position"),
        ({"longitude": 9.7}, "incomplete_position"),
        ({"latitude": 90.1, "longitude": 0}, "max_value"),
        ({"latitude": 0, "longitude": -180.1}, "min_value"),
        ({"latitude": "NaN", "longitude": 0}, "invalid"),
        ({"latitude": True, "longitude": 0}, "invalid"),
        ({"audience": {}}, "not_a_list"),
        ({"audience": [{}]}, "empty_row"),
        ({"audience": ["CITE"]}, "invalid"),
        ({"audience": [{"department": ""}]}, "blank"),
        ({"audience": [{"department": None}]}, "null"),
        ({"audience": [{"department": "a\u202eb"}]}, "control_characters"),
        ({"audience": [{"year_level": 13}]}, "max_value"),
        ({"audience": [{"year_level": "second"}]}, "invalid"),
        ({"audience": [{"college": "CITE"}]}, "unknown_field"),
        ({"audience": [{"section": "A"}] * 51}, "max_length"),
        ({"allows_guests": "perhaps"}, "invalid"),
        ({"is_required": None}, "null"),
    ],
)
def test_unusable_values_are_refused(cast: Cast, http: Http, change: dict, code: str) -> None:
    campus = cast.malimono
    event = http.post("events/events/", NEW, by=campus.organizer).json()["id"]

    answers = [
        http.post("events/events/", {**NEW, **change}, by=campus.organizer),
        http.patch(f"events/events/{event}/", change, by=campus.organizer),
    ]

    for answer in answers:
        assert answer.status_code == 400, answer.content
        assert [error["code"] for error in answer.json()["errors"]] == [code]
    with campus.here():
        assert Event.objects.count() == 1


def test_the_position_is_changed_and_taken_away_as_a_whole(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event = make_placed_event(campus, latitude=1.0, longitude=2.0)
    path = path_of(event, "")

    half = http.patch(path, {"latitude": None}, by=campus.organizer)
    moved = http.patch(path, {"latitude": 3}, by=campus.organizer)
    gone = http.patch(path, {"latitude": None, "longitude": None}, by=campus.organizer)

    assert error_of(half) == (400, "incomplete_position")
    assert (moved.json()["latitude"], moved.json()["longitude"]) == (3.0, 2.0)
    assert gone.status_code == 200


def test_capacity_follows_the_places_that_are_taken(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event = make_placed_event(campus, capacity=2)
    path = path_of(event, "")
    for _ in range(2):
        assert http.post(path_of(event, "guests/"), {"name": "G"}, by=campus.organizer).status_code == 201
    for person in (campus.student, campus.friend, campus.admin):
        assert http.post(path_of(event), by=person).json()["state"] == "waiting"

    below = http.patch(path, {"capacity": 1}, by=campus.organizer)
    same = http.patch(path, {"capacity": 2}, by=campus.organizer)
    before = states(campus, event)
    more = http.patch(path, {"capacity": 3}, by=campus.organizer)
    then = states(campus, event)
    no_limit = http.patch(path, {"capacity": None}, by=campus.organizer)

    assert error_of(below) == (409, "places_taken")
    assert (same.status_code, more.status_code, no_limit.status_code) == (200, 200, 200)
    people = [campus.student.id, campus.friend.id, campus.admin.id]
    assert [before[who] for who in people] == ["waiting", "waiting", "waiting"]
    assert [then[who] for who in people] == ["registered", "waiting", "waiting"]
    assert set(states(campus, event).values()) == {"registered"}
    assert [notices(person) for person in (campus.student, campus.friend)] == 2 * [["registration.promoted"]]


def test_an_event_that_is_over_promotes_nobody(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event = make_placed_event(campus, capacity=1)
    for person in (campus.student, campus.friend):
        http.post(path_of(event), by=person)
    with campus.here():
        Event.objects.filter(pk=event.pk).update(starts_at=now() - timedelta(hours=2), ends_at=now())

    assert http.post(path_of(event, "registrations/withdraw/"), by=campus.student).status_code == 200
    assert http.patch(path_of(event, ""), {"capacity": 5}, by=campus.organizer).status_code == 200
    assert states(campus, event) == {campus.student.id: "withdrawn", campus.friend.id: "waiting"}
    assert notices(campus.friend) == []
