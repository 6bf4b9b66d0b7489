"""The machine: what it is, who else uses it, and what our own processes take from it."""

import os
import platform
import statistics
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil

# A run during which others used more than this many cores says nothing about us.
NOISY = 0.3


def describe() -> str:
    """Return one line that says what the figures were measured on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "processor")
    memory = psutil.virtual_memory().total / 2**30
    system = f"{platform.system()} {platform.release()}, Python {platform.python_version()}"
    return f"{os.cpu_count()} × {model}, {memory:.0f} GiB, {system}"


@dataclass(slots=True)
class Usage:
    """Processor seconds by group of processes, and by everybody who is none of ours."""

    seconds: float
    ours: dict[str, float]
    others: float

    @property
    def noise(self) -> float:
        """How many cores others used on average."""
        return self.others / self.seconds if self.seconds else 0.0


class Meter:
    """Measures the processor time of groups of process trees between ``begin`` and ``end``."""

    def __init__(self, groups: dict[str, Iterable[int]]) -> None:
        self.groups = {name: list(pids) for name, pids in groups.items()}

    def begin(self) -> None:
        """Start measuring."""
        self._at, self._busy, self._ours = time.monotonic(), _busy(), self._measure()

    def end(self) -> Usage:
        """Return what was used since ``begin``."""
        seconds = time.monotonic() - self._at
        now = self._measure()
        ours = {name: max(now[name] - self._ours[name], 0.0) for name in now}
        return Usage(seconds, ours, max(_busy() - self._busy - sum(ours.values()), 0.0))

    def _measure(self) -> dict[str, float]:
        return {name: sum(map(_tree_time, pids)) for name, pids in self.groups.items()}


@dataclass(slots=True)
class Backends:
    """PostgreSQL's server processes under some logins. ``mib``: private memory of one, the median and the largest."""

    count: int
    mib: float
    largest_mib: float


def measure_backends(pids: Iterable[int]) -> Backends:
    """Return how many there still are, and what they hold."""
    found = []
    for pid in pids:
        try:
            found.append(memory_of(pid))
        except psutil.NoSuchProcess:
            continue
    return Backends(len(found), statistics.median(found or [0.0]), max(found, default=0.0))


def memory_of(pid: int) -> float:
    """Return the private memory of one process in MiB."""
    return psutil.Process(pid).memory_full_info().uss / 2**20


def workers_of(pid: int) -> list[int]:
    """Return the worker processes under a server's master."""
    return [
        child.pid for child in psutil.Process(pid).children() if "resource_tracker" not in " ".join(child.cmdline())
    ]


def _busy() -> float:
    times = psutil.cpu_times()
    return sum(times) - times.idle - getattr(times, "iowait", 0.0) - getattr(times, "guest", 0.0)


def _tree_time(pid: int) -> float:
    total = 0.0
    try:
        root = psutil.Process(pid)
        for process in [root, *root.children(recursive=True)]:
            try:
                times = process.cpu_times()
                # With what its ended children took: connections and workers come and go.
                total += times.user + times.system + times.children_user + times.children_system
            except psutil.NoSuchProcess:
                continue
    except psutil.NoSuchProcess:
        return 0.0
    return total
