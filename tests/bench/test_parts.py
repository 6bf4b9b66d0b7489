"""Requests of a round: each is sent once, and what there was no time for is sent in the next round."""

import itertools
import os
from collections import Counter
from collections.abc import Sequence

import pytest

from bench import load
from bench.parts import Part, Scans
from bench.servers import Server

CAMPUS = {"host": "a.test", "schema": "c_a", "scanner": "t", "organizer": "t", "shared": []}


class Here(Server):
    """A server that is this process, so that there is a process to measure."""

    @property
    def pid(self) -> int:
        return os.getpid()


def test_what_was_not_sent_is_sent_next(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[bytes] = []
    numbers = itertools.count()

    def run(port: int, requests: Sequence[bytes], *, concurrency: int, seconds: float) -> load.Load:
        sent.extend(requests[:4])
        return load.Load(1.0, [0.001] * len(requests[:4]), Counter({201: 4}))

    monkeypatch.setattr(load, "run", run)
    made: list[bytes] = []

    def make() -> list[bytes]:
        made.extend(str(next(numbers)).encode() for _ in range(10))
        return made[-10:]

    part = Part(
        name="it", what="", server=Here("it", 0, None), make=make, expected=frozenset({201}), keep_all=True  # type: ignore[arg-type]
    )  # fmt: skip
    for _ in range(6):
        part.run(seconds=1, postgres_pid=os.getpid())

    assert part.all_sent == sent == made[:24]
    assert len(made) <= 24 + 2 * 10


def test_an_unexpected_answer_ends_the_bench(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "run", lambda *_, **__: load.Load(1.0, [0.001] * 2, Counter({201: 1, 403: 1})))
    part = Part(
        name="it", what="", server=Here("it", 0, None), make=lambda: [b"", b""], expected=frozenset({201})  # type: ignore[arg-type]
    )  # fmt: skip

    with pytest.raises(SystemExit, match=r"expected \[201\], got \{201: 1, 403: 1\}"):
        part.run(seconds=1, postgres_pid=os.getpid())


def test_nobody_is_scanned_twice_at_an_event() -> None:
    scans = Scans([{**CAMPUS, "events": ["e1", "e2"], "passes": ["p1", "p2", "p3"]}])
    alone = scans.only(0)

    handed_out = [
        *scans.first(campuses=1, count=2),
        *alone.first(campuses=1, count=2),
        *scans.first(campuses=1, count=2),
    ]

    pairs = {request.split(b'"scan_id"')[0].partition(b"\r\n\r\n")[2] for request in handed_out}
    assert (len(handed_out), len(pairs)) == (6, 6)
    with pytest.raises(SystemExit, match="not enough"):
        scans.first(campuses=1, count=1)
