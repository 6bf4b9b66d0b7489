"""events/events/{id}/registrations/: taking a place, waiting for it, giving it back, and being decided on."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction

from shared_apps.audit.models import AuditEntry
from shared_apps.common.clock import now
from tenant_apps.attendance.models import Attendance, Scan
from tenant_apps.events.models import Event, Guest, Registration
from tests.cast import Cast, Http
from tests.tenant_apps.events.places import error_of, make_placed_event, notices, path_of, scan, state_of, states


def test_places_are_taken_waited_for_and_given_back(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event = make_placed_event(campus, capacity=1)
    path = path_of(event)

    first = http.post(path, by=campus.student)
    again = http.post(path, by=campus.student)
    second = http.post(path, by=campus.friend)
    third = http.post(path, by=campus.other_organizer)
    before = http.get("events/registrations/", by=campus.other_organizer).json()["results"]
    withdrawn = http.post(f"{path}withdraw/", by=campus.student)
    twice = http.post(f"{path}withdraw/", by=campus.student)
    promoted = http.get("events/registrations/", by=campus.friend).json()["results"]
    after = http.get("events/registrations/", by=campus.other_organizer).json()["results"]
    back = http.post(path, by=campus.student)

    assert (state_of(first), state_of(again)) == ((201, "registered", None), (200, "registered", None))
    assert first.json()["id"] == again.json()["id"]
    assert (state_of(second), state_of(third)) == ((201, "waiting", 1), (201, "waiting", 2))
    assert [(row["event"], row["event_title"], row["state"], row["position"]) for row in before] == [
        (str(event.pk), event.title, "waiting", 2)
    ]
    assert state_of(withdrawn) == state_of(twice) == (200, "withdrawn", None)
    assert [(row["state"], row["promoted_at"] is not None) for row in promoted] == [("registered", True)]
    assert after[0]["position"] == 1
    assert state_of(back) == (201, "waiting", 2)
    assert (notices(campus.friend), notices(campus.student)) == (["registration.promoted"], [])
    with campus.here():
        entries = AuditEntry.objects.filter(target_type="registration").order_by("at", "id")
        assert [entry.action.removeprefix("registration.") for entry in entries] == [
            "registered", "registered", "registered", "withdrawn", "registered",
        ]  # fmt: skip
    with cast.delcarmen.here():
        assert not Registration.objects.exists()


def test_a_registration_is_no_presence(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event = make_placed_event(campus, registration="open")
    assert state_of(http.post(path_of(event), by=campus.student)) == (201, "registered", None)

    shown = http.get("events/attendance/", by=campus.student).json()

    assert shown["count"] == 0
    with campus.here():
        assert not Attendance.objects.exists()
        assert not Scan.objects.exists()


def test_whoever_has_come_does_not_give_the_place_back(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event = make_placed_event(campus, capacity=1)
    for person in (campus.student, campus.friend):
        http.post(path_of(event), by=person)
    attendance = scan(http, campus, event, campus.student).json()["attendance"]["id"]

    refused = http.post(path_of(event, "registrations/withdraw/"), by=campus.student)
    with campus.here():
        place = Registration.objects.get(user_id=campus.student.id).pk
    declined = http.post(
        path_of(event, f"registrations/{place}/decline/"), {"reason": "no show"}, by=campus.organizer
    )  # fmt: skip
    http.post(f"events/attendance/{attendance}/undo/", {"reason": "wrong person"}, by=campus.organizer)
    allowed = http.post(path_of(event, "registrations/withdraw/"), by=campus.student)

    assert error_of(refused) == error_of(declined) == (409, "already_attended")
    assert state_of(allowed)[1] == "withdrawn"
    assert states(campus, event)[campus.friend.id] == "registered"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"registration": "none"}, (409, "no_registration")),
        ({"status": "draft"}, (404, "not_found")),
        ({"status": "completed"}, (409, "registration_closed")),
        ({"status": "cancelled"}, (409, "registration_closed")),
        ({"starts": -180}, (409, "registration_closed")),
        ({"registration_opens_at": now() + timedelta(hours=1)}, (409, "registration_closed")),
        ({"registration_closes_at": now() - timedelta(seconds=1)}, (409, "registration_closed")),
    ],
)
def test_where_no_places_are_to_be_taken(cast: Cast, http: Http, changes: dict, expected: tuple) -> None:
    campus = cast.malimono
    event = make_placed_event(campus, **changes)

    # Of a draft not even its organizer takes a place: for everybody it is an event that does not exist.
    answers = [http.post(path_of(event), by=person) for person in (campus.student, campus.organizer, campus.admin)]

    assert {error_of(answer) for answer in answers} == {expected}
    with campus.here():
        assert not Registration.objects.exists()


def test_requests_are_approved_and_declined_by_others(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event = make_placed_event(campus, registration="approval", capacity=1, organizer=campus.organizer)
    ids = {}
    for person in (campus.student, campus.friend, campus.organizer):
        answer = http.post(path_of(event), by=person)
        assert state_of(answer) == (201, "requested", None)
        assert state_of(http.post(path_of(event), by=person)) == (200, "requested", None)
        ids[person.id] = answer.json()["id"]

    def decide(person, what: str, by, **body):
        return http.post(path_of(event, f"registrations/{ids[person.id]}/{what}/"), body or None, by=by)

    approved = decide(campus.student, "approve", campus.organizer)
    again = decide(campus.student, "approve", campus.organizer)
    waits = decide(campus.friend, "approve", campus.organizer)
    own = decide(campus.organizer, "approve", campus.organizer)
    own_no = decide(campus.organizer, "decline", campus.organizer, reason="modesty")
    others = decide(campus.organizer, "approve", campus.other_organizer)
    no_reason = decide(campus.student, "decline", campus.organizer, reason=" ")
    declined = decide(campus.student, "decline", campus.organizer, reason="No consent form")
    asks = http.post(path_of(event), by=campus.student)
    overruled = decide(campus.student, "approve", campus.admin)

    assert (state_of(approved), state_of(again)) == ((200, "registered", None), (200, "registered", None))
    assert state_of(waits) == (200, "waiting", 1)
    assert error_of(own) == error_of(own_no) == (403, "own_request")
    assert error_of(others) == (403, "not_your_event")
    assert error_of(no_reason) == (400, "blank")
    assert (state_of(declined), declined.json()["reason"]) == ((200, "declined", None), "No consent form")
    assert declined.json()["decided_by"] == str(campus.organizer.id)
    assert error_of(asks) == (409, "registration_declined")
    assert state_of(overruled) == (200, "waiting", 1)
    assert notices(campus.student) == ["registration.approved", "registration.declined", "registration.approved"]
    assert notices(campus.friend) == ["registration.approved", "registration.promoted"]
    assert states(campus, event) == {
        campus.student.id: "waiting", campus.friend.id: "registered", campus.organizer.id: "requested",
    }  # fmt: skip


def test_a_request_that_nobody_has_to_approve_any_more_is_a_place_when_one_asks_again(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event = make_placed_event(campus, registration="approval")
    http.post(path_of(event), by=campus.student)
    http.patch(path_of(event, ""), {"registration": "open"}, by=campus.organizer)

    assert state_of(http.post(path_of(event), by=campus.student)) == (201, "registered", None)


def test_what_was_withdrawn_is_not_decided_on(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event = make_placed_event(campus, registration="approval")
    place = http.post(path_of(event), by=campus.student).json()["id"]
    http.post(path_of(event, "registrations/withdraw/"), by=campus.student)

    answers = [
        http.post(path_of(event, f"registrations/{place}/{what}/"), {"reason": "x"}, by=campus.organizer)
        for what in ("approve", "decline")
    ]

    assert {error_of(answer) for answer in answers} == {(409, "wrong_place_state")}


def test_nothing_is_withdrawn_that_is_not_there(cast: Cast, http: Http) -> None:
    campus, other = cast.malimono, cast.delcarmen
    event, elsewhere = make_placed_event(campus), make_placed_event(other)
    http.post(path_of(event), by=campus.student)

    answers = [
        http.post(path_of(event, "registrations/withdraw/"), by=campus.friend),
        http.post(path_of(elsewhere, "registrations/withdraw/"), by=campus.student),
        http.post(path_of(elsewhere), by=campus.student),
        http.post(f"events/events/{uuid4()}/registrations/", by=campus.student),
        http.post(path_of(event, f"registrations/{uuid4()}/approve/"), by=campus.organizer),
    ]

    assert {error_of(answer) for answer in answers} == {(404, "not_found")}


def test_who_runs_the_event_lists_its_places(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event, other = make_placed_event(campus, capacity=1), make_placed_event(campus, title="Other")
    for person in (campus.student, campus.friend):
        http.post(path_of(event), by=person)
    http.post(path_of(other), by=campus.student)
    http.post(path_of(event, "guests/"), {"name": "Señora Guest"}, by=campus.organizer)

    def found(**query: str) -> list[tuple]:
        answer = http.get(path_of(event), by=campus.organizer, **query)
        assert answer.status_code == 200, answer.content
        return [(row["display_name"], row["state"], row["position"]) for row in answer.json()["results"]]

    everybody = [("Ana Reyes", "registered", None), ("Ben Cruz", "waiting", 1), ("Señora Guest", "waiting", 2)]
    assert found() == everybody
    assert found(state="waiting") == everybody[1:]
    assert found(search="cruz ben") == everybody[1:2]
    assert found(search="2024-0001") == everybody[:1]
    assert found(search="señora") == everybody[2:]
    assert found(is_walk_in="true") == []
    assert found(ordering="-requested_at") == everybody[::-1]
    assert error_of(http.get(path_of(event), by=campus.organizer, state="king")) == (400, "invalid_choice")
    for by, status in (
        (campus.admin, 200), (campus.other_organizer, 403), (campus.student, 403), (campus.scanner, 403),
    ):  # fmt: skip
        assert http.get(path_of(event), by=by).status_code == status
    assert http.get(path_of(event), by=cast.delcarmen.admin, at=campus).status_code == 401


def test_lists_cost_the_same_at_one_and_at_many(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event = make_placed_event(campus, capacity=2)
    for number in range(12):
        http.post(path_of(event, "guests/"), {"name": f"Guest {number}"}, by=campus.organizer)
    for _ in range(8):
        assert http.post(path_of(make_placed_event(campus)), by=campus.student).status_code == 201

    def statements(path: str, by, **query: str) -> int:
        before = connection.statements
        assert http.get(path, by=by, **query).status_code == 200
        return connection.statements - before

    for path, by, most in (
        (path_of(event), campus.organizer, 5),
        (path_of(event, "guests/"), campus.organizer, 5),
        ("events/registrations/", campus.student, 3),
    ):
        assert statements(path, by, page_size="1") == statements(path, by, page_size="100") <= most


def test_constraints_hold_whatever_the_code_does(cast: Cast) -> None:
    campus = cast.malimono
    event = make_placed_event(campus)
    values = {"event": event, "requested_at": now(), "updated_at": now()}
    with campus.here():
        user = campus.student.user
        guest = Guest.objects.create(event=event, name="G", pass_digest=b"1" * 32, created_at=now())
        Registration.objects.create(user=user, state="registered", **values)
        for name, broken in {
            "events_registration_person_once": {"user": user, "state": "waiting"},
            "events_registration_state_known": {"guest": guest, "state": "x"},
            "events_registration_one_person": {"state": "waiting"},
            "one_person": {"user": campus.friend.user, "guest": guest, "state": "waiting"},
        }.items():
            with pytest.raises(IntegrityError, match=name), transaction.atomic():
                Registration.objects.create(**broken, **values)
        with pytest.raises(IntegrityError, match="events_guest_pass_once"), transaction.atomic():
            Guest.objects.create(event=event, name="H", pass_digest=b"1" * 32, created_at=now())
        with pytest.raises(IntegrityError, match="events_event_registration_known"), transaction.atomic():
            Event.objects.filter(pk=event.pk).update(registration="x")
