"""Places, guests, coming back, and what staff decided: what a scan makes of them."""

import hashlib
import secrets
from datetime import timedelta

import pytest
from django.db import connection

from shared_apps.common.clock import now
from tenant_apps.attendance.models import Attendance, Correction, Scan
from tenant_apps.attendance.services import recording
from tenant_apps.events.models import Event, Guest, Registration
from tests.cast import Cast, Http, Site
from tests.factories import make_event

MARK = "events/attendance/mark_attendance/"


def code_of(answer) -> str:
    return answer.json()["errors"][0]["code"]


def make_guest(site: Site, event: Event, name: str = "Gina Guest", place: str | None = None) -> str:
    """Return the text of a new guest's pass."""
    text = f"EASG1.{secrets.token_urlsafe(16)}"
    with site.here():
        guest = Guest.objects.create(
            event=event, name=name, pass_digest=hashlib.sha256(text.encode()).digest(), created_at=now()
        )
        if place:
            Registration.objects.create(event=event, guest=guest, state=place, requested_at=now(), updated_at=now())
    return text


def demand_places(site: Site, event: Event, mode: str = "required") -> None:
    with site.here():
        Event.objects.filter(pk=event.pk).update(registration=mode)


def give_place(site: Site, event: Event, state: str) -> None:
    with site.here():
        Registration.objects.update_or_create(
            event=event, user=site.student.user, defaults={"state": state, "requested_at": now(), "updated_at": now()}
        )


@pytest.mark.parametrize("mode", ["required", "approval"])
@pytest.mark.parametrize(
    ("state", "code"),
    [
        (None, "not_registered"),
        ("waiting", "place_waiting"),
        ("requested", "place_not_approved"),
        ("withdrawn", "not_registered"),
        ("registered", "recorded"),
    ],
)
def test_a_place_is_needed_where_the_event_demands_one(
    cast: Cast, http: Http, mode: str, state: str | None, code: str
) -> None:
    campus = cast.malimono
    event = make_event(campus)
    demand_places(campus, event, mode)
    if state:
        give_place(campus, event, state)

    answer = http.post(MARK, {"event_id": str(event.pk), "student_id": "2024-0001"}, by=campus.scanner)

    assert (answer.status_code, answer.json()["code"]) == (201 if code == "recorded" else 422, code)
    assert {"rule": "place", "held": code == "recorded"} in answer.json()["rules"]


@pytest.mark.parametrize("mode", ["none", "open"])
def test_no_place_is_needed_where_it_does_not(cast: Cast, http: Http, mode: str) -> None:
    campus = cast.malimono
    event = make_event(campus)
    demand_places(campus, event, mode)

    answer = http.post(MARK, {"event_id": str(event.pk), "student_id": "2024-0001"}, by=campus.scanner)

    assert answer.status_code == 201


@pytest.mark.parametrize("change", ["withdrawn", "demanded"])
def test_a_place_that_goes_in_between_does_not_let_in(
    cast: Cast, http: Http, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    campus = cast.malimono
    event = make_event(campus)
    if change == "withdrawn":
        demand_places(campus, event)
        give_place(campus, event, "registered")
    read, done = recording.find_scan_facts, []

    def read_then_change(**asked):
        facts = read(**asked)
        if not done:
            done.append(True)
            if change == "withdrawn":
                Registration.objects.update(state="withdrawn")
            else:
                Event.objects.filter(pk=event.pk).update(registration="required")
        return facts

    monkeypatch.setattr(recording, "find_scan_facts", read_then_change)

    answer = http.post(MARK, {"event_id": str(event.pk), "student_id": "2024-0001"}, by=campus.scanner)

    assert (answer.status_code, code_of(answer)) == (422, "not_registered")
    with campus.here():
        assert not Attendance.objects.exists()


def test_a_guest_comes_once_goes_and_is_shown(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event = make_event(campus)
    text = make_guest(campus, event)
    scan = {"event_id": str(event.pk), "guest_pass": text}
    http.get("auth/me/", by=campus.scanner)

    before = connection.statements
    first = http.post(MARK, scan, by=campus.scanner)
    assert connection.statements - before == 3
    again = http.post(MARK, scan, by=campus.scanner)
    gone = http.post(MARK, {**scan, "direction": "out"}, by=campus.scanner)

    assert [answer.status_code for answer in (first, again, gone)] == [201, 200, 201]
    body = first.json()
    assert body["person"]["display_name"] == "Gina Guest"
    assert (body["home_campus"], body["scan"]["method"]) == (None, "guest")
    (row,) = http.get("events/attendance/", by=campus.admin).json()["results"]
    assert (row["display_name"], row["guest"], row["user"]) == ("Gina Guest", body["person"]["id"], None)
    with campus.here():
        kept = Attendance.objects.get()
        assert (kept.guest_id is not None, kept.user_id, kept.status) == (True, None, "left_early")
        assert set(Scan.objects.values_list("guest_id", flat=True)) == {kept.guest_id}


def test_a_guests_pass_is_good_for_one_event_of_one_campus(cast: Cast, http: Http) -> None:
    campus, other = cast.malimono, cast.delcarmen
    event, elsewhere, abroad = make_event(campus), make_event(campus), make_event(other)
    text = make_guest(campus, event)

    def send(site: Site, where: Event, sent: str):
        return http.post(MARK, {"event_id": str(where.pk), "guest_pass": sent}, by=site.scanner)

    answers = [
        send(campus, elsewhere, text),
        send(other, abroad, text),
        send(campus, event, f"EASG1.{secrets.token_urlsafe(16)}"),
        send(campus, event, text + "A"),
        send(campus, event, text.lower() if text != text.lower() else text.upper()),
        send(campus, event, "hello"),
    ]

    assert {(answer.status_code, code_of(answer)) for answer in answers} == {(404, "unknown_pass")}
    assert send(campus, event, text).status_code == 201


def test_a_guest_needs_a_place_like_anybody(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event = make_event(campus)
    demand_places(campus, event)
    texts = {state: make_guest(campus, event, place=state) for state in (None, "waiting", "registered")}

    codes = {
        state: http.post(MARK, {"event_id": str(event.pk), "guest_pass": text}, by=campus.scanner).json()["code"]
        for state, text in texts.items()
    }

    assert codes == {None: "not_registered", "waiting": "place_waiting", "registered": "recorded"}


def test_coming_back_where_one_may_not_is_refused(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event = make_event(campus, starts=-40)
    with campus.here():
        event.sessions.update(allows_re_entry=False)
    scan = {"event_id": str(event.pk), "student_id": "2024-0001"}

    def captured(minutes: float, **more: str):
        moment = (now() - timedelta(minutes=minutes)).isoformat()
        return http.post(MARK, {**scan, "captured_at": moment, **more}, by=campus.scanner)

    assert captured(30).status_code == 201
    assert captured(20, direction="out").status_code == 201
    back = captured(10)

    assert (back.status_code, code_of(back)) == (422, "re_entry_not_allowed")
    assert back.json()["rules"][-1] == {"rule": "re_entry", "held": False}
    with campus.here():
        assert Attendance.objects.get().status == "left_early"


def test_minutes_inside_are_counted_whatever_the_order_of_arrival(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event = make_event(campus, starts=-100)
    with campus.here():
        event.sessions.update(minimum_stay=45)
    moment = now()
    for student_id, order in (("2024-0001", (90, 60, 40, 20)), ("2024-0002", (90, 20, 40, 60))):
        for minutes in order:
            body = {
                "event_id": str(event.pk), "student_id": student_id,
                "captured_at": (moment - timedelta(minutes=minutes)).isoformat(),
                "direction": "out" if minutes in {60, 20} else "in",
            }  # fmt: skip
            assert http.post(MARK, body, by=campus.scanner).status_code in {200, 201}

    with campus.here():
        rows = set(Attendance.objects.values_list("status", "stayed"))
    assert rows == {("present", 50 * 60)}


def test_what_staff_decided_stands_and_times_follow(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event = make_event(campus)
    with campus.here():
        session = event.sessions.get()
        rows = [
            Attendance(
                event=event, session=session, user=person.user, status="excused", decided_status=decided, method="none",
                created_at=now(), updated_at=now(),
            )
            for person, decided in ((campus.student, "excused"), (campus.friend, ""))
        ]  # fmt: skip
        Attendance.objects.bulk_create(rows)

    def send(student_id: str, **more: str):
        return http.post(MARK, {"event_id": str(event.pk), "student_id": student_id, **more}, by=campus.scanner)

    decided, derived = send("2024-0001"), send("2024-0002")
    again, out = send("2024-0001"), send("2024-0001", direction="out")

    assert (decided.status_code, decided.json()["attendance"]["status"]) == (201, "excused")
    assert (derived.status_code, derived.json()["attendance"]["status"]) == (201, "present")
    assert (again.status_code, out.status_code) == (200, 201)
    assert out.json()["attendance"]["status"] == "excused"
    assert out.json()["attendance"]["last_out_at"] is not None
    assert decided.json()["attendance"]["id"] == str(rows[0].pk)


def test_what_was_before_an_undo_counts_no_more(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event = make_event(campus, starts=-40)
    scan = {"event_id": str(event.pk), "student_id": "2024-0001"}
    early = (now() - timedelta(minutes=39)).isoformat()
    first = http.post(MARK, {**scan, "captured_at": early}, by=campus.scanner).json()
    undo = f"events/attendance/{first['attendance']['id']}/undo/"
    assert http.post(undo, {"reason": "A classmate's card"}, by=campus.admin).status_code == 200

    revived = http.post(MARK, scan, by=campus.scanner).json()
    out = http.post(MARK, {**scan, "direction": "out"}, by=campus.scanner).json()

    assert (first["attendance"]["status"], revived["attendance"]["status"]) == ("present", "late")
    assert revived["attendance"]["id"] == first["attendance"]["id"]
    assert out["attendance"]["first_in_at"] == revived["attendance"]["first_in_at"]
    with campus.here():
        assert Correction.objects.count() == 1
