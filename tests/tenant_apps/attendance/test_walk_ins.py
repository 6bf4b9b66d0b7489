"""events/events/{id}/walk-ins/: a place and presence in one call."""

from uuid import uuid4

import pytest

from shared_apps.common.ids import uuid7
from tenant_apps.attendance.models import Attendance, Scan
from tenant_apps.attendance.rules.scans import Method
from tenant_apps.attendance.selectors import scans
from tenant_apps.events.models import Event, Guest, Registration
from tests.cast import Cast, Http
from tests.tenant_apps.events.places import error_of, make_placed_event, path_of, states


def test_whoever_walks_in_has_a_place_and_is_present(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event = make_placed_event(campus, capacity=1)
    body = {"student_id": "2024-0001", "scan_id": str(uuid7())}

    admitted = http.post(path_of(event, "walk-ins/"), body, by=campus.organizer)
    again = http.post(path_of(event, "walk-ins/"), body, by=campus.organizer)
    duplicate = http.post(path_of(event, "walk-ins/"), {"user_id": str(campus.student.id)}, by=campus.organizer)
    full = http.post(path_of(event, "walk-ins/"), {"user_id": str(campus.friend.id)}, by=campus.organizer)

    answer = admitted.json()
    assert admitted.status_code == 201, admitted.content
    assert {name: answer["registration"][name] for name in ("event", "user", "guest", "state", "is_walk_in")} == {
        "event": str(event.pk), "user": str(campus.student.id), "guest": None, "state": "registered",
        "is_walk_in": True,
    }  # fmt: skip
    assert (answer["guest_pass"], answer["scan"]["code"], answer["scan"]["person"]["display_name"]) == (
        None, "recorded", "Ana Reyes",
    )  # fmt: skip
    assert (again.status_code, again.json()) == (201, answer)
    assert (duplicate.status_code, duplicate.json()["scan"]["code"]) == (200, "duplicate")
    assert error_of(full) == (409, "event_full")
    with campus.here():
        assert Registration.objects.count() == Attendance.objects.count() == 1
        assert Scan.objects.count() == 2


@pytest.mark.parametrize(
    ("state", "mode", "status", "walked_in"),
    [
        ("registered", "required", 201, False),
        ("requested", "approval", 201, True),
        ("declined", "approval", 201, True),
        ("withdrawn", "required", 201, True),
        ("released", "required", 201, True),
        ("waiting", "required", 201, True),
    ],
)
def test_a_free_place_is_given_however_one_asked_before(
    cast: Cast, http: Http, state: str, mode: str, status: int, walked_in: bool
) -> None:
    campus = cast.malimono
    event = make_placed_event(campus, registration=mode, capacity=1)
    assert http.post(path_of(event), by=campus.student).status_code == 201
    with campus.here():
        Registration.objects.update(state=state)

    answer = http.post(path_of(event, "walk-ins/"), {"user_id": str(campus.student.id)}, by=campus.organizer)

    assert (answer.status_code, answer.json()["registration"]["is_walk_in"]) == (status, walked_in)
    assert states(campus, event) == {campus.student.id: "registered"}


def test_nobody_is_squeezed_in_and_nobody_passes_those_who_wait(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event = make_placed_event(campus, capacity=1)
    for person in (campus.student, campus.friend):
        http.post(path_of(event), by=person)

    waits = http.post(path_of(event, "walk-ins/"), {"user_id": str(campus.friend.id)}, by=campus.organizer)
    guest = http.post(path_of(event, "walk-ins/"), {"guest": {"name": "G"}}, by=campus.organizer)

    assert error_of(waits) == error_of(guest) == (409, "event_full")
    with campus.here():
        assert not Guest.objects.exists()
        assert not Scan.objects.exists()


def test_a_refused_scan_leaves_the_place_and_says_so(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event = make_placed_event(campus, starts=120)  # not open yet

    answer = http.post(path_of(event, "walk-ins/"), {"user_id": str(campus.student.id)}, by=campus.organizer)

    assert error_of(answer) == (422, "session_closed")
    assert answer.json()["registration"]["state"] == "registered"
    assert answer.json()["scan"]["code"] == "session_closed"
    assert states(campus, event) == {campus.student.id: "registered"}


def test_who_is_let_in_and_by_whom(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event = make_placed_event(campus)
    closed = make_placed_event(campus, allows_walk_ins=False)
    over = make_placed_event(campus, status="completed")
    draft = make_placed_event(campus, status="draft")
    person = {"user_id": str(campus.student.id)}

    def post(which: Event, body=person, by=campus.organizer):
        return error_of(http.post(path_of(which, "walk-ins/"), body, by=by))

    assert post(closed) == (409, "no_walk_ins")
    assert post(over) == post(draft) == (409, "wrong_event_status")
    assert post(draft, by=campus.other_organizer) == (404, "not_found")
    assert post(event, by=campus.other_organizer) == (403, "not_your_event")
    assert post(event, by=campus.scanner) == (403, "permission_denied")
    assert post(event, {"user_id": str(campus.organizer.id)}) == (403, "own_request")
    for nobody in (str(uuid4()), str(cast.delcarmen.student.id)):
        assert post(event, {"user_id": nobody}) == (404, "not_found")
    http.patch(f"accounts/users/{campus.student.id}/", {"is_active": False}, by=campus.admin)
    assert post(event) == (404, "not_found")
    with campus.here():
        assert not Registration.objects.exists()


@pytest.mark.parametrize(
    "body",
    [
        {}, {"user_id": 7}, {"user_id": None}, {"student_id": ""}, {"student_id": "x" * 21}, {"guest": {}},
        {"guest": "G"}, {"guest": {"name": "G", "event": "x"}}, {"user_id": str(uuid4()), "student_id": "1"},
        {"user_id": str(uuid4()), "guest": {"name": "G"}}, {"student_id": "1", "scan_id": 1}, {"pass": "x"}, [], None,
    ],
)  # fmt: skip
def test_unusable_bodies_are_refused(cast: Cast, http: Http, body) -> None:
    campus = cast.malimono
    event = make_placed_event(campus)

    assert http.post(path_of(event, "walk-ins/"), body, by=campus.organizer).status_code == 400
    with campus.here():
        assert not Registration.objects.exists()
        assert not Scan.objects.exists()


@pytest.mark.skipif(Method.GUEST not in scans._WHO, reason="guests are not known at the door yet")
def test_a_guest_walks_in_with_a_pass_and_is_the_same_when_sent_again(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event, other = make_placed_event(campus, capacity=2), make_placed_event(campus)
    body = {"guest": {"name": "Rosa"}, "scan_id": str(uuid7())}

    admitted = http.post(path_of(event, "walk-ins/"), body, by=campus.organizer)
    again = http.post(path_of(event, "walk-ins/"), body, by=campus.organizer)
    another = http.post(path_of(event, "walk-ins/"), {**body, "guest": {"name": "Lito"}}, by=campus.organizer)
    elsewhere = http.post(path_of(other, "walk-ins/"), body, by=campus.organizer)
    nameless = http.post(path_of(event, "walk-ins/"), {"guest": {"name": "Rosa"}}, by=campus.organizer)

    assert (admitted.status_code, admitted.json()["scan"]["code"]) == (201, "recorded")
    assert (again.status_code, again.json()) == (201, admitted.json())
    assert error_of(another) == error_of(elsewhere) == (409, "scan_id_reused")
    assert nameless.json()["guest_pass"] != admitted.json()["guest_pass"]
    with campus.here():
        assert Guest.objects.count() == Attendance.objects.filter(guest__isnull=False).count() == 2
        assert set(Registration.objects.values_list("is_walk_in", flat=True)) == {True}
