"""The code that a venue shows: made of a key and the time, stored nowhere. Decided from values alone.

It says that somebody saw the projector within the last half minute. A key belongs to one session.
"""

import base64
import binascii
import hmac
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from django.db import models

STEP_SECONDS: Final = 15
DIGITS: Final = 6
PREFIX: Final = "EASV1"
_MAC_BYTES: Final = 16
# The step before counts too: whoever scanned at its end has not sent it yet.
_ACCEPTED_STEPS: Final = 2
# A code of the last five minutes is called expired rather than wrong: a slow network, and no guess.
_REMEMBERED_STEPS: Final = 20

FORGET_WRONG_AFTER: Final = timedelta(hours=1)


class Judgement(StrEnum):
    """What a code is worth."""

    RIGHT = "right"
    EXPIRED = "expired"
    WRONG = "wrong"


class VenueState(models.TextChoices):
    """Whether a session shows codes now."""

    OFF = "off"
    NOT_PUBLISHED = "not_published"
    BEFORE = "before"
    OPEN = "open"
    OVER = "over"


def venue_state(
    *, event_status: str, takes_venue_code: bool, opens_at: datetime, closes_at: datetime, at: datetime
) -> VenueState:
    """Return whether codes are shown: only while presence is taken, so that none can be fetched beforehand."""
    if not takes_venue_code:
        return VenueState.OFF
    if event_status != "published":
        return VenueState.NOT_PUBLISHED if event_status == "draft" else VenueState.OVER
    if at < opens_at:
        return VenueState.BEFORE
    return VenueState.OPEN if at <= closes_at else VenueState.OVER


def step_of(at: datetime) -> int:
    """Return the number of the quarter minute since 1970 that is running."""
    return int(at.timestamp() // STEP_SECONDS)


def begin_of(step: int) -> datetime:
    """Return when a step begins."""
    return datetime.fromtimestamp(step * STEP_SECONDS, UTC)


def digits_of(key: bytes, step: int) -> str:
    """Return the code for typing. Neither it nor the text in the QR code follows from the other."""
    mac = hmac.digest(key, b"digits" + step.to_bytes(8), "sha256")
    return f"{int.from_bytes(mac[:8]) % 10**DIGITS:0{DIGITS}d}"


def text_of(key: bytes, session_id: UUID, step: int) -> str:
    """Return the text of the QR code: ``EASV1.<session id>.<mac>``, both base64url without padding."""
    return f"{PREFIX}.{_encode(session_id.bytes)}.{_encode(_mac(key, step))}"


def read_text(text: str) -> tuple[UUID, bytes] | None:
    """Return session and MAC of a QR code's text, None where it is none of these."""
    parts = text.split(".")
    if len(text) > 80 or len(parts) != 3 or parts[0] != PREFIX:
        return None
    session, mac = _decode(parts[1]), _decode(parts[2])
    if session is None or mac is None or len(session) != 16 or len(mac) != _MAC_BYTES:
        return None
    return UUID(bytes=session), mac


def judge_digits(key: bytes, digits: str, *, at: datetime) -> Judgement:
    """Return what typed digits are worth at that instant."""
    return _judge(at, lambda step: hmac.compare_digest(digits_of(key, step), digits))


def judge_mac(key: bytes, mac: bytes, *, at: datetime) -> Judgement:
    """Return what the MAC of a QR code is worth at that instant."""
    return _judge(at, lambda step: hmac.compare_digest(_mac(key, step), mac))


def waits_after_wrong(*, is_digits: bool) -> list[int]:
    """Return how many seconds the next try waits after 1, 2, 3 … wrong ones; after more, as after the last.

    Digits can be guessed: three are free, then 5, 10, 20 … 300 seconds: a thousand guesses take more than three days,
    and each is right once in 500,000 times. A QR code cannot: ten are free, then at most a minute.
    """
    free, first, longest = (3, 5, 300) if is_digits else (10, 1, 60)
    return [0] * (free - 1) + [min(longest, first * 2**number) for number in range(10)]


def _judge(at: datetime, fits: Callable[[int], bool]) -> Judgement:
    current = step_of(at)
    age = next((age for age in range(_REMEMBERED_STEPS) if fits(current - age)), None)
    if age is None:
        return Judgement.WRONG
    return Judgement.RIGHT if age < _ACCEPTED_STEPS else Judgement.EXPIRED


def _mac(key: bytes, step: int) -> bytes:
    return hmac.digest(key, b"text" + step.to_bytes(8), "sha256")[:_MAC_BYTES]


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decode(text: str) -> bytes | None:
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if _encode(raw) == text else None
