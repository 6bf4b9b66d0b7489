"""How time, memory, connections and catalogue grow: with campuses, students, events and scans, each in turn.

Each step of campuses has a web server of its own, so that its memory is what this step makes it hold. What is "alone"
is always the same campus, so that what changes is all around it; "in turn" means every campus there is.
"""

import json
import shutil
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from bench import rows
from bench.machine import measure_backends, memory_of, workers_of
from bench.parts import Part, Scans
from bench.report import Report
from bench.servers import Server, Stage
from config.local.say import say

# A scan and its share of attendance, indexes and write-ahead log, on the disk while they are made.
_BYTES_PER_SCAN = 2500
# How many of the students and events that are copied take part in the scans that are.
_SCANNED_STUDENTS, _SCANNED_EVENTS = 10_000, 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How far everything grows, and how long each step is measured: ``seconds`` a round."""

    campuses: tuple[int, ...] = (4, 40, 200, 1000)
    students: tuple[int, ...] = (1_000, 10_000, 100_000)
    events: tuple[int, ...] = (60, 1_000, 10_000)
    scans: tuple[int, ...] = (0, 100_000, 1_000_000, 10_000_000)
    rounds: int = 2
    seconds: float = 1.5


QUICK = Sizes(
    campuses=(4, 12), students=(1_000, 4_000), events=(60, 600), scans=(0, 20_000, 100_000), rounds=1, seconds=0.6
)


def measure(stage: Stage, report: Report, sizes: Sizes) -> None:
    """Grow everything, and add steps, targets and notes to the report. EAS's database is empty, before and after."""
    stage.run(["manage.py", "migrate_campuses"], stage.eas_environment())
    scans = None
    steps = []
    for number in sizes.campuses:
        has = len(scans.campuses) if scans else 0
        campuses, created = _create_campuses(stage, has, number)
        if scans is None:
            scans = Scans(campuses)
        else:
            scans.extend(campuses)
        steps.append(_measure_campuses(stage, report, scans, created, sizes))
    assert scans is not None  # there is at least one step
    report.growth["campuses"] = steps
    _compare(report, steps)
    server = stage.serve("eas-growth", "config.wsgi:application", stage.eas_environment(), "/health/live")
    try:
        for what, grow, levels in (
            ("students", _grow_students, sizes.students),
            ("events", _grow_events, sizes.events),
            ("scans", _grow_scans, _fitting(stage, report, sizes.scans)),
        ):
            alone = scans.only(("scans", "students", "events").index(what))
            report.growth[what] = list(_measure_rows(stage, report, server, alone, what, grow, levels, sizes))
    finally:
        stage.end(server.child)
    stage.recreate_database()


def _create_campuses(stage: Stage, has: int, wanted: int) -> tuple[list[dict[str, Any]], float]:
    """Create campuses until there are ``wanted``; return the new ones, and the median of seconds that one took."""
    say(f"growing to {wanted:,} campuses …")
    file = stage.folder / "growing.json"
    stage.run(["-m", "bench.growing", str(has), str(wanted), str(file)], stage.eas_environment())
    found = json.loads(file.read_text())
    return found["campuses"], statistics.median(found["seconds"])


def _measure_campuses(stage: Stage, report: Report, every: Scans, created: float, sizes: Sizes) -> dict[str, Any]:
    idle = stage.run(["manage.py", "migrate_campuses"], stage.eas_environment())
    server = stage.serve("eas-growth", "config.wsgi:application", stage.eas_environment(), "/health/live")
    try:
        number, alone = len(every.campuses), every.only(3)
        few = int(1000 * sizes.seconds)
        step: dict[str, Any] = {"size": number, "creating_s": created, "nothing_pending_s": idle}
        measured = {
            "first_alone": _run(stage, report, server, sizes, "scans of one campus", {201},
                                partial(alone.first, campuses=1, count=few)),
            "first_in_turn": _run(stage, report, server, sizes, "scans, every campus in turn", {201},
                                  partial(every.first, campuses=number, count=max(few, number)),
                                  warm=every.first(campuses=number, count=max(2 * number, 400))),
            "list": _run(stage, report, server, sizes, "list of events", {200}, partial(alone.lists, few)),
            "report": _run(stage, report, server, sizes, "list of attendance", {200}, partial(alone.newest, few)),
            "login": _run(stage, report, server, sizes, "signing in", {200}, partial(alone.logins, few), concurrency=2),
        }  # fmt: skip
        step.update(_flatten(measured))
        step["worker_mib"] = max(map(memory_of, workers_of(server.pid)))
        step.update(_measure_server(stage))
    finally:
        stage.end(server.child)
    say(f"{number:,} campuses: {_line(step)}")
    return step


def _measure_server(stage: Stage) -> dict[str, float]:
    """Return what PostgreSQL holds: connections, their memory, and its catalogue."""
    with stage.connect() as cursor:
        cursor.execute("SELECT pid FROM pg_stat_activity WHERE usename LIKE 'eas\\_bench\\_%'")
        backends = measure_backends(pid for (pid,) in cursor.fetchall())
        cursor.execute(
            "SELECT (SELECT count(*) FROM pg_class), (SELECT count(*) FROM pg_attribute),"
            " pg_database_size(current_database()) / 1048576.0,"
            " (SELECT sum(pg_total_relation_size(oid)) FROM pg_class"
            "   WHERE relnamespace = 'pg_catalog'::regnamespace AND relkind = 'r') / 1048576.0"
        )
        relations, columns, database, catalogue = cursor.fetchone()
    return {
        "connections": backends.count, "backend_mib": backends.mib, "largest_backend_mib": backends.largest_mib,
        "pg_class": relations, "pg_attribute": columns, "database_mib": float(database),
        "catalogue_mib": float(catalogue),
    }  # fmt: skip


def _measure_rows(
    stage: Stage, report: Report, server: Server, scans: Scans, what: str,
    grow: Callable[..., None], levels: tuple[int, ...], sizes: Sizes,
) -> Any:  # fmt: skip
    (campus,) = scans.campuses
    few = int(1000 * sizes.seconds)
    # A first scan, and so an attendance, to copy from.
    _run(stage, report, server, Sizes(rounds=0, seconds=0.2), "", {201}, partial(scans.first, campuses=1, count=8))
    has = {"students": len(campus["passes"]), "events": len(campus["events"]), "scans": 0}[what]
    for level in levels:
        if level > has:
            say(f"growing to {level:,} {what} …")
            with stage.connect() as cursor:
                grow(cursor, campus["schema"], has, level)
            has = level
        measured = {
            "first": _run(stage, report, server, sizes, f"scans, {level:,} {what}", {201},
                          partial(scans.first, campuses=1, count=few)),
            "list": _run(stage, report, server, sizes, f"list of events, {level:,} {what}", {200},
                         partial(scans.lists, few)),
            "report": _run(stage, report, server, sizes, f"list of attendance, {level:,} {what}", {200},
                           partial(scans.newest, few)),
            "login": _run(stage, report, server, sizes, f"signing in, {level:,} {what}", {200},
                          partial(scans.logins, few), concurrency=2),
        }  # fmt: skip
        with stage.connect() as cursor:
            cursor.execute("SELECT pg_database_size(current_database()) / 1048576.0")
            step = {"size": level, **_flatten(measured), "database_mib": float(cursor.fetchone()[0])}
        say(f"{level:,} {what}: {_line(step)}")
        yield step


def _grow_students(cursor: Any, schema: str, has: int, wanted: int) -> None:
    rows.grow_students(cursor, schema, wanted - has, prefix=f"g{has}-")
    cursor.execute(f"ANALYZE {schema}.accounts_user; ANALYZE {schema}.accounts_profile")


def _grow_events(cursor: Any, schema: str, has: int, wanted: int) -> None:
    rows.grow_events(cursor, schema, wanted - has, prefix=f"g{has}-")
    cursor.execute(f"ANALYZE {schema}.events_event; ANALYZE {schema}.events_session")


def _grow_scans(cursor: Any, schema: str, has: int, wanted: int) -> None:
    if not has:
        rows.grow_students(cursor, schema, _SCANNED_STUDENTS, prefix="scanned-")
        rows.grow_events(cursor, schema, _SCANNED_EVENTS, prefix="scanned-")
    rows.grow_scans(
        cursor, schema, wanted - has, done=has, prefix="scanned-", students=_SCANNED_STUDENTS, events=_SCANNED_EVENTS
    )  # fmt: skip


def _fitting(stage: Stage, report: Report, wanted: tuple[int, ...]) -> tuple[int, ...]:
    """Return the numbers of scans for which there is room on the disk, half of which is left alone."""
    room = shutil.disk_usage(stage.folder).free / 2 / _BYTES_PER_SCAN
    fitting = tuple(number for number in wanted if number <= room)
    if fitting != wanted:
        report.notes.append(f"The disk has room for {room:,.0f} scans: growth ended at {max(fitting):,}.")
    return fitting


def _run(
    stage: Stage, report: Report, server: Server, sizes: Sizes, what: str, expected: set[int],
    make: Callable[[], list[bytes]], *, concurrency: int = 8, warm: list[bytes] | None = None,
) -> Part:  # fmt: skip
    """Warm up, measure the rounds, and tell the report how noisy they were. ``warm``: requests that are all sent."""
    part = Part(name=what, what=what, server=server, make=make, expected=frozenset(expected), concurrency=concurrency)
    if warm is not None:
        part.unsent = warm
        part.run(seconds=600, postgres_pid=stage.postgres_pid)
    else:
        part.run(seconds=max(0.3, sizes.seconds / 3), postgres_pid=stage.postgres_pid)
    part.rounds.clear()
    for _ in range(sizes.rounds):
        part.run(seconds=sizes.seconds, postgres_pid=stage.postgres_pid)
    report.note_noise(each.usage for each in part.rounds)
    return part


def _flatten(measured: dict[str, Part]) -> dict[str, float]:
    found = {}
    for name, part in measured.items():
        found[f"{name}_per_s"] = statistics.median(each.rate for each in part.rounds)
        for label, share in (("p50", 0.5), ("p99", 0.99)):
            found[f"{name}_{label}_ms"] = statistics.median(each.load.percentile(share) for each in part.rounds)
    return found


def _compare(report: Report, steps: list[dict[str, Any]]) -> None:
    least, most = steps[0], steps[-1]
    report.aim(
        f"memory of a web worker after serving {most['size']:,} campuses against {least['size']}",
        most["worker_mib"] / least["worker_mib"], 1.25, at_least=False,
    )  # fmt: skip
    report.aim(
        f"migrating {most['size']:,} campuses, nothing pending, the whole command",
        most["nothing_pending_s"], 5, at_least=False, unit="s",
    )  # fmt: skip
    for step in steps:
        if step["size"] == 40:
            report.aim("connections after 40 campuses, 2 workers × 4 threads", step["connections"], 88,
                       at_least=False, unit="")  # fmt: skip


def _line(step: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value:,.4g}" for name, value in step.items() if name != "size")
