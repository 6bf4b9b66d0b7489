"""Files of scans, and what becomes of each row: decided from values alone."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import models

from shared_apps.common.clock import EARLIEST, LATEST, to_instant
from shared_apps.common.text import PRINTABLE, is_printable
from shared_apps.federation.passes import LONGEST
from tenant_apps.attendance.rules.scans import MOST_FUTURE, Direction, Method
from tenant_apps.events.rules.registrations import is_guest_pass

PERSON_COLUMNS: Final = ("student_id", "pass", "user_id")
LONGEST_STUDENT_ID: Final = 20
LONGEST_REASON: Final = 500
_ID: Final = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}", re.ASCII | re.IGNORECASE)

_MOMENT: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d)(:\d\d)?(?:\.(\d{1,6})\d*)? ?(Z|[+-]\d\d(?::?\d\d)?)?", re.ASCII | re.IGNORECASE
)


class ImportState(models.TextChoices):
    """How far a file is."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class RowOutcome(models.TextChoices):
    """What became of one of many: what a scan comes to, or that there was no scan."""

    RECORDED = "recorded"
    DUPLICATE = "duplicate"
    REFUSED = "refused"
    FAILED = "failed"


class RowProblem(Exception):
    """Why one row cannot be used; the others go on."""

    def __init__(self, code: str, detail: str, attr: str | None = None) -> None:
        self.code, self.detail, self.attr = code, detail, attr
        super().__init__(detail)


@dataclass(frozen=True, slots=True)
class FileRow:
    """What one row of a file says. ``session``: a name or an id, empty where the one open then is meant."""

    method: Method
    value: str
    scanned_at: datetime
    direction: Direction
    session: str
    scan_id: UUID | None
    reason: str


def read_row(values: Mapping[str, str], *, zone: ZoneInfo, sent_at: datetime) -> FileRow:
    """Return what a row says. ``sent_at`` is when the file came: nothing in it is later.

    Raises: RowProblem, naming the column.
    """
    for name, text in values.items():
        if not is_printable(text):
            raise RowProblem(PRINTABLE.code, str(PRINTABLE.message), name)
    method, value = _read_person(values)
    moment = read_moment(values.get("scanned_at", ""), zone)
    if moment is None:
        raise RowProblem("invalid", "Write the time as 2026-01-31 08:05, or in ISO 8601.", "scanned_at")
    if moment > sent_at + MOST_FUTURE:
        raise RowProblem("in_the_future", "This time had not come yet when the file was sent.", "scanned_at")
    direction = values.get("direction", "").lower() or Direction.IN.value
    if direction not in Direction.values:
        raise RowProblem("invalid_choice", "Say in or out.", "direction")
    reason = values.get("reason", "")
    if len(reason) > LONGEST_REASON:
        raise RowProblem("max_length", f"A reason has at most {LONGEST_REASON} characters.", "reason")
    scan_id = values.get("scan_id", "")
    if scan_id and read_id(scan_id) is None:
        raise RowProblem("invalid", "This is not a UUID.", "scan_id")
    return FileRow(
        method, value, moment, Direction(direction), values.get("session", ""), read_id(scan_id), reason
    )  # fmt: skip


def _read_person(values: Mapping[str, str]) -> tuple[Method, str]:
    """Return how the person is named, by exactly one of the columns."""
    named = [name for name in PERSON_COLUMNS if values.get(name)]
    if len(named) != 1:
        raise RowProblem("identify_person", "Name the person by exactly one of student_id, pass and user_id.")
    name, text = named[0], values[named[0]]
    if name == "pass":
        if len(text) > LONGEST:
            raise RowProblem("max_length", "This is too long for a pass.", name)
        return (Method.GUEST if is_guest_pass(text) else Method.PASS), text
    if name == "user_id":
        user_id = read_id(text)
        if user_id is None:
            raise RowProblem("invalid", "This is not a UUID.", name)
        return Method.USER, str(user_id)
    if len(text) > LONGEST_STUDENT_ID:
        raise RowProblem("max_length", f"A student id has at most {LONGEST_STUDENT_ID} characters.", name)
    return Method.STUDENT_ID, text


def read_id(text: str) -> UUID | None:
    """Return the id that a cell says; None where it says none."""
    return UUID(text) if _ID.fullmatch(text) else None


def choose_named_session(said: str, sessions: Sequence[tuple[UUID, str]]) -> UUID | None:
    """Return the session that a cell means, None where it says nothing. ``sessions``: id and name of each.

    Raises: RowProblem where no session, or more than one, has that name. An id is taken as it is.
    """
    if not said:
        return None
    id_ = read_id(said)
    if id_ is not None:
        return id_
    found = [key for key, name in sessions if name.strip().casefold() == said.casefold()]
    if not found:
        raise RowProblem("unknown_session", "The event has no session of this name.", "session")
    if len(found) > 1:
        raise RowProblem("session_ambiguous", "Several sessions have this name: write the session's id.", "session")
    return found[0]


def derive_scan_id(*parts: object) -> UUID:
    """Return the id of a scan that was sent without one. The same parts make the same id, so that what is done again
    finds what was done before.
    """
    value = int.from_bytes(hashlib.sha256("\x1f".join(str(part) for part in parts).encode()).digest()[:16])
    value = value & ~(0xF << 76) | 0x8 << 76  # version 8: made by a rule of one's own
    value = value & ~(0x3 << 62) | 0x2 << 62  # variant of RFC 9562
    return UUID(int=value)


def read_moment(text: str, zone: ZoneInfo) -> datetime | None:
    """Return the instant that a cell says: ISO 8601 with date and time; without an offset it is wall time in ``zone``.

    None where it says none, or one outside of the years 2000 to 2100.
    """
    found = _MOMENT.fullmatch(text.strip())
    if found is None:
        return None
    day, minute, second, fraction, offset = found.groups()
    offset = (offset or "").upper()
    try:
        moment = to_instant(
            datetime.fromisoformat(f"{day}T{minute}{second or ':00'}.{(fraction or '0').ljust(6, '0')}{offset}"), zone
        )
    except (ValueError, OverflowError):
        return None
    return moment if EARLIEST <= moment < LATEST else None
