"""The venue's code: shown by the server, entered by whoever is there, worth nothing half a minute later."""

import base64
import re
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import time_machine
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from shared_apps.common.clock import now
from shared_apps.common.ids import uuid7
from tenant_apps.attendance.models import Attendance, CodeTry, DeviceUse, Scan
from tenant_apps.attendance.rules.venue_codes import (
    Judgement,
    VenueState,
    digits_of,
    judge_digits,
    judge_mac,
    read_text,
    step_of,
    text_of,
    venue_state,
    waits_after_wrong,
)
from tenant_apps.events.models import Event, Session
from tests.cast import Cast, Http, Person, Site
from tests.factories import make_event
from tests.qr_codes import read_qr

ENTER = "events/attendance/venue-code/"
KEY = bytes(range(32))
NOON = datetime(2026, 5, 4, 4, 0, 5, tzinfo=UTC)


# --- Rules ----------------------------------------------------------------------------------------


def test_a_code_is_right_for_two_steps_then_expired_then_wrong() -> None:
    session, step = UUID(int=7), step_of(NOON)
    said = read_text(text_of(KEY, session, step))
    assert said is not None
    assert said[0] == session
    ages = {0: "right", 1: "right", 2: "expired", 19: "expired", 20: "wrong", -1: "wrong"}

    for age, worth in ages.items():
        later = NOON + timedelta(seconds=15 * age)
        assert judge_mac(KEY, said[1], at=later) == worth, age
        assert judge_digits(KEY, digits_of(KEY, step), at=later) == worth, age
    assert judge_mac(KEY[::-1], said[1], at=NOON) == Judgement.WRONG


@pytest.mark.parametrize("text", ["", "EASV1", "EASV1..", "EASV2.a.b", "x" * 200, "EASV1.AAAA.AAAA", "EASV1.é.é",
                                  "EASV1." + "A" * 22 + "." + "A" * 21 + "B"])  # fmt: skip
def test_what_is_no_code(text: str) -> None:
    assert read_text(text) is None


def test_when_codes_are_shown() -> None:
    hour = timedelta(hours=1)
    table = {
        ("published", True, NOON): VenueState.OPEN,
        ("published", True, NOON - hour): VenueState.OPEN,
        ("published", True, NOON - 2 * hour): VenueState.BEFORE,
        ("published", True, NOON + 2 * hour): VenueState.OVER,
        ("published", False, NOON): VenueState.OFF,
        ("draft", True, NOON): VenueState.NOT_PUBLISHED,
        ("cancelled", True, NOON): VenueState.OVER,
        ("completed", True, NOON): VenueState.OVER,
    }
    for (status, takes, at), expected in table.items():
        found = venue_state(
            event_status=status, takes_venue_code=takes, opens_at=NOON - hour, closes_at=NOON + hour, at=at
        )  # fmt: skip
        assert found == expected, (status, takes, at)


def test_a_thousand_guesses_of_digits_take_days() -> None:
    waits = waits_after_wrong(is_digits=True)

    assert waits[:3] == [0, 0, 5]
    assert sum(waits) + (1000 - len(waits)) * waits[-1] > timedelta(days=3).total_seconds()
    assert waits_after_wrong(is_digits=False)[:11] == [0] * 9 + [1, 2]


# --- Entering -------------------------------------------------------------------------------------


def venue(site: Site, **more: Any) -> tuple[Event, Session]:
    """Return an event that takes venue codes, and its open session."""
    event = make_event(site, **more)
    with site.here():
        Event.objects.filter(pk=event.pk).update(takes_venue_code=True)
        return event, Session.objects.filter(event=event).earliest("starts_at")


def shown(http: Http, site: Site, event: Event, session: Session) -> Any:
    answer = http.get(f"events/events/{event.pk}/sessions/{session.pk}/venue-code/", by=site.organizer)
    assert answer.status_code == 200, answer.content
    return answer.json()


def device(number: int = 0) -> str:
    return base64.urlsafe_b64encode(number.to_bytes(16)).rstrip(b"=").decode()


def enter(http: Http, by: Person, number: int = 0, **body: Any) -> Any:
    return http.post(ENTER, {"device": device(number), **body}, by=by)


def code_of(answer: Any) -> str:
    return answer.json()["errors"][0]["code"]


@pytest.mark.parametrize("how", ["digits and session", "digits", "qr"])
def test_a_student_records_their_own_presence(cast: Cast, http: Http, how: str) -> None:
    campus = cast.malimono
    event, session = venue(campus)
    current = shown(http, campus, event, session)["current"]
    entry = {
        "digits and session": {"digits": current["digits"], "session_id": str(session.pk)},
        "digits": {"digits": current["digits"]},
        "qr": {"code": current["text"]},
    }[how]

    first, again = enter(http, campus.student, **entry), enter(http, campus.student, **entry)

    assert first.status_code == 201, first.content
    assert again.status_code == 200
    body = first.json()
    assert (body["person"]["id"], body["scan"]["method"]) == (str(campus.student.id), "venue_code")
    assert body["attendance"]["session"] == str(session.pk)
    assert body["server_time"]
    with campus.here():
        scan = Scan.objects.get(outcome="recorded")
        assert (scan.user_id, scan.operator_id) == (campus.student.id, campus.student.id)
        assert Attendance.objects.get().user_id == campus.student.id
        assert DeviceUse.objects.get().user_id == campus.student.id
        # Right codes leave nothing behind that would make a later mistake wait.
        assert not CodeTry.objects.filter(failures__gt=0).exists()


def test_the_code_of_the_moment_and_the_one_before(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event, session = venue(campus)
    begin = datetime.fromtimestamp(step_of(now()) * 15 + 15, UTC)
    with time_machine.travel(begin, tick=False):
        codes = shown(http, campus, event, session)
    assert (codes["step_seconds"], codes["digits"]) == (15, 6)
    assert codes["next"]["valid_from"] == codes["current"]["valid_until"]
    assert re.fullmatch(r"[0-9]{6}", codes["current"]["digits"])

    with time_machine.travel(begin, tick=False):
        early = enter(http, campus.friend, 1, digits=codes["next"]["digits"], session_id=str(session.pk))
    with time_machine.travel(begin + timedelta(seconds=30), tick=False):
        late = enter(http, campus.student, code=codes["current"]["text"])
        late_digits = enter(http, campus.student, digits=codes["current"]["digits"])
        of_the_time = enter(http, campus.student, code=codes["next"]["text"])

    assert (early.status_code, code_of(early)) == (422, "code_wrong")
    for answer in (late, late_digits):
        assert (answer.status_code, code_of(answer)) == (422, "code_expired")
        assert datetime.fromisoformat(answer.json()["server_time"]) == begin + timedelta(seconds=30)
    assert of_the_time.status_code == 201
    with campus.here():
        assert Counter(Scan.objects.values_list("code", flat=True)) == {
            "code_wrong": 1, "code_expired": 2, "recorded": 1,
        }  # fmt: skip


def test_a_second_person_with_the_same_device_is_refused_and_kept_as_evidence(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event, session = venue(campus)
    text = shown(http, campus, event, session)["current"]["text"]

    first, second = enter(http, campus.student, 1, code=text), enter(http, campus.friend, 1, code=text)
    changed, own = enter(http, campus.student, 2, code=text), enter(http, campus.friend, 3, code=text)
    other = venue(campus)
    elsewhere = enter(http, campus.friend, 1, code=shown(http, campus, *other)["current"]["text"])

    assert (first.status_code, own.status_code, elsewhere.status_code) == (201, 201, 201)
    assert (second.status_code, code_of(second)) == (422, "device_used")
    assert (changed.status_code, code_of(changed)) == (422, "device_changed")
    assert str(campus.student.id) not in second.content.decode()
    with campus.here():
        evidence = Scan.objects.get(code="device_used")
        assert evidence.session_id == session.pk
        assert (evidence.user_id, str(campus.student.id) in evidence.reason) == (campus.friend.id, True)
        for same in ({"user_id": campus.organizer.id, "device": DeviceUse.objects.first().device},
                     {"user_id": campus.student.id, "device": b"x" * 32}):  # fmt: skip
            with pytest.raises(IntegrityError, match="attendance_deviceuse"), transaction.atomic():
                DeviceUse.objects.create(session=session, used_at=now(), **same)


def test_one_device_many_people_at_once(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event, session = venue(campus)
    text = shown(http, campus, event, session)["current"]["text"]
    people = [campus.student, campus.friend, campus.organizer, campus.other_organizer, campus.admin]
    barrier, answers = threading.Barrier(len(people)), []

    def run(person: Person) -> None:
        barrier.wait()
        answers.append(enter(Http(), person, code=text).status_code)
        connection.close()

    threads = [threading.Thread(target=run, args=(person,)) for person in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(answers) == [201, 422, 422, 422, 422]
    with campus.here():
        assert (Attendance.objects.count(), DeviceUse.objects.count()) == (1, 1)


def test_a_thousand_guesses_get_nowhere(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event, session = venue(campus)
    right = shown(http, campus, event, session)["current"]["digits"]
    answers = []
    begin = now()
    for number in range(1000):
        guess = f"{number:06d}"
        with time_machine.travel(begin + timedelta(milliseconds=number * 10), tick=False):
            answers.append(enter(http, campus.student, digits=guess if guess != right else "999999"))

    assert Counter(answer.status_code for answer in answers)[429] >= 990
    waiting = answers[-1]
    assert (waiting.status_code, code_of(waiting)) == (429, "too_many_tries")
    assert int(waiting["Retry-After"]) >= 1
    # Neither does the right code help before the wait is over, nor a friend wait for it.
    text = shown(http, campus, event, session)["current"]["text"]
    with time_machine.travel(begin + timedelta(seconds=10), tick=False):
        assert enter(http, campus.student, digits=right).status_code == 429
    assert enter(http, campus.friend, code=text).status_code == 201
    # And whoever reads the code off the wall guesses nothing.
    text = shown(http, campus, event, session)["current"]["text"]
    assert enter(http, campus.student, 7, code=text).status_code == 201


def test_garbage_instead_of_a_qr_code_waits_too(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event, session = venue(campus)
    with time_machine.travel(now(), tick=False):
        statuses = [enter(http, campus.student, code=f"EASV1.{number}").status_code for number in range(14)]
        text = shown(http, campus, event, session)["current"]["text"]
        stranger = text.rsplit(".", 1)[0] + "." + "A" * 22
        waits = enter(http, campus.student, code=stranger)

    assert statuses == [422] * 10 + [429] * 4
    assert code_of(waits) == "too_many_tries"


def test_what_a_post_costs(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event, session = venue(campus)
    current = shown(http, campus, event, session)["current"]
    costs = []
    for number, (who, entry) in enumerate(
        [(campus.student, {"code": current["text"]}), (campus.friend, {"digits": current["digits"]})]
    ):
        with campus.here(), CaptureQueriesContext(connection) as queries:
            assert enter(http, who, number, **entry).status_code == 201
        costs.append(len(queries))

    assert costs == [5, 7]


def test_guesses_at_the_same_moment_are_counted_each(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event, session = venue(campus)
    right = shown(http, campus, event, session)["current"]["digits"]
    wrong = "000000" if right != "000000" else "000001"
    barrier, answers = threading.Barrier(8), []

    def run() -> None:
        client = Http()
        barrier.wait()
        answers.extend(
            enter(client, campus.student, digits=wrong, session_id=str(session.pk)).status_code for _ in range(3)
        )
        connection.close()

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert answers.count(422) == 3
    assert answers.count(429) == 21


def test_a_right_code_elsewhere_does_not_forgive_guesses(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    (event, session), (aim, target) = venue(campus), venue(campus)
    right = shown(http, campus, aim, target)["current"]["digits"]
    wrong = "000000" if right != "000000" else "000001"
    statuses = []
    for _ in range(4):
        here = {"digits": shown(http, campus, event, session)["current"]["digits"], "session_id": str(session.pk)}
        statuses.append(enter(http, campus.student, **here).status_code)
        statuses.append(enter(http, campus.student, digits=wrong, session_id=str(target.pk)).status_code)

    assert statuses == [201, 422, 200, 422, 200, 422, 429, 429]


def test_a_retry_gets_the_first_answer_also_when_the_code_is_gone(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event, session = venue(campus)
    current = shown(http, campus, event, session)["current"]
    entry = {"digits": current["digits"], "session_id": str(session.pk), "scan_id": str(uuid7())}

    first = enter(http, campus.student, **entry)
    with time_machine.travel(now() + timedelta(minutes=20), tick=False):
        retries = [enter(http, campus.student, **entry) for _ in range(6)]

    said = {name: value for name, value in first.json().items() if name != "server_time"}
    for retry in retries:
        assert retry.status_code == 201
        assert {name: value for name, value in retry.json().items() if name != "server_time"} == said
    with campus.here():
        assert Scan.objects.count() == 1


def test_what_is_not_taken(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event, session = venue(campus)
    text = shown(http, campus, event, session)["current"]["text"]
    there = venue(cast.delcarmen)
    foreign = shown(http, cast.delcarmen, *there)["current"]["text"]

    assert enter(http, campus.student, code=foreign).status_code == 404
    assert enter(http, campus.student, digits="000000", session_id=str(uuid4())).status_code == 404
    assert code_of(enter(http, campus.student, code="EASV1.nonsense")) == "code_wrong"
    for body in ({}, {"digits": "12345"}, {"digits": "١٢٣٤٥٦"}, {"digits": 123456, "code": text}, {"code": ["x"]},
                 {"code": text, "device": "short"}, {"code": text, "device": "A" * 99}, {"code": text, "user_id": "x"},
                 {"code": text, "session_id": str(session.pk)}, {"code": text, "captured_at": "2026-01-01"}):  # fmt: skip
        assert enter(http, campus.student, **body).status_code == 400, body
    for nobody, status in ((campus.scanner, 403), (campus.kiosk, 403), (cast.delcarmen.student, 401)):
        assert http.post(ENTER, {"code": text, "device": device()}, by=nobody, at=campus).status_code == status
    with campus.here():
        assert not Attendance.objects.exists()
        Event.objects.filter(pk=event.pk).update(takes_venue_code=False)
    assert code_of(enter(http, campus.student, code=text)) == "venue_code_off"
    with campus.here():
        Event.objects.filter(pk=event.pk).update(takes_venue_code=True, status="cancelled")
    assert code_of(enter(http, campus.student, code=text)) == "event_cancelled"
    with campus.here():
        assert not DeviceUse.objects.exists()


# --- Showing --------------------------------------------------------------------------------------


def test_no_code_is_shown_before_and_after(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event, session = venue(campus, starts=90)
    path = f"events/events/{event.pk}/sessions/{session.pk}/venue-code"

    before = shown(http, campus, event, session)
    with time_machine.travel(session.closes_at + timedelta(minutes=1), tick=False):
        over = shown(http, campus, event, session)

    assert (before["state"], before["current"], before["next"]) == ("before", None, None)
    assert (over["state"], over["current"]) == ("over", None)
    assert code_of(http.get(f"{path}.svg", by=campus.organizer)) == "session_not_open"
    # Neither those who do not run it, nor those who may not show codes.
    assert http.get(f"{path}/", by=campus.other_organizer).status_code == 403
    assert http.get(f"{path}/", by=campus.student).status_code == 403
    assert http.post(f"{path}/display/", by=campus.other_organizer).status_code == 403


def test_the_projector_is_shown_one_session_by_its_key(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event, session = venue(campus, sessions=2, apart=5)
    with campus.here():
        other = Session.objects.filter(event=event).latest("starts_at")
    path = f"events/events/{event.pk}/sessions/{session.pk}/venue-code"

    link = http.post(f"{path}/display/", by=campus.organizer)

    assert link.status_code == 201, link.content
    page, _, key = link.json()["url"].partition("#")
    assert page == f"http://{campus.host}:8000/api/v1/{path}/page/"
    assert campus.organizer.token not in link.content.decode()

    def display(key: str, *, of: Session = session, at: Site = campus) -> Any:
        of_path = f"events/events/{event.pk}/sessions/{of.pk}/venue-code/display/"
        return http.send("GET", of_path, at=at, headers={"Display-Key": key})

    answer = display(key)
    assert answer.status_code == 200, answer.content
    assert answer.json()["current"]["digits"] == shown(http, campus, event, session)["current"]["digits"]
    assert answer.json()["current"]["qr"].startswith("data:image/svg+xml")
    expiry, _, mac = key.partition(".")
    for wrong in ("", "x", key[:-1], f"{int(expiry) + 1}.{mac}", f"{expiry}.", f".{mac}", "9" * 99 + "." + mac, "é.é"):
        assert code_of(display(wrong)) == "display_key_invalid", wrong
    assert code_of(display(key, of=other)) == "display_key_invalid"
    assert code_of(display(key, at=cast.delcarmen)) == "display_key_invalid"
    with time_machine.travel(session.closes_at + timedelta(minutes=5), tick=False):
        assert display(key).json()["state"] == "over"
    with time_machine.travel(session.closes_at + timedelta(minutes=11), tick=False):
        assert code_of(display(key)) == "display_key_invalid"


def test_the_page_holds_no_secret_and_loads_nothing_of_others(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event, session = venue(campus)
    path = f"events/events/{event.pk}/sessions/{session.pk}/venue-code"

    page = http.send("GET", f"{path}/page/", at=campus, headers={"Accept": "text/html"})
    picture = http.send(
        "GET", f"{path}.svg", by=campus.organizer, headers={"Accept": "image/svg+xml,image/*;q=0.8"}
    )  # fmt: skip

    text = page.content.decode()
    assert page["Content-Type"] == "text/html; charset=utf-8"
    assert not page.cookies
    policy = page["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"https?://|src=|@import|url\(", text)
    assert event.title not in text
    assert page["Cache-Control"] == "no-store"
    assert picture["Content-Type"] == "image/svg+xml"
    assert picture.content.startswith(b"<svg")


def test_the_code_on_the_wall_is_read_by_any_reader(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event, session = venue(campus)
    picture = http.get(f"events/events/{event.pk}/sessions/{session.pk}/venue-code.svg", by=campus.organizer)

    entered = http.post(ENTER, {"code": read_qr(picture.content), "device": "A" * 22}, by=campus.student)

    assert entered.status_code == 201, entered.content
