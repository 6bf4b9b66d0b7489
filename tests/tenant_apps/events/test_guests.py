"""Guests: entered by staff, or by themselves; known by a pass that is shown once."""

import hashlib
from uuid import uuid4

import pytest

from shared_apps.idempotency.models import StoredAnswer
from tenant_apps.events.models import Guest, Registration
from tenant_apps.events.rules.registrations import is_guest_pass
from tests.cast import Cast, Http
from tests.tenant_apps.events.places import error_of, make_placed_event, path_of, state_of, states

PARENT = {"name": "Rosa Peñaflor", "organization": "PTA", "email": "rosa@example.org", "phone": "0917 000"}


def test_staff_enter_guests_who_count_like_anybody(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event = make_placed_event(campus, capacity=1)

    made = http.post(path_of(event, "guests/"), PARENT, by=campus.organizer)
    waits = http.post(path_of(event), by=campus.student)
    next_ = http.post(path_of(event, "guests/"), {"name": "Late Guest"}, by=campus.admin)
    listed = http.get(path_of(event, "guests/"), by=campus.organizer)
    withdrawn = http.post(path_of(event, f"guests/{made.json()['id']}/withdraw/"), by=campus.organizer)
    again = http.post(path_of(event, f"guests/{made.json()['id']}/withdraw/"), by=campus.organizer)

    assert state_of(made) == (201, "registered", None)
    assert {name: made.json()[name] for name in PARENT} == PARENT
    assert (state_of(waits), state_of(next_)[1]) == ((201, "waiting", 1), "waiting")
    text = made.json()["guest_pass"]
    assert is_guest_pass(text)
    assert len(text) == len("EASG1.") + 22
    assert [(row["name"], row["state"], row["position"]) for row in listed.json()["results"]] == [
        ("Late Guest", "waiting", 2), ("Rosa Peñaflor", "registered", None),
    ]  # fmt: skip
    assert text not in listed.content.decode()
    assert (withdrawn.status_code, withdrawn.json()["state"], again.json()["state"]) == (200, "withdrawn", "withdrawn")
    assert states(campus, event)[campus.student.id] == "registered"
    with campus.here():
        guest = Guest.objects.get(pk=made.json()["id"])
        assert bytes(guest.pass_digest) == hashlib.sha256(text.encode()).digest()
        assert guest.invited_by_id == campus.organizer.id


def test_a_guest_s_pass_is_not_kept_with_an_idempotency_key(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event = make_placed_event(campus)

    made = http.post(path_of(event, "guests/"), PARENT, by=campus.organizer, headers={"Idempotency-Key": "once"})

    assert made.status_code == 201
    with campus.here():
        assert not StoredAnswer.objects.exists()


def test_anybody_registers_where_guests_are_welcome_and_gives_the_place_back(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event = make_placed_event(campus, capacity=1, allows_guests=True)

    made = http.post(path_of(event, "guests/register/"), PARENT, at=campus)
    waits = http.post(path_of(event, "guests/register/"), {"name": "Second"}, at=campus)
    back = http.post("events/guests/withdraw/", {"guest_pass": made.json()["guest_pass"]}, at=campus)
    again = http.post("events/guests/withdraw/", {"guest_pass": made.json()["guest_pass"]}, at=campus)
    elsewhere = http.post("events/guests/withdraw/", {"guest_pass": waits.json()["guest_pass"]}, at=cast.delcarmen)

    assert made.status_code == 201, made.content
    assert set(made.json()) == {"event", "name", "state", "guest_pass"}
    assert (made.json()["state"], waits.json()["state"]) == ("registered", "waiting")
    assert (back.json(), again.json()) == (
        2 * ({"event": str(event.pk), "name": PARENT["name"], "state": "withdrawn"},)
    )
    assert error_of(elsewhere) == (404, "not_found")
    assert sorted(states(campus, event).values()) == ["registered", "withdrawn"]


def test_requests_of_guests_are_decided_on(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event = make_placed_event(campus, registration="approval", allows_guests=True)

    asked = http.post(path_of(event, "guests/register/"), PARENT, at=campus)
    (row,) = http.get(path_of(event), by=campus.organizer).json()["results"]
    approved = http.post(path_of(event, f"registrations/{row['id']}/approve/"), by=campus.organizer)

    assert asked.json()["state"] == "requested"
    assert (state_of(approved), approved.json()["display_name"]) == ((200, "registered", None), PARENT["name"])


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"allows_guests": False}, (404, "not_found")),
        ({"status": "draft"}, (404, "not_found")),
        ({"registration": "none"}, (409, "no_registration")),
        ({"status": "cancelled"}, (409, "registration_closed")),
    ],
)
def test_where_nobody_registers_without_an_account(cast: Cast, http: Http, changes: dict, expected: tuple) -> None:
    campus = cast.malimono
    event = make_placed_event(campus, **{"allows_guests": True, **changes})

    answer = http.post(path_of(event, "guests/register/"), PARENT, at=campus)
    nowhere = http.post(f"events/events/{uuid4()}/guests/register/", PARENT, at=campus)

    assert error_of(answer) == expected
    assert expected[0] != 404 or answer.content == nowhere.content
    with campus.here():
        assert not Guest.objects.exists()


def test_one_address_does_not_fill_an_event(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event = make_placed_event(campus, allows_guests=True)

    answers = [http.post(path_of(event, "guests/register/"), PARENT, at=campus) for _ in range(8)]
    tries = [http.post("events/guests/withdraw/", {"guest_pass": "EASG1." + "A" * 22}, at=campus) for _ in range(8)]

    statuses = [answer.status_code for answer in answers]
    assert statuses[:5] == [201] * 5
    assert error_of(answers[-1]) == (429, "too_many_guests")
    assert int(answers[-1]["Retry-After"]) >= 1
    assert [answer.status_code for answer in tries][:5] == [404] * 5
    assert error_of(tries[-1]) == (429, "too_many_pass_tries")
    with campus.here():
        assert Registration.objects.count() == statuses.count(201)


@pytest.mark.parametrize(
    "body",
    [
        {}, {"name": ""}, {"name": "x" * 201}, {"name": "a\u202eb"}, {"name": ["x"]}, {"name": "x", "email": "no"},
        {"name": "x", "phone": "\x07"}, {"name": "x", "event": str(uuid4())}, {"name": "x", "pass_digest": "x"},
        {"name": "x", "id": str(uuid4())}, [], "x", None,
    ],
)  # fmt: skip
def test_unusable_guests_are_refused(cast: Cast, http: Http, body) -> None:
    campus = cast.malimono
    event = make_placed_event(campus, allows_guests=True)

    answers = [
        http.post(path_of(event, "guests/"), body, by=campus.organizer),
        http.post(path_of(event, "guests/register/"), body, at=campus),
    ]

    assert {answer.status_code for answer in answers} == {400}
    with campus.here():
        assert not Guest.objects.exists()


@pytest.mark.parametrize("text", ["", "x" * 65, "EASG1.", "EASG1." + "ñ" * 22, "EAS1.x.y", "EASG1." + "A" * 21 + "B"])
def test_texts_that_are_no_pass(cast: Cast, http: Http, text: str) -> None:
    answer = http.post("events/guests/withdraw/", {"guest_pass": text}, at=cast.malimono)

    assert answer.status_code in {400, 404}


def test_an_idle_sign_in_is_no_hindrance_and_a_suspended_campus_is_one(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event = make_placed_event(campus, allows_guests=True)
    answer = http.post(
        path_of(event, "guests/register/"), PARENT, at=campus, headers={"Authorization": "Token eas_malimono_old"}
    )
    assert answer.status_code == 201
    http.post(f"campus/campuses/{campus.campus.id}/suspend/", {"reason": "audit"}, by=cast.super_admin)

    assert error_of(http.post(path_of(event, "guests/register/"), PARENT, at=campus)) == (403, "campus_suspended")
