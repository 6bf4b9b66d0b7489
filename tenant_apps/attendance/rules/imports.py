"""Files of scans, and what becomes of each row: decided from values alone."""

import hashlib
import re
from datetime import datetime
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import models

from shared_apps.common.clock import EARLIEST, LATEST, to_instant

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
