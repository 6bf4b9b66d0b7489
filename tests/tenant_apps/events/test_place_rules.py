"""What decides about places, as tables."""

from datetime import UTC, datetime, timedelta

import pytest

from tenant_apps.events.rules.audience import is_in_audience
from tenant_apps.events.rules.registrations import (
    are_instants_sensible,
    has_free_place,
    has_place_already,
    is_guest_pass,
    is_open,
    write_guest_pass,
)

AT = datetime(2026, 3, 2, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("status", "opens", "closes", "ends", "expected"),
    [
        ("published", None, None, 1, True),
        ("published", 0, None, 1, True),
        ("published", 1, None, 2, False),
        ("published", None, 0, 1, False),
        ("published", None, 1, 2, True),
        ("published", None, None, 0, False),
        ("published", None, 5, 0, False),  # the event was moved to an earlier day
        ("draft", None, None, 1, False),
        ("completed", None, None, 1, False),
        ("cancelled", None, None, 1, False),
    ],
)
def test_when_one_may_register(status, opens, closes, ends, expected) -> None:
    hours = [None if number is None else AT + number * HOUR for number in (opens, closes, ends)]

    assert is_open(status=status, opens_at=hours[0], closes_at=hours[1], ends_at=hours[2], at=AT) is expected


@pytest.mark.parametrize(
    ("opens", "closes", "releases", "expected"),
    [
        (None, None, None, True),
        (-5, -1, None, True),
        (-5, 2, 0, True),
        (-1, -1, None, False),
        (-1, -5, None, False),
        (2, None, None, False),
        (None, 3, None, False),
        (None, None, -1, False),
        (None, None, 2, False),
        (None, None, 1, True),
    ],
)
def test_instants_that_make_sense_at_an_event_of_two_hours(opens, closes, releases, expected) -> None:
    hours = [None if number is None else AT + number * HOUR for number in (opens, closes, releases)]

    assert are_instants_sensible(
        opens_at=hours[0], closes_at=hours[1], releases_at=hours[2], starts_at=AT, ends_at=AT + 2 * HOUR
    ) is expected  # fmt: skip


@pytest.mark.parametrize(
    ("capacity", "taken", "expected"), [(None, 9, True), (1, 0, True), (1, 1, False), (1, 2, False)]
)
def test_free_places(capacity, taken, expected) -> None:
    assert has_free_place(capacity=capacity, taken=taken) is expected


@pytest.mark.parametrize(
    ("state", "in_modes"),
    [
        ("registered", {"open", "required", "approval", "none"}),
        ("waiting", {"open", "required", "approval", "none"}),
        ("requested", {"approval"}),
        ("withdrawn", set()),
        ("declined", set()),
        ("released", set()),
    ],
)
def test_when_asking_again_changes_nothing(state, in_modes) -> None:
    modes = ("none", "open", "required", "approval")

    assert {mode for mode in modes if has_place_already(mode=mode, state=state)} == in_modes


ANA = {"department": "CITE", "program": "BSIT", "year_level": 2, "section": "A"}


@pytest.mark.parametrize(
    ("audience", "expected"),
    [
        ([], True),
        ([{"department": "cite"}], True),
        ([{"department": "CITE", "year_level": 2}], True),
        ([{"department": "CITE", "year_level": 3}], False),
        ([{"department": "CIT"}], False),
        ([{"section": "B"}, {"program": "bsit", "section": "a"}], True),
        ([{"section": "B"}, {"program": "BSCS"}], False),
    ],
)
def test_whom_an_audience_describes(audience, expected) -> None:
    assert is_in_audience(audience, ANA) is expected


def test_case_is_folded_in_every_alphabet_and_nobody_is_described_by_what_is_not_known() -> None:
    assert is_in_audience([{"section": "ñ"}], {"section": "Ñ"})
    assert not is_in_audience([{"year_level": 1}], {"year_level": None, "section": ""})


@pytest.mark.parametrize("secret", [b"\x00" * 16, b"\xff" * 16, bytes(range(16))])
def test_a_guest_s_pass_is_known_by_its_form(secret) -> None:
    text = write_guest_pass(secret)

    assert len(text) == 28
    assert is_guest_pass(text)


@pytest.mark.parametrize(
    "text", ["", "EASG1.", "A" * 22, "EASG1." + "A" * 21, "EASG1." + "A" * 23, "EASG1." + "A" * 21 + "B",
             "EASG1." + "A" * 21 + "=", "EASG1." + "Á" * 22, "easg1." + "A" * 22, " EASG1." + "A" * 22],
)  # fmt: skip
def test_other_texts_are_none(text) -> None:
    assert not is_guest_pass(text)
