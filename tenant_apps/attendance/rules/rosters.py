"""Walking through a roster: decided from values alone."""

import base64
import binascii
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Self
from uuid import UUID

OVERLAP: Final = timedelta(minutes=5)
"""How far ``as_of`` lies back: a change carries the time at which it began, and is seen when it commits. No transaction
of a campus that changes people or places lasts that long, so whoever asks from ``as_of`` on misses none.
"""
MOST_PEOPLE: Final = 500


@dataclass(frozen=True, slots=True)
class Walk:
    """Where a reader of the roster is. ``since`` None: all of it; ``after``: the last person who was read.

    What was decided at the first page holds for all of them, so that the pages of one walk fit together.
    """

    as_of: datetime
    since: datetime | None = None
    after: UUID | None = None

    @classmethod
    def begin(cls, *, at: datetime, modified_since: datetime | None, event_changed_at: datetime) -> Self:
        """Return the start of a walk: through all of the roster where the event, and so its audience, changed since."""
        is_delta = modified_since is not None and event_changed_at < modified_since
        return cls(as_of=at - OVERLAP, since=modified_since if is_delta else None)

    def encode(self) -> str:
        """Return the text of a cursor."""
        parts = [self.as_of.isoformat(), self.since.isoformat() if self.since else "", str(self.after or "")]
        return base64.urlsafe_b64encode("|".join(parts).encode()).decode()

    @classmethod
    def decode(cls, text: str) -> Self | None:
        """Return what a cursor says, None for one that somebody made up."""
        try:
            as_of, since, after = base64.urlsafe_b64decode(text.encode()).decode().split("|")
            walk = cls(
                datetime.fromisoformat(as_of).astimezone(UTC),
                datetime.fromisoformat(since).astimezone(UTC) if since else None,
                UUID(after) if after else None,
            )
        except (ValueError, OverflowError, binascii.Error):
            return None
        return walk
