"""When sessions are open, and what an event may become."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared_apps.common.clock import to_instant
from tenant_apps.events.rules.events import TRANSITIONS, EventStatus, Instants, event_span, fill_instants, is_ongoing

START = datetime(2026, 3, 2, 0, 0, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def test_a_session_of_which_only_start_and_end_are_said() -> None:
    assert fill_instants(starts_at=at(0), ends_at=at(120)) == Instants(at(-60), at(0), at(15), at(120), at(120))
    assert fill_instants(starts_at=at(0), ends_at=at(10)).late_after == at(10)


@pytest.mark.parametrize(
    ("minutes", "in_order"),
    [
        ((-60, 0, 15, 120, 120), True),
        ((0, 0, 0, 1, 1), True),
        ((1, 0, 15, 120, 120), False),
        ((-60, 0, -1, 120, 120), False),
        ((-60, 0, 15, 14, 120), False),
        ((-60, 0, 0, 0, 0), False),
        ((-60, 0, 15, 120, 119), False),
        ((-60, 0, 15, 120, 49 * 60), False),
    ],
)
def test_instants_follow_each_other(minutes: tuple[float, ...], in_order: bool) -> None:
    assert Instants(*map(at, minutes)).in_order is in_order


def test_an_event_spans_its_sessions() -> None:
    sessions = [fill_instants(starts_at=at(start), ends_at=at(start + 60)) for start in (300, 0, 60)]

    assert event_span(sessions) == (at(0), at(360))


def test_drafts_are_published_and_closed_events_stay_closed() -> None:
    assert {old: set(new) for old, new in TRANSITIONS.items()} == {
        "draft": {"published"},
        "published": {"completed", "cancelled"},
        "completed": set(),
        "cancelled": set(),
    }


@pytest.mark.parametrize(
    ("status", "minute", "ongoing"),
    [("published", 0, True), ("published", 60, True), ("published", 61, False), ("published", -1, False), ("draft", 5, False),
     ("cancelled", 5, False)],
)  # fmt: skip
def test_ongoing_is_a_question_of_time(status: str, minute: float, ongoing: bool) -> None:
    assert is_ongoing(status=EventStatus(status), starts_at=at(0), ends_at=at(60), at=at(minute)) is ongoing


ZONES = [
    "Asia/Manila",
    "America/New_York",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Etc/GMT+12",
    "Etc/GMT-14",
    "Europe/Berlin",
]


@given(
    wall=st.datetimes(datetime(2024, 1, 1), datetime(2030, 12, 31)),
    zone=st.sampled_from(ZONES),
    minutes=st.integers(1, 600),
)
def test_wall_time_of_any_zone_makes_sessions_in_order(wall: datetime, zone: str, minutes: int) -> None:
    starts_at = to_instant(wall, ZoneInfo(zone))
    instants = fill_instants(starts_at=starts_at, ends_at=starts_at + timedelta(minutes=minutes))

    assert starts_at.tzinfo is UTC
    assert instants.in_order
    local = starts_at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    skipped = abs(local - wall)
    assert skipped <= timedelta(hours=1)  # only an hour that the zone skips is moved
    assert to_instant(local.replace(tzinfo=None), ZoneInfo(zone)) <= starts_at + timedelta(hours=1)


@pytest.mark.parametrize(
    ("wall", "utc"),
    [
        ("2026-03-08T02:30:00", "2026-03-08T07:30:00+00:00"),  # New York skips this hour
        ("2026-11-01T01:30:00", "2026-11-01T05:30:00+00:00"),  # and has this one twice: the first counts
    ],
)
def test_hours_that_a_zone_skips_or_repeats(wall: str, utc: str) -> None:
    instant = to_instant(datetime.fromisoformat(wall), ZoneInfo("America/New_York"))

    assert instant.isoformat() == utc
