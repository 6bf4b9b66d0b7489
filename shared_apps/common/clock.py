"""The clock is read at the door (view, task, command), once, and passed in."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

# Instants outside are refused at the door: they overflow when moved to a zone, and no event is that far away.
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)
# A clock that lost its battery says 1970 or 1980, one that overflowed 2106: what it says can be kept, and corrected.
EARLIEST_OF_DEVICES = datetime(1900, 1, 1, tzinfo=UTC)
LATEST_OF_DEVICES = datetime(2200, 1, 1, tzinfo=UTC)


def now() -> datetime:
    """Return the current instant, aware, in UTC."""
    return datetime.now(UTC)


def to_instant(moment: datetime, zone: ZoneInfo) -> datetime:
    """Return ``moment`` as an instant in UTC; a naive one is wall time in ``zone``.

    An hour that the zone skips is moved forward by the gap, one that it repeats is the first (PEP 495, fold=0).
    """
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
