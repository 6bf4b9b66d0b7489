"""Parked connections of one process, by login, shared by its threads.

Django keeps one connection a thread; a thread that serves forty campuses would open and close one each time. Here a
connection that is not in use is parked under its login and taken by whichever thread serves that campus next.
"""

import contextlib
import os
import select
import threading
import time
from collections import OrderedDict
from typing import Any, Final

from django.conf import settings
from psycopg2.extensions import TRANSACTION_STATUS_IDLE

_RECENT_SECONDS: Final = 1.0


class ConnectionPool:
    """At most ``settings.DB_CONNECTIONS`` parked connections. What nobody has asked for lately goes first, then those
    of which there are two, then the least recently parked."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # By the id of the connection: login, opened and parked at (monotonic seconds), connection; newest last.
        self._parked: OrderedDict[int, tuple[str, float, float, Any]] = OrderedDict()
        self._by_login: dict[str, list[int]] = {}

    def take(self, login: str) -> tuple[Any, float] | None:
        """Return a living connection of ``login`` with the monotonic second it was opened, None when there is none."""
        while True:
            with self._lock:
                keys = self._by_login.get(login)
                if not keys:
                    return None
                _, opened_at, _, raw = self._remove(keys[-1])
            if time.monotonic() - opened_at < settings.DB_MAX_AGE and _is_alive(raw):
                return raw, opened_at
            _close(raw)

    def park(self, login: str, raw: Any, opened_at: float) -> None:
        """Keep ``raw`` for the next thread, unless it is broken, in a transaction or too old."""
        fit = (
            not raw.closed
            and raw.info.transaction_status == TRANSACTION_STATUS_IDLE
            and time.monotonic() - opened_at < settings.DB_MAX_AGE
        )
        if not fit:
            _close(raw)
            return
        evicted = []
        with self._lock:
            self._parked[id(raw)] = (login, opened_at, time.monotonic(), raw)
            self._by_login.setdefault(login, []).append(id(raw))
            while len(self._parked) > settings.DB_CONNECTIONS:
                evicted.append(self._remove(self._least_needed())[-1])
        for old in evicted:
            _close(old)

    def close_login(self, login: str) -> None:
        """Close what is parked under ``login``: its rights or password have changed."""
        with self._lock:
            old = [self._remove(key)[-1] for key in list(self._by_login.get(login, ()))]
        for raw in old:
            _close(raw)

    def close_all(self) -> None:
        """Close every parked connection."""
        with self._lock:
            old = [raw for *_, raw in self._parked.values()]
            self._parked.clear()
            self._by_login.clear()
        for raw in old:
            _close(raw)

    def count(self) -> int:
        """Return how many connections are parked."""
        return len(self._parked)

    def _least_needed(self) -> int:
        """Return the oldest if it has not been used for a second, else the oldest of those whose login has another one
        parked, else the oldest.

        A busy campus would otherwise lose its second connection to quiet ones, and open one for every request; and
        campuses that are served in turn their only one to the second of another.
        """
        oldest, (_, _, parked_at, _) = next(iter(self._parked.items()))
        if time.monotonic() - parked_at > _RECENT_SECONDS:
            return oldest
        spare = (key for key, (login, *_) in self._parked.items() if len(self._by_login[login]) > 1)
        return next(spare, oldest)

    def _remove(self, key: int) -> tuple[str, float, float, Any]:
        entry = self._parked.pop(key)
        keys = self._by_login[entry[0]]
        keys.remove(key)
        if not keys:
            del self._by_login[entry[0]]
        return entry


def _is_alive(raw: Any) -> bool:
    """Return whether the server still holds the other end.

    An idle connection has nothing to say; when its socket is readable the server has closed it. That costs no round
    trip, unlike ``SELECT 1``.
    """
    if raw.closed:
        return False
    poller = select.poll()
    poller.register(raw.fileno(), select.POLLIN | select.POLLHUP | select.POLLERR)
    return not poller.poll(0)


def _close(raw: Any) -> None:
    with contextlib.suppress(Exception):  # it is being thrown away, and the server may be gone already
        raw.close()


pool = ConnectionPool()
_inherited: list[Any] = []


def _forget_after_fork() -> None:
    """A forked child shares its parent's sockets: it must neither use nor close them, so it only keeps them alive."""
    _inherited.extend(pool._parked.values())
    pool.__init__()  # type: ignore[misc]


os.register_at_fork(after_in_child=_forget_after_fork)
