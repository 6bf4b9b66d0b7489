"""How far a stream has been told.

Transactions become visible in another order than they began, and rows carry no time of commit. What says it exactly is
the number of the transaction that wrote a row (``xmin``). A cursor holds a horizon, below which every transaction has
ended, and the few at or above it whose rows were told already. PostgreSQL's snapshots would say that in less, but they
leave out savepoints, which have numbers of their own.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self
from uuid import UUID

from shared_apps.accounts.roles import Role

KEPT: Final = 3600
"""Seconds for which a cursor can be resumed from; after that a client begins with a snapshot again."""
OVERLAP: Final = 120
"""Seconds that may pass between the time written into a row and its commit: how far back is looked each time."""
_MOST_SEEN: Final = 400
_TEXT: Final = re.compile(r"(\d{1,18})-(\d{1,10})-(\d{1,9}(?:\.\d{1,9})*)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Cursor:
    """``at``: the second, of the database's clock, in which this was so. ``seen``: those at or above ``horizon``."""

    horizon: int
    seen: frozenset[int]
    at: int

    def covers(self, transaction: int) -> bool:
        """Return whether what that transaction wrote was told."""
        return transaction < self.horizon or transaction in self.seen

    @classmethod
    def behind(cls, cursors: Iterable[Self]) -> Self:
        """Return one that covers no more than each of ``cursors`` does."""
        each = list(cursors)
        return cls(
            horizon=min(cursor.horizon for cursor in each),
            seen=frozenset.intersection(*(cursor.seen for cursor in each)),
            at=min(cursor.at for cursor in each),
        )

    def advance(self, *, horizon: int, transactions: Iterable[int], at: int) -> Self:
        """Return the cursor after looking again: ``transactions`` are those found that this one did not cover."""
        seen = frozenset(number for number in {*self.seen, *transactions} if number >= horizon)
        return type(self)(horizon=horizon, seen=seen, at=at)

    def __str__(self) -> str:
        """Return it as an id of a message; empty where it would be too long: the client then keeps the one before, and
        is told some things twice rather than one never.
        """
        if len(self.seen) > _MOST_SEEN:
            return ""
        return f"{self.horizon}-{self.at}-{'.'.join(str(number - self.horizon) for number in sorted(self.seen))}"


def read_cursor(text: str, *, at: int) -> Cursor | None:
    """Return what a client sent as ``Last-Event-ID``, None where it is unreadable, too old, or of a time to come."""
    found = _TEXT.fullmatch(text) if len(text) < 8192 else None
    if found is None:
        return None
    horizon, second = int(found[1]), int(found[2])
    if not at - KEPT <= second <= at + OVERLAP:
        return None
    return Cursor(horizon, frozenset(horizon + int(part) for part in (found[3] or "").split(".") if part), second)


@dataclass(frozen=True, slots=True)
class Topic:
    """What a stream is about: one event, or one person."""

    event_id: UUID | None = None
    user_id: UUID | None = None
    person_id: UUID | None = None


def may_follow(*, role: str, user_id: UUID, organizer_id: UUID | None) -> bool:
    """Return whether somebody may go on following an event that ``organizer_id`` runs now."""
    return role == Role.CAMPUS_ADMIN or organizer_id == user_id
