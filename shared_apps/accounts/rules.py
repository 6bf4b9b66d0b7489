"""Decisions about accounts from values alone."""

import unicodedata
from datetime import datetime, timedelta
from typing import Final

FREE_TRIES: Final = 5
FREE_TRIES_ANYWHERE: Final = 100
FORGET_FAILURES_AFTER: Final = timedelta(minutes=15)
LONGEST_WAIT: Final = timedelta(seconds=60)
LONGEST_WAIT_ANYWHERE: Final = timedelta(seconds=5)
ACTING_TIME: Final = timedelta(minutes=15)
# How long a sign-in to the admin's pages lasts, and how long it may lie unused.
PAGES_TIME: Final = timedelta(hours=8)
PAGES_IDLE: Final = timedelta(minutes=30)


def fold_name(name: str) -> str:
    """Return the one spelling under which a sign-in name is kept and looked up.

    Source: UTS #36 compatibility forms; case does not matter in names people type.
    """
    return unicodedata.normalize("NFKC", name).strip().casefold()


def display_name(*, first_name: str | None, last_name: str | None, username: str) -> str:
    """Return how a person is called at a door."""
    return f"{first_name or ''} {last_name or ''}".strip() or username


def sign_in_names(*, username: str, email: str, student_id: str | None) -> set[str]:
    """Return what a person may sign in with."""
    return {fold_name(name) for name in (username, email, student_id) if name}


def wait_after(failures: int, *, anywhere: bool = False) -> timedelta:
    """Return how long the next try must wait after that many failures in a row.

    From one address: five free tries, then 1, 2, 4 … at most 60 seconds: never a lock for good. From anywhere together
    (``anywhere``) a hundred free, then at most 5 seconds: a botnet slows a victim down but cannot shut them out.
    Addresses alone are never counted: a whole campus sits behind one.
    """
    free = FREE_TRIES_ANYWHERE if anywhere else FREE_TRIES
    longest = LONGEST_WAIT_ANYWHERE if anywhere else LONGEST_WAIT
    if failures < free:
        return timedelta(0)
    return min(longest, timedelta(seconds=2 ** min(failures - free, 10)))


def is_forgotten(last_failed_at: datetime, now: datetime) -> bool:
    """Return whether failures that old no longer count."""
    return now - last_failed_at > FORGET_FAILURES_AFTER
