"""What is measured. A part runs one short round at a time, so that rounds of all parts alternate."""

import itertools
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from bench import load
from bench.machine import Meter, Usage
from bench.servers import Server, Stage

# Of the organizer of a campus where signing in is measured.
PASSWORD = "measured-not-secret-7"
MARK = "/api/v1/events/attendance/mark_attendance/"


@dataclass(slots=True, kw_only=True)
class Round:
    """One round of one part. ``per_request``: scans in one request; ``expected``: the statuses that are right."""

    load: load.Load
    usage: Usage
    per_request: int = 1

    @property
    def rate(self) -> float:
        """Scans (or requests) a second."""
        return self.load.rate * self.per_request


@dataclass(slots=True, kw_only=True)
class Part:
    """Something to measure. ``make`` returns the requests of one round, none of which was sent before."""

    name: str
    what: str
    server: Server
    make: Callable[[], list[bytes]]
    expected: frozenset[int]
    concurrency: int = 8
    per_request: int = 1
    rounds: list[Round] = field(default_factory=list)
    # What the last round sent and got an answer to.
    sent: list[bytes] = field(default_factory=list)
    # What the last round made and had no time to send; the next one begins with it.
    unsent: list[bytes] = field(default_factory=list)
    # What all rounds sent, where it is compared with the tables afterwards.
    keep_all: bool = False
    all_sent: list[bytes] = field(default_factory=list)
    _enough: int = 1

    def run(self, *, seconds: float, postgres_pid: int) -> Round:
        """Run one round, and keep it. Raises: SystemExit when an answer was not the expected one."""
        requests = self.unsent
        if len(requests) < self._enough:
            requests = [*requests, *self.make()]
            self._enough = len(requests) if self._enough == 1 else self._enough
        meter = Meter({"app": [self.server.pid], "postgres": [postgres_pid], "load": [os.getpid()]})
        meter.begin()
        result = load.run(self.server.port, requests, concurrency=self.concurrency, seconds=seconds)
        done = Round(load=result, usage=meter.end(), per_request=self.per_request)
        wrong = {status: count for status, count in result.statuses.items() if status not in self.expected}
        if wrong or not result.latencies:
            raise SystemExit(f"{self.name}: expected {sorted(self.expected)}, got {dict(result.statuses)}")
        self.sent, self.unsent = requests[: len(result.latencies)], requests[len(result.latencies) :]
        if self.keep_all:
            self.all_sent += self.sent
        self.rounds.append(done)
        return done


class Scans:
    """Requests that scan passes at EAS. Each (event, pass) is handed out once."""

    def __init__(self, campuses: list[dict[str, Any]]) -> None:
        self.campuses: list[dict[str, Any]] = []
        self.fresh: list[Iterator[tuple[Any, str]]] = []
        self.extend(campuses)
        self.visitors = _pairs(
            self.campuses[0]["shared"], [text for home in self.campuses[1:4] for text in home["passes"]]
        )

    def extend(self, campuses: list[dict[str, Any]]) -> None:
        """Know more campuses."""
        self.campuses += campuses
        self.fresh += [_pairs(campus["events"], campus["passes"]) for campus in campuses]

    def only(self, number: int) -> "Scans":
        """Return requests to one of the campuses alone; what they hand out is handed out here no more."""
        alone = Scans([self.campuses[number]])
        alone.fresh = [self.fresh[number]]
        return alone

    def first(self, *, campuses: int, count: int) -> list[bytes]:
        """Return first scans, the campuses in turn."""
        each = -(-count // campuses)
        by_campus = [
            [self._scan(campus, *pair) for pair in itertools.islice(fresh, each)]
            for campus, fresh in zip(self.campuses[:campuses], self.fresh, strict=False)
        ]
        requests = [request for turn in itertools.zip_longest(*by_campus) for request in turn if request]
        if len(requests) < count * 0.9:
            raise SystemExit("There are not enough events and students for so many first scans.")
        return requests

    def again(self, first: "Part", count: int) -> list[bytes]:
        """Return scans whose people were all recorded by ``first``, each with an id of its own."""
        campus = self.campuses[0]
        pairs = (json.loads(request.partition(b"\r\n\r\n")[2]) for request in itertools.cycle(first.sent))
        return [self._scan(campus, each["event_id"], each["pass"]) for each in itertools.islice(pairs, count)]

    def refused(self, count: int) -> list[bytes]:
        """Return scans of passes whose signature is not genuine."""
        campus = self.campuses[0]
        forged = [text[:-4] + ("AAAA" if text[-4:] != "AAAA" else "BBBB") for text in campus["passes"][:200]]
        return [
            self._scan(campus, campus["events"][0], text) for text in itertools.islice(itertools.cycle(forged), count)
        ]

    def visiting(self, count: int) -> list[bytes]:
        """Return first scans of people of other campuses."""
        campus = self.campuses[0]
        return [self._scan(campus, *pair) for pair in itertools.islice(self.visitors, count)]

    def batches(self, count: int, size: int) -> list[bytes]:
        """Return batches of first scans."""
        campus, requests = self.campuses[0], []
        for _ in range(count):
            scans = [
                {"event_id": event, "pass": text, "scan_id": str(uuid4())}
                for event, text in itertools.islice(self.fresh[0], size)
            ]
            if len(scans) < size:
                break
            requests.append(self._post(campus, "/api/v1/events/attendance/batch/", {"scans": scans}))
        return requests

    def lists(self, count: int) -> list[bytes]:
        """Return requests for the first page of events."""
        return [self._get("/api/v1/events/events/")] * count

    def reports(self, count: int) -> list[bytes]:
        """Return requests for who came: the first page of an event's attendance, each time of another event."""
        events = self.campuses[0]["events"]
        pages = [self._get(f"/api/v1/events/attendance/?event={event}") for event in events]
        return list(itertools.islice(itertools.cycle(pages), count))

    def newest(self, count: int) -> list[bytes]:
        """Return requests for who came lately, to any of the events: the first page of all attendance."""
        return [self._get("/api/v1/events/attendance/")] * count

    def logins(self, count: int) -> list[bytes]:
        """Return sign-ins of the organizer, by the right password."""
        campus = self.campuses[0]
        body = json.dumps({"username": "organizer", "password": PASSWORD}).encode()
        return [load.render("POST", "/api/v1/auth/login/", host=campus["host"], body=body)] * count

    def _get(self, path: str) -> bytes:
        campus = self.campuses[0]
        return load.render("GET", path, host=campus["host"], token=campus["organizer"])

    def _scan(self, campus: dict[str, Any], event: str, text: str) -> bytes:
        return self._post(campus, MARK, {"event_id": event, "pass": text, "scan_id": str(uuid4())})

    def _post(self, campus: dict[str, Any], path: str, body: dict[str, Any]) -> bytes:
        return load.render("POST", path, host=campus["host"], token=campus["scanner"], body=json.dumps(body).encode())


def ceiling_requests(passes: list[str], count: int) -> list[bytes]:
    """Return scans for the bare view: each (event, person) once."""
    pairs = _pairs((str(uuid4()) for _ in itertools.count()), passes)
    return [
        load.render("POST", "/mark/", host="ceiling.test", body=json.dumps({"event_id": event, "pass": text}).encode())
        for event, text in itertools.islice(pairs, count)
    ]


def ordinary_requests(world: dict[str, Any], pairs: Iterator[tuple[int, str]], count: int) -> list[bytes]:
    """Return scans for the ordinary system."""
    return [
        load.render(
            "POST", "/api/v1/events/attendance/mark_attendance/", host=world["host"], token=world["token"],
            body=json.dumps({"event_id": event, "student_id": student}).encode(),
        )
        for event, student in itertools.islice(pairs, count)
    ]  # fmt: skip


def ordinary_pairs(world: dict[str, Any], students: int) -> Iterator[tuple[int, str]]:
    """Return every (event, student) of the ordinary system once."""
    return _pairs(world["events"], [f"2026-{number:05}" for number in range(students)])


FLOOR_TABLE = """
    CREATE TABLE attendance (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, event_id uuid NOT NULL, person_id uuid NOT NULL,
        marked_at timestamptz NOT NULL, UNIQUE (event_id, person_id))
"""
_FLOOR = """
INSERT INTO attendance (event_id, person_id, marked_at)
VALUES (gen_random_uuid(), gen_random_uuid(), now()) ON CONFLICT (event_id, person_id) DO NOTHING RETURNING id;
"""


def floor(stage: Stage, *, seconds: int, clients: int = 8, protocol: str = "simple") -> float:
    """Return how many single rows a second pgbench inserts, by the protocol that psycopg2 speaks."""
    script = stage.folder / "floor.sql"
    script.write_text(_FLOOR)
    script.chmod(0o644)
    done = subprocess.run(
        [
            stage.postgres.binaries / "pgbench", "-n", "-M", protocol, "-c", str(clients), "-j", "2",
            "-T", str(seconds), "-f", script, stage.environment("ceiling", "")["DATABASE_URL"],
        ],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return float(next(line.split()[2] for line in done.stdout.splitlines() if line.startswith("tps")))


def _pairs(events: Any, people: list[str]) -> Iterator[tuple[Any, str]]:
    return ((event, person) for event in events for person in people)
