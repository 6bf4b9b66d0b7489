"""The rotating pass: made by the phone, good for its 20 seconds, at any campus."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from shared_apps.common.clock import now
from shared_apps.federation.passes import ForgedPass, NotAPass, is_of_moment, read_pass, rotate, step_of
from shared_apps.federation.services.issuing import issue_pass
from tenant_apps.attendance.rules.decisions import Claim, refuse_moment
from tenant_apps.attendance.rules.scans import Code
from tenant_apps.events.models import Event
from tests.cast import Cast, Http, Person, Site
from tests.factories import make_event, make_shared_event, pass_of

MARK = "events/attendance/mark_attendance/"
ROTATING = "accounts/users/me/pass/rotating/"
NOON = datetime(2026, 5, 4, 4, 0, 10, tzinfo=UTC)


def phone_text(told: dict[str, Any], at: datetime) -> str:
    """As an app's author would write it from the documentation."""
    secret = base64.urlsafe_b64decode(told["secret"] + "=" * (-len(told["secret"]) % 4))
    said = f"{told['stem']}.{int(at.timestamp()) // told['step_seconds']}"
    mac = hmac.new(secret, said.encode(), hashlib.sha256).digest()[:16]
    return f"{said}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def test_the_vector_of_the_documentation() -> None:
    stem = "EAS2." + "A" * 56 + "." + "B" * 86
    assert rotate(stem, secret=bytes(range(32)), step=88_888_888).rsplit(".", 2)[1:] == [
        "88888888", "TfGAH6cRqzIVgUIZIQ4QBA",
    ]  # fmt: skip


def test_the_moment_of_a_pass() -> None:
    step = step_of(NOON)
    for seconds, good in ((-11, True), (-30, True), (-31, False), (0, True), (29, True), (30, False)):
        assert is_of_moment(step, at=NOON + timedelta(seconds=seconds)) == good, seconds


@pytest.mark.parametrize(
    ("serial", "is_of_moment", "needs_rotating", "code"),
    [
        (1, None, False, None),
        (1, None, True, Code.ROTATING_PASS_REQUIRED),
        (1, True, False, None),
        (1, True, True, None),
        (1, False, False, Code.PASS_CODE_EXPIRED),
        (1, False, True, Code.PASS_CODE_EXPIRED),
        (None, None, True, None),  # a name that staff typed
    ],
)
def test_why_a_pass_is_refused_for_its_moment(serial: Any, is_of_moment: Any, needs_rotating: bool, code: Any) -> None:
    assert refuse_moment(Claim(serial=serial, is_of_moment=is_of_moment), needs_rotating=needs_rotating) == code


def rotating_event(site: Site, **more: Any) -> Event:
    event = make_event(site, **more)
    with site.here():
        Event.objects.filter(pk=event.pk).update(needs_rotating_pass=True)
    return event


def mark(http: Http, by: Person, event: Event, text: str, **more: Any) -> Any:
    return http.post(MARK, {"event_id": str(event.pk), "pass": text, **more}, by=by)


def code_of(answer: Any) -> str:
    return answer.json()["errors"][0]["code"]


def test_a_phone_makes_its_pass_alone(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    told = http.get(ROTATING, by=campus.student).json()
    event = rotating_event(campus)

    assert phone_text(told, datetime.fromisoformat(told["server_time"])) == told["text"]
    assert len(told["text"]) <= 200
    answer = mark(http, campus.scanner, event, phone_text(told, now()))
    assert answer.status_code == 201, answer.content
    # And an event that does not ask for it takes it too.
    assert mark(http, campus.scanner, make_event(campus), phone_text(told, now())).status_code == 201


def test_a_screenshot_is_worth_nothing(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    told = http.get(ROTATING, by=campus.student).json()
    event, plain = rotating_event(campus), make_event(campus)
    picture = phone_text(told, now() - timedelta(seconds=60))
    ahead = phone_text(told, now() + timedelta(seconds=60))

    for text in (picture, ahead):
        for each in (event, plain):
            answer = mark(http, campus.scanner, each, text)
            assert (answer.status_code, code_of(answer)) == (422, "pass_code_expired")
    printed = mark(http, campus.scanner, event, pass_of(campus.student))
    assert (printed.status_code, code_of(printed)) == (422, "rotating_pass_required")
    # Staff may still write somebody down whose phone is empty.
    by_hand = {"event_id": str(event.pk), "student_id": "2024-0001", "reason": "No battery"}
    assert http.post(MARK, by_hand, by=campus.organizer).status_code == 201


def test_no_altered_text_is_accepted(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    told = http.get(ROTATING, by=campus.student).json()
    friend = http.get(ROTATING, by=campus.friend).json()
    event = rotating_event(campus)
    old = phone_text(told, now() - timedelta(minutes=10))
    stem, _, mac = old.rsplit(".", 2)
    fresh = str(step_of(now()))

    forged = [
        f"{stem}.{fresh}.{mac}",
        f"{stem}.{fresh}." + phone_text(friend, now()).rsplit(".", 1)[1],
        rotate(stem, secret=b"x" * 32, step=int(fresh)),
    ]
    nonsense = [f"{stem}.{fresh}", f"{stem}.0{fresh}.{mac}", f"{stem}.x.{mac}", f"{stem}.{fresh}.{mac}=", f"{stem}.-1.{mac}",
                f"{stem}.{fresh}.{mac}.{mac}", f"{stem}.١.{mac}", "EAS2.", f"{stem}.{fresh}.AAAA"]  # fmt: skip
    for text in forged:
        answer = mark(http, campus.scanner, event, text)
        assert (answer.status_code, code_of(answer)) == (422, "pass_forged"), text
    with campus.here():
        for text in nonsense:
            with pytest.raises((NotAPass, ForgedPass)):
                read_pass(text)


def test_replacing_the_pass_replaces_the_secret(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    before = http.get(ROTATING, by=campus.student).json()
    http.post(f"accounts/users/{campus.student.id}/replace-pass/", by=campus.student)
    after = http.get(ROTATING, by=campus.student).json()
    event = rotating_event(campus)

    assert before["secret"] != after["secret"]
    assert code_of(mark(http, campus.scanner, event, phone_text(before, now()))) == "pass_revoked"
    new_stem = phone_text({**before, "stem": after["stem"]}, now())
    assert code_of(mark(http, campus.scanner, event, new_stem)) == "pass_forged"
    assert mark(http, campus.scanner, event, phone_text(after, now())).status_code == 201


def test_what_a_scanner_took_without_a_network_is_judged_as_of_then(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    told = http.get(ROTATING, by=campus.student).json()
    event = rotating_event(campus, starts=-30)
    then = now() - timedelta(minutes=20)

    picture = mark(
        http, campus.scanner, event, phone_text(told, then - timedelta(minutes=2)), captured_at=then.isoformat()
    )  # fmt: skip
    taken = mark(http, campus.scanner, event, phone_text(told, then), captured_at=then.isoformat())

    assert code_of(picture) == "pass_code_expired"
    assert taken.status_code == 201


def test_visitors_rotate_too(cast: Cast, http: Http) -> None:
    host, home = cast.malimono, cast.delcarmen
    event = make_shared_event(host, home)
    with host.here():
        Event.objects.filter(pk=event.pk).update(needs_rotating_pass=True)
    told = http.get(ROTATING, by=home.student).json()

    assert code_of(mark(http, host.scanner, event, pass_of(home.student))) == "rotating_pass_required"
    assert mark(http, host.scanner, event, phone_text(told, now())).status_code == 201


def test_secrets_differ_between_campuses_and_people(cast: Cast) -> None:
    secrets = set()
    for site in (cast.malimono, cast.delcarmen):
        with site.here():
            secrets |= {issue_pass(user=person.user, at=NOON).secret for person in (site.student, site.friend)}
            with time_machine.travel(NOON + timedelta(days=3), tick=False):
                secrets.add(issue_pass(user=site.student.user, at=now()).secret)

    assert len(secrets) == 4
