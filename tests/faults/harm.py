"""What is done to a server and its database while doors scan, and the doors that keep scanning."""

import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg2
from django.db import connection

from tests.live import LiveServer


def scan_through(server: LiveServer, *, door: Callable[[int], None], doors: int, harm: Callable[[], None]) -> None:
    """Run ``door(number)`` in that many threads; do ``harm``, and start what it ended, until all are done."""
    threads = [threading.Thread(target=door, args=(number,), daemon=True) for number in range(doors)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        harm()
        # Here and not in a thread: the kernel ends a child with the thread that started it.
        server.supervisor.revive()
        time.sleep(0.1)


@dataclass
class Killer:
    """Kills a process of ``server``, as harm: workers, and after every second one the server itself, twice."""

    server: LiveServer
    killed: dict[str, int] = field(default_factory=lambda: {"server": 0, "worker": 0})
    struck_at: float = 0.0

    def __call__(self) -> None:
        running = self.server.processes()
        if len(running) < 3 or time.monotonic() - self.struck_at < 1 or self.killed["server"] == 2:
            return  # it recovers, or has suffered enough: each death is followed by a longer pause
        victim = "server" if self.killed["worker"] >= 2 * (self.killed["server"] + 1) else "worker"
        os.kill(random.choice(running[1:]) if victim == "worker" else running[0], signal.SIGKILL)
        self.killed[victim] += 1
        self.struck_at = time.monotonic()


class Cutter:
    """Cuts every connection of some campuses' logins, as harm."""

    def __init__(self, cursor: psycopg2.extensions.cursor, campuses: str) -> None:
        self.cursor, self.campuses, self.cuts = cursor, campuses, 0

    def __call__(self) -> None:
        self.cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND usename SIMILAR TO %s",
            [connection.settings_dict["NAME"], f"%c\\_({self.campuses})"],
        )
        self.cuts += self.cursor.rowcount


@contextmanager
def cutting(campuses: str) -> Iterator[Cutter]:
    """Act as the embedded server's superuser on the logins of ``campuses`` (codes in lower case, joined by ``|``)."""
    superuser = psycopg2.connect(os.environ["EAS_TEST_SUPERUSER_URL"])
    superuser.autocommit = True
    try:
        with superuser.cursor() as cursor:
            yield Cutter(cursor, campuses)
    finally:
        superuser.close()
