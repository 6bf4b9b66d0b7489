"""The rule of presence: as a table, and whatever the order of the scans, the zone and the time of year."""

import random
from datetime import UTC, date, datetime, time, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenant_apps.attendance.rules.presence import Mark, Policy, Presence, evaluate
from tenant_apps.attendance.rules.scans import AttendanceStatus, Window
from tenant_apps.events.rules.events import MissingCheckOut, fill_instants

START = datetime(2026, 3, 2, tzinfo=UTC)
LEFT = Policy(requires_check_out=True, missing_check_out=MissingCheckOut.LEFT)
ZONES = ("Asia/Manila", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "UTC", "Africa/Casablanca")


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def window() -> Window:
    return Window(uuid4(), at(-60), at(0), at(15), at(120), at(150))


def marks(text: str) -> list[Mark]:
    """Return the marks of ``+0 -60``: in at the start, out an hour later."""
    return [Mark(at(float(part[1:])), "in" if part[0] == "+" else "out") for part in text.split()]


@pytest.mark.parametrize(
    ("text", "policy", "is_over", "status", "last_out", "stayed"),
    [
        ("+-60", Policy(), False, "present", None, 0),
        ("+15", Policy(), False, "present", None, 0),
        ("+15.01", Policy(), False, "late", None, 0),
        ("+0", Policy(), True, "present", None, 120),
        ("+-10 -120", Policy(), False, "present", 120, 120),
        ("+20 -120", Policy(), False, "late", 120, 100),
        ("+-10 -119", Policy(), False, "left_early", 119, 119),
        ("+20 -119", Policy(), False, "left_early", 119, 99),
        ("+0 -60 +70", Policy(), False, "present", None, 60),
        ("+0 -60 +70", Policy(), True, "present", None, 110),
        ("+0 -60 -121", Policy(), False, "present", 121, 60),
        ("--5 +0", Policy(), False, "present", None, 0),
        ("+0", Policy(requires_check_out=True), False, "present", None, 0),
        ("+0", Policy(requires_check_out=True), True, "present", 120, 120),
        ("+130", Policy(requires_check_out=True), True, "late", 130, 0),
        ("+0", LEFT, False, "present", None, 0),
        ("+0", LEFT, True, "left_early", None, 0),
        ("+0 -120", LEFT, True, "present", 120, 120),
        ("+0 -60", Policy(minimum_stay=timedelta(minutes=60)), False, "present", 60, 60),
        ("+0 -59", Policy(minimum_stay=timedelta(minutes=60)), False, "left_early", 59, 59),
        ("+61", Policy(minimum_stay=timedelta(minutes=60)), False, "late", None, 0),
        ("+61", Policy(minimum_stay=timedelta(minutes=60)), True, "left_early", None, 59),
        ("+20 -30 +100 -120", Policy(minimum_stay=timedelta(minutes=30)), False, "late", 120, 30),
        ("+0 -60 +70", Policy(allows_re_entry=False), True, "left_early", 60, 60),
        ("+0 +30 -60", Policy(allows_re_entry=False), True, "left_early", 60, 60),
    ],
)
def test_what_scans_amount_to(
    text: str, policy: Policy, is_over: bool, status: str, last_out: float | None, stayed: float
) -> None:
    found = evaluate(window(), policy, marks(text), is_over=is_over)

    assert found is not None
    assert (found.status, found.last_out_at, found.stayed) == (
        status, None if last_out is None else at(last_out), timedelta(minutes=stayed),
    )  # fmt: skip


@pytest.mark.parametrize("text", ["", "-0", "-0 -60"])
def test_nobody_who_has_not_come_was_there(text: str) -> None:
    assert evaluate(window(), Policy(), marks(text), is_over=True) is None


policies = st.builds(
    Policy,
    requires_check_out=st.booleans(),
    missing_check_out=st.sampled_from(MissingCheckOut),
    allows_re_entry=st.booleans(),
    minimum_stay=st.none() | st.integers(0, 120).map(lambda minutes: timedelta(minutes=minutes)),
)
some_marks = st.lists(st.builds(Mark, st.integers(-60, 150).map(at), st.sampled_from(["in", "out"])), max_size=8)


@given(some_marks, policies, st.booleans(), st.randoms())
def test_the_order_in_which_scans_arrive_changes_nothing(
    found: list[Mark], policy: Policy, is_over: bool, dice: random.Random
) -> None:
    place, shuffled = window(), list(found)
    dice.shuffle(shuffled)
    repeated = [*shuffled, *dice.sample(shuffled, len(shuffled) // 2)]

    once = evaluate(place, policy, found, is_over=is_over)

    assert evaluate(place, policy, shuffled, is_over=is_over) == once
    assert evaluate(place, policy, repeated, is_over=is_over) == once
    if once is not None:
        assert once.last_out_at is None or once.last_out_at >= once.first_in_at
        assert timedelta() <= once.stayed <= place.ends_at - place.starts_at


def test_coming_again_while_inside_changes_nothing() -> None:
    assert evaluate(window(), Policy(), marks("+0 +10 -60"), is_over=False) == Presence(
        at(0), at(60), timedelta(minutes=60), AttendanceStatus.LEFT_EARLY
    )


wall_days = st.dates(date(2024, 1, 1), date(2030, 12, 31))


def transitions(zone: ZoneInfo) -> list[date]:
    """Return the days from 2024 to 2030 on which the zone changes its offset."""
    days = [date(2024, 1, 1) + timedelta(days=number) for number in range(7 * 365 + 2)]
    offsets = [datetime.combine(day, time(12), tzinfo=zone).utcoffset() for day in days]
    return [day for day, before, after in zip(days[1:], offsets, offsets[1:], strict=False) if before != after]


def session_of(day: date, starts: time, minutes: int, zone: ZoneInfo) -> Window:
    """Return the session that begins at a wall time and is that long by the clock on the wall, as events make it."""
    begins = datetime.combine(day, starts)
    wall = (begins.replace(tzinfo=zone), (begins + timedelta(minutes=minutes)).replace(tzinfo=zone))
    starts_at, ends_at = (moment.astimezone(UTC) for moment in wall)
    instants = fill_instants(starts_at=starts_at, ends_at=max(ends_at, starts_at + timedelta(minutes=30)))
    return Window(uuid4(), *(getattr(instants, name) for name in instants.__slots__))


def check(place: Window, zone: ZoneInfo, late_by: timedelta, stays: timedelta) -> None:
    """Ask the rule in UTC and in the zone's wall time: the same, and what the instants say."""
    came = place.late_after + late_by
    went = came + stays
    seen = [Mark(came, "in"), Mark(went, "out")]
    on_the_wall = [Mark(mark.at.astimezone(zone), mark.direction) for mark in seen]

    found = evaluate(place, Policy(), seen, is_over=False)

    assert found == evaluate(place, Policy(), on_the_wall, is_over=False)
    assert found is not None
    expected = "left_early" if went < place.ends_at else "late" if late_by > timedelta() else "present"
    assert found.status == expected
    inside = min(went, place.ends_at) - max(came, place.starts_at)
    assert found.stayed == max(inside, timedelta())


@given(st.sampled_from(ZONES), wall_days, st.times(), st.integers(60, 600), st.integers(-45, 300), st.integers(0, 600))
def test_status_is_judged_by_instants_in_every_zone(
    name: str, day: date, starts: time, length: int, late_by: int, stays: int
) -> None:
    zone = ZoneInfo(name)
    check(session_of(day, starts, length, zone), zone, timedelta(minutes=late_by), timedelta(minutes=stays))


@pytest.mark.parametrize("name", ZONES)
def test_nights_on_which_clocks_are_changed(name: str) -> None:
    zone = ZoneInfo(name)
    for day in transitions(zone):
        for starts in (time(0, 30), time(1), time(1, 45), time(2), time(2, 15), time(3)):
            for late_by in (-10, 0, 1, 60):
                for stays in (0, 59, 61, 180):
                    place = session_of(day - timedelta(days=starts.hour == 3), starts, 120, zone)
                    check(place, zone, timedelta(minutes=late_by), timedelta(minutes=stays))


def test_the_zones_that_change_do_change() -> None:
    assert len(transitions(ZoneInfo("Europe/Berlin"))) == 14
    assert len(transitions(ZoneInfo("Australia/Lord_Howe"))) == 14
    assert transitions(ZoneInfo("Asia/Manila")) == []
