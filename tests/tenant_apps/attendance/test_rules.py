"""Decisions of presence, as tables."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from shared_apps.federation.rules import Admission
from tenant_apps.attendance.rules.decisions import Asked, Claim, Decision, Existing, Known, Rule, decide
from tenant_apps.attendance.rules.presence import Mark, Policy
from tenant_apps.attendance.rules.scans import Code, Direction, Window, choose_session, effective_time, refuse_place

START = datetime(2026, 3, 2, 0, 0, tzinfo=UTC)


def at(minutes: float) -> datetime:
    """Return the instant that many minutes after the start."""
    return START + timedelta(minutes=minutes)


def window(opens: float = -60, starts: float = 0, late: float = 15, ends: float = 120, closes: float = 120) -> Window:
    return Window(uuid4(), at(opens), at(starts), at(late), at(ends), at(closes))


@pytest.mark.parametrize(
    ("captured", "skew", "effective", "corrected"),
    [
        (None, None, 0, False),
        (-5, None, -5, False),
        (-12 * 60, None, -12 * 60, False),
        (-12 * 60 - 1, None, 0, True),
        (1, None, 0, False),
        (3, None, 0, True),
        (2 * 24 * 60, None, 0, True),
        (None, 500, 0, False),
        (-5, 0, -5, False),
        (-5, 2, -5, False),
        (1, 2, 0, False),
        (-5, 3, -8, True),
        (-5, -10, 0, True),
        (-60, -30, -30, True),
        (-20 * 60, 0, -20 * 60, False),
        (-72 * 60, 0, -72 * 60, False),
        (-72 * 60 - 1, 0, 0, True),
        # Eight hours offline: two days ahead, three hours behind, a year ahead.
        (2 * 24 * 60 - 8 * 60, 2 * 24 * 60, -8 * 60, True),
        (-3 * 60 - 8 * 60, -3 * 60, -8 * 60, True),
        (365 * 24 * 60 - 8 * 60, 365 * 24 * 60, -8 * 60, True),
        (10, 5, 0, True),
    ],
)
def test_a_scan_is_never_dropped_for_a_wrong_clock(
    captured: float | None, skew: float | None, effective: float, corrected: bool
) -> None:
    captured_at = at(captured) if captured is not None else None
    ahead = timedelta(minutes=skew) if skew is not None else None

    assert effective_time(captured_at=captured_at, received_at=START, skew=ahead) == (at(effective), corrected)


@pytest.mark.parametrize(
    ("captured", "effective", "corrected"),
    [(-100 * 24 * 60, -100 * 24 * 60, False), (-1, -1, False), (0, 0, False), (1, 0, False), (3, 0, True)],
)
def test_what_staff_tell_of_the_past_is_believed(captured: float, effective: float, corrected: bool) -> None:
    told = effective_time(captured_at=at(captured), received_at=START, is_told=True)

    assert told == (at(effective), corrected)


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


def existing_at(place: Window, *marks: tuple[float, str], status: str = "present", decided: str = "") -> Existing:
    made = tuple(Mark(at(minutes), direction) for minutes, direction in marks)
    return Existing(
        id=uuid4(), session_id=place.id, status=status, decided_status=decided, marks=made,
        first_in_at=made[0].at if made else None,
    )  # fmt: skip


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
    assert ask(window(), **changes).code == code


def ask(session: Window, **changes: Any) -> Decision:
    facts: dict[str, Any] = {
        "event_status": "published", "windows": [session], "wanted_session": None, "claim": Claim(), "person": ANA,
        "existing": [], "direction": Direction.IN, "at": at(5),
    }  # fmt: skip
    return decide(Asked(**{**facts, **changes}))


CAME, WENT = (0, "in"), (4, "out")


@pytest.mark.parametrize(
    ("marks", "direction", "now", "code"),
    [
        ([CAME], "in", 5, Code.DUPLICATE),
        ([CAME], "out", 5, Code.RECORDED),
        ([CAME, WENT], "out", 5, Code.RECORDED),
        ([CAME, WENT], "in", 5, Code.RECORDED),
        ([CAME, (6, "out")], "in", 5, Code.DUPLICATE),
        ([CAME, WENT, (5, "in")], "in", 6, Code.DUPLICATE),
        ([CAME, WENT, (8, "in")], "in", 6, Code.RECORDED),
        ([(6, "in")], "out", 5, Code.NOT_CHECKED_IN),
        ([(6, "in")], "in", 5, Code.DUPLICATE),
    ],
)
def test_repetition_depends_on_what_is_there(marks: list, direction: str, now: float, code: Code) -> None:
    place = window()

    assert ask(place, existing=[existing_at(place, *marks)], direction=direction, at=at(now)).code == code


@pytest.mark.parametrize(
    ("status", "decided", "marks", "direction", "code"),
    [
        ("void", "", [CAME], "in", Code.RECORDED),
        ("void", "present", [CAME], "in", Code.RECORDED),
        ("void", "", [CAME], "out", Code.NOT_CHECKED_IN),
        ("absent", "", [], "in", Code.RECORDED),
        ("excused", "excused", [], "in", Code.RECORDED),
        ("excused", "excused", [CAME], "in", Code.DUPLICATE),
        ("present", "present", [], "in", Code.RECORDED),
        ("present", "present", [], "out", Code.NOT_CHECKED_IN),
    ],
)
def test_whoever_was_not_there_may_come(status: str, decided: str, marks: list, direction: str, code: Code) -> None:
    place = window()
    existing = existing_at(place, *marks, status=status, decided=decided)

    assert ask(place, existing=[existing], direction=direction, at=at(5)).code == code


@pytest.mark.parametrize(
    ("marks", "direction", "code"),
    [
        ([CAME, WENT], "in", Code.RE_ENTRY_NOT_ALLOWED),
        ([CAME], "in", Code.DUPLICATE),
        ([CAME, WENT], "out", Code.RECORDED),
        ([], "in", Code.RECORDED),
    ],
)
def test_coming_back_where_one_may_not(marks: list, direction: str, code: Code) -> None:
    place = window()
    existing = [existing_at(place, *marks)] if marks else []
    once = {place.id: Policy(allows_re_entry=False)}

    assert ask(place, existing=existing, direction=direction, policies=once).code == code


@pytest.mark.parametrize("registration", ["none", "open", "required", "approval"])
@pytest.mark.parametrize(
    ("place", "code"),
    [
        (None, Code.NOT_REGISTERED),
        ("registered", None),
        ("waiting", Code.PLACE_WAITING),
        ("requested", Code.PLACE_NOT_APPROVED),
        ("withdrawn", Code.NOT_REGISTERED),
        ("declined", Code.NOT_REGISTERED),
        ("released", Code.NOT_REGISTERED),
    ],
)
def test_a_place_is_demanded_where_the_event_says_so(registration: str, place: str | None, code: Code | None) -> None:
    expected = code if registration in {"required", "approval"} else None

    assert refuse_place(registration=registration, place=place) == expected
    assert ask(window(), registration=registration, place=place).code == (expected or Code.RECORDED)


def test_nobody_is_kept_in_for_want_of_a_place() -> None:
    place = window()
    decision = ask(place, existing=[existing_at(place, CAME)], registration="required", direction="out")

    assert decision.code == Code.RECORDED


def test_the_verdict_says_what_was_looked_at_and_what_decided() -> None:
    place = window()
    by_pass = Claim(serial=2, expires_at=at(99), is_proof=True)

    def looked(**changes: Any) -> list[tuple[str, bool]]:
        return [(one.rule.value, one.held) for one in ask(place, **changes).looked]

    begin = [("event_open", True), ("person_known", True), ("person_active", True)]
    proof = [("event_open", True), ("proof_genuine", True), ("person_known", True), ("pass_unexpired", True)]
    assert looked() == [*begin, ("session_open", True), ("first_time", True)]
    assert looked(event_status="completed") == [("event_open", False)]
    assert looked(claim=Claim(refusal=Code.PASS_FORGED)) == [("event_open", True), ("proof_genuine", False)]
    assert looked(claim=by_pass) == [
        *proof, ("pass_current", True), ("person_active", True), ("session_open", True), ("first_time", True),
    ]  # fmt: skip
    assert looked(claim=Claim(serial=1, expires_at=at(99), is_proof=True))[-1] == ("pass_current", False)
    assert looked(registration="required") == [*begin, ("place", False)]
    assert looked(at=at(999))[-1] == ("session_open", False)
    assert looked(existing=[existing_at(place, CAME)])[-1] == ("first_time", False)
    assert looked(existing=[existing_at(place, CAME, WENT)])[-1] == ("re_entry", True)
    assert looked(direction="out")[-1] == ("checked_in", False)
    visitor = looked(claim=by_pass, person=None, admission=replace(VISITOR, has_seat=False))
    assert visitor == [
        ("event_open", True), ("proof_genuine", True), ("pass_unexpired", True), ("home_open", True),
        ("pass_current", True), ("invited", True), ("session_open", True), ("seat", False),
    ]  # fmt: skip
    elsewhere = ask(place).counted_elsewhere()
    assert (elsewhere.code, elsewhere.looked[-1]) == (Code.ALREADY_COUNTED, (Rule.COUNTED_HERE, False))


def test_a_restored_attendance_speaks_for_the_scans_that_are_lost() -> None:
    place = window()
    lost = replace(existing_at(place), first_in_at=at(0), last_out_at=at(4))

    assert lost.history == (Mark(at(0), "in"), Mark(at(4), "out"))
    assert replace(lost, marks=(Mark(at(5), "in"),)).history == (Mark(at(0), "in"), Mark(at(5), "in"))
    assert replace(lost, status="void").history == ()


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
    admission = replace(VISITOR, **changes)

    assert ask(window(), claim=Claim(serial=1), person=None, admission=admission).code == code


def test_a_visitor_who_is_in_already_needs_no_seat() -> None:
    place = window()
    full = replace(VISITOR, has_seat=False)

    decision = ask(place, claim=Claim(serial=1), person=None, admission=full, existing=[existing_at(place, CAME)])

    assert decision.code == Code.DUPLICATE
