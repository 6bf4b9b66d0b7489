"""Decisions of presence, as tables."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from shared_apps.federation.rules import Admission
from tenant_apps.attendance.rules.scans import (
    AttendanceStatus,
    Claim,
    Code,
    Direction,
    Existing,
    Known,
    Window,
    choose_session,
    decide,
    derive_status,
    effective_time,
    presence_after,
)

START = datetime(2026, 3, 2, 0, 0, tzinfo=UTC)


def at(minutes: float) -> datetime:
    """Return the instant that many minutes after the start."""
    return START + timedelta(minutes=minutes)


def window(opens: float = -60, starts: float = 0, late: float = 15, ends: float = 120, closes: float = 120) -> Window:
    return Window(uuid4(), at(opens), at(starts), at(late), at(ends), at(closes))


@pytest.mark.parametrize(
    ("came", "went", "status"),
    [
        (-60, None, AttendanceStatus.PRESENT),
        (15, None, AttendanceStatus.PRESENT),
        (15.01, None, AttendanceStatus.LATE),
        (-10, 120, AttendanceStatus.PRESENT),
        (20, 120, AttendanceStatus.LATE),
        (-10, 119, AttendanceStatus.LEFT_EARLY),
        (20, 119, AttendanceStatus.LEFT_EARLY),
    ],
)
def test_status_follows_from_coming_and_going(came: float, went: float | None, status: AttendanceStatus) -> None:
    last_out_at = at(went) if went is not None else None

    assert derive_status(window(), first_in_at=at(came), last_out_at=last_out_at) == status


@pytest.mark.parametrize(
    ("captured", "effective", "corrected"),
    [
        (None, 0, False),
        (-5, -5, False),
        (-12 * 60, -12 * 60, False),
        (-12 * 60 - 1, 0, True),
        (1, 0, False),
        (3, 0, True),
        (2 * 24 * 60, 0, True),
    ],
)
def test_a_scan_is_never_dropped_for_a_wrong_clock(captured: float | None, effective: float, corrected: bool) -> None:
    captured_at = at(captured) if captured is not None else None

    assert effective_time(captured_at=captured_at, received_at=START) == (at(effective), corrected)


def test_the_one_open_session_is_taken() -> None:
    morning, afternoon = window(), window(opens=240, starts=300, late=315, ends=400, closes=400)

    assert choose_session([morning, afternoon], wanted=None, at=at(5)) == morning
    assert choose_session([morning, afternoon], wanted=None, at=at(300)) == afternoon
    assert choose_session([morning, afternoon], wanted=None, at=at(200)) == Code.SESSION_CLOSED
    assert choose_session([], wanted=None, at=at(0)) == Code.SESSION_CLOSED


def test_several_open_sessions_must_be_told_apart() -> None:
    one, other = window(), window()

    assert choose_session([one, other], wanted=None, at=at(5)) == Code.SESSION_REQUIRED
    assert choose_session([one, other], wanted=other.id, at=at(5)) == other
    assert choose_session([one], wanted=uuid4(), at=at(5)) == Code.UNKNOWN_SESSION
    assert choose_session([one], wanted=one.id, at=at(121)) == Code.SESSION_CLOSED


@pytest.mark.parametrize("edge", [-60, 120])
def test_opening_and_closing_instants_belong_to_the_session(edge: float) -> None:
    assert window().is_open(at(edge))


def existing_at(place: Window, *, came: float = 0, went: float | None = None, status: str = "present") -> Existing:
    return Existing(
        uuid4(), place.id, status, at(came), at(went) if went is not None else None, uuid4(), "pass", uuid4()
    )


ANA = Known(uuid4(), is_active=True, pass_serial=2)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, Code.RECORDED),
        ({"event_status": "draft"}, Code.EVENT_NOT_PUBLISHED),
        ({"event_status": "cancelled"}, Code.EVENT_CANCELLED),
        ({"event_status": "completed"}, Code.EVENT_COMPLETED),
        ({"event_status": "cancelled", "claim": Claim(refusal=Code.PASS_FORGED)}, Code.EVENT_CANCELLED),
        ({"claim": Claim(refusal=Code.PASS_FORGED)}, Code.PASS_FORGED),
        ({"person": None}, Code.UNKNOWN_PERSON),
        ({"claim": Claim(serial=2, expires_at=at(5))}, Code.PASS_EXPIRED),
        ({"claim": Claim(serial=1, expires_at=at(99))}, Code.PASS_REVOKED),
        ({"claim": Claim(serial=2, expires_at=at(99))}, Code.RECORDED),
        ({"person": Known(ANA.id, is_active=False, pass_serial=2)}, Code.PERSON_INACTIVE),
        ({"at": at(500)}, Code.SESSION_CLOSED),
        ({"direction": Direction.OUT}, Code.NOT_CHECKED_IN),
    ],
)
def test_reasons_come_in_their_order(changes: dict, code: Code) -> None:
    facts = {
        "event_status": "published", "windows": [window()], "wanted_session": None, "claim": Claim(), "person": ANA,
        "existing": [], "direction": Direction.IN, "at": at(5),
    }  # fmt: skip

    assert decide(**{**facts, **changes}).code == code


@pytest.mark.parametrize(
    ("existing", "direction", "now", "code"),
    [
        ({}, Direction.IN, 5, Code.DUPLICATE),
        ({"status": "void"}, Direction.IN, 5, Code.RECORDED),
        ({}, Direction.OUT, 5, Code.RECORDED),
        ({"went": 4}, Direction.OUT, 5, Code.RECORDED),
        ({"went": 4}, Direction.IN, 5, Code.RECORDED),
        ({"went": 6}, Direction.IN, 5, Code.DUPLICATE),
        ({"status": "void"}, Direction.OUT, 5, Code.NOT_CHECKED_IN),
        ({"came": 6}, Direction.OUT, 5, Code.NOT_CHECKED_IN),
    ],
)
def test_repetition_depends_on_what_is_there(existing: dict, direction: Direction, now: float, code: Code) -> None:
    place = window()

    decision = decide(
        event_status="published", windows=[place], wanted_session=None, claim=Claim(), person=ANA,
        existing=[existing_at(place, **existing)], direction=direction, at=at(now),
    )  # fmt: skip

    assert decision.code == code


@pytest.mark.parametrize(
    ("came", "went", "direction", "now", "is_device_time", "after"),
    [
        (5, None, Direction.OUT, 60, False, (5, 60, "left_early")),
        (5, 60, Direction.OUT, 50, False, (5, 60, "left_early")),
        (5, 60, Direction.IN, 70, False, (5, None, "present")),
        (5, 60, Direction.IN, 55, False, None),
        (40, None, Direction.IN, 10, True, (10, None, "present")),
        (40, None, Direction.IN, 10, False, None),
        (5, None, Direction.IN, 10, True, None),
    ],
)
def test_what_one_more_scan_changes(came, went, direction, now, is_device_time, after) -> None:
    found = presence_after(
        window(), first_in_at=at(came), last_out_at=None if went is None else at(went), direction=direction,
        at=at(now), is_device_time=is_device_time,
    )  # fmt: skip

    expected = after and (at(after[0]), None if after[1] is None else at(after[1]), after[2])
    assert (found and (found.first_in_at, found.last_out_at, found.status.value)) == expected


VISITOR = Admission(home_archived=False, invited=True, revoked_through=0, has_seat=True)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, Code.RECORDED),
        ({"invited": False}, Code.CAMPUS_NOT_INVITED),
        ({"home_archived": True, "invited": False}, Code.HOME_ARCHIVED),
        ({"revoked_through": 1}, Code.PASS_REVOKED),
        ({"revoked_through": 1, "invited": False}, Code.PASS_REVOKED),
        ({"has_seat": False}, Code.SEATS_TAKEN),
    ],
)
def test_a_visitor_is_admitted_by_what_the_federation_says(changes: dict, code: Code) -> None:
    decision = decide(
        event_status="published", windows=[window()], wanted_session=None, claim=Claim(serial=1),
        person=None, existing=[], direction=Direction.IN, at=at(5), admission=replace(VISITOR, **changes),
    )  # fmt: skip

    assert decision.code == code


def test_a_visitor_who_is_in_already_needs_no_seat() -> None:
    place = window()
    decision = decide(
        event_status="published", windows=[place], wanted_session=None, claim=Claim(serial=1), person=None,
        existing=[existing_at(place)], direction=Direction.IN, at=at(5), admission=replace(VISITOR, has_seat=False),
    )  # fmt: skip

    assert decision.code == Code.DUPLICATE
