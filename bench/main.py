"""``manage.py bench``: start, measure in turn, report, clean up."""

import argparse
import json
import signal
import statistics
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from bench import parts as kinds
from bench.machine import memory_of, workers_of
from bench.parts import Part, Scans
from bench.report import Report
from bench.servers import Stage
from config.local.say import say

GROUPS = ("scans", "mix", "batch", "campuses", "registry", "operations")


def main(root: Path, arguments: list[str]) -> int:
    """Run the bench; return the exit status."""
    options = _parse(arguments)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(130))
    stage = Stage(root / "var" / "bench")
    try:
        report = _measure(stage, options)
    except KeyboardInterrupt:
        return 130
    finally:
        say("cleaning up …")
        stage.stop()
    report.write(stage.folder)
    print(f"\n{report.markdown()}")
    say(f"written to {stage.folder}/result.md and result.json")
    return 0


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="manage.py bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(GROUPS)}; all of them by default")
    parser.add_argument("--quick", action="store_true", help="two short rounds of each: a look, no measurement")
    parser.add_argument("--rounds", type=int, default=None, help="rounds of each part (5)")
    parser.add_argument("--seconds", type=float, default=None, help="length of one round (4)")
    options = parser.parse_args(arguments)
    if unknown := set(options.parts) - set(GROUPS):
        parser.error(f"no part is called {', '.join(sorted(unknown))}; there are {', '.join(GROUPS)}")
    options.parts = options.parts or list(GROUPS)
    options.rounds = options.rounds or (2 if options.quick else 5)
    options.seconds = options.seconds or (1.5 if options.quick else 4.0)
    return options


def _measure(stage: Stage, options: argparse.Namespace) -> Report:
    report = Report()
    if "operations" in options.parts:
        _measure_operations(stage, report, campuses=30 if options.quick else 200)
    if options.parts == ["operations"]:
        return report
    campuses = 40 if "campuses" in options.parts else 4
    students = 1500 if options.quick else 4000
    world = _make_eas(stage, campuses=campuses, students=students, events=30 if options.quick else 60)
    ordinary = _make_ordinary(stage, students=1000)
    stage.create_database("ceiling", kinds.FLOOR_TABLE)

    eas = stage.serve("eas", "config.wsgi:application", stage.eas_environment(), "/health/live")
    ceiling = stage.serve(
        "ceiling", "bench.ceiling.wsgi:application",
        stage.environment("ceiling", "bench.ceiling.settings", BENCH_PASS_KEY=world["public_key"]), "/",
    )  # fmt: skip
    plain, tuned = (
        stage.serve(
            name, "bench.ordinary.wsgi:application",
            stage.environment("ordinary", "bench.ordinary.settings", BENCH_TUNED=flag), "/",
        )
        for name, flag in (("ordinary", "0"), ("tuned", "1"))
    )  # fmt: skip

    scans = Scans(world)
    # More than any of them can do in a round.
    most = int(2500 * options.seconds)
    part = partial(_part, server=eas, expected={201})
    chosen: list[Part] = []
    if "scans" in options.parts:
        pairs = kinds.ordinary_pairs(ordinary, 1000)
        few = int(500 * options.seconds)
        passes = world["campuses"][0]["passes"]
        scan_ordinary = partial(kinds.ordinary_requests, ordinary, pairs, few)
        chosen += [
            _part("ceiling", "ceiling: a bare view", ceiling, {201}, partial(kinds.ceiling_requests, passes, 2 * most)),
            _part("ordinary", "ordinary, as most leave it", plain, {201}, scan_ordinary),
            _part("tuned", "ordinary, tuned", tuned, {201}, scan_ordinary),
            part("first", "EAS: first scans", make=partial(scans.first, campuses=1, count=most)),
            part("first-1", "EAS: first scans", make=partial(scans.first, campuses=1, count=most), concurrency=1),
            part("first-32", "EAS: first scans", make=partial(scans.first, campuses=1, count=most), concurrency=32),
        ]  # fmt: skip
    if "mix" in options.parts:
        if "scans" not in options.parts:
            chosen.append(part("first", "EAS: first scans", make=partial(scans.first, campuses=1, count=most)))
        first = next(each for each in chosen if each.name == "first")
        chosen += [
            part("again", "EAS: duplicates", make=partial(scans.again, first, most), expected={200}),
            part("refused", "EAS: refusals (forged passes)", make=partial(scans.refused, most), expected={422}),
            part("visitors", "EAS: visitors' first scans", make=partial(scans.visiting, int(400 * options.seconds))),
            part("list", "EAS: list of events", make=partial(scans.lists, most), expected={200}),
        ]
    if "batch" in options.parts:
        size = 500
        chosen.append(
            part(
                "batch", f"EAS: batches of {size} (scans)", expected={200}, per_request=size, concurrency=2,
                make=partial(scans.batches, int(8 * options.seconds), size),
            )
        )  # fmt: skip
    if "campuses" in options.parts:
        chosen += [
            part(f"campuses-{number}", f"EAS: first scans, {number} campuses in turn",
                 make=partial(scans.first, campuses=number, count=int(1200 * options.seconds)))
            for number in (1, 4, 40)
        ]  # fmt: skip

    floors = _run_rounds(stage, chosen, options, wants_floor="batch" in options.parts)
    for each in chosen:
        report.add(each)
    _compare(report, options.parts, floors, chosen)
    if "campuses" in options.parts:
        _count_connections(stage, report)
        report.notes.append(
            "Memory of each web worker at the end: "
            + ", ".join(f"{memory_of(pid):.0f} MiB" for pid in workers_of(eas.pid))
        )
    if "registry" in options.parts:
        _compare_registries(stage, report, scans, eas, options)
    return report


def _measure_operations(stage: Stage, report: Report, *, campuses: int) -> None:
    say(f"creating and migrating {campuses} campuses …")
    file = stage.folder / "operations.json"
    environment = stage.eas_environment()
    stage.run(["manage.py", "migrate_campuses"], environment)
    stage.run(["-m", "bench.operations", str(campuses), str(file)], environment)
    found = json.loads(file.read_text())
    create, migrations = (statistics.median(found[name]) for name in ("creating", "migrations"))
    standard = statistics.median(found["standard"]) * campuses
    report.aim("creating a campus against running its migrations", create / migrations, 0.2, at_least=False)
    report.aim(
        f"one column, {campuses} campuses, against the standard executor",
        found["added_column"] / standard,
        1 / 15,
        at_least=False,
    )
    report.aim(f"migrating {campuses} campuses, nothing pending", found["nothing_pending"], 5, at_least=False, unit="s")
    report.notes.append(
        f"Creating a campus takes {create:.2f} s, running its migrations {migrations:.2f} s; adding a column to "
        f"{campuses} campuses {found['added_column']:.1f} s, the standard executor {standard:.0f} s (timed in "
        f"{len(found['standard'])}, counted for all)."
    )
    stage.recreate_database()


def _part(name: str, what: str, server: Any, expected: set[int], make: Any, **extra: Any) -> Part:
    return Part(name=name, what=what, server=server, expected=frozenset(expected), make=make, **extra)


def _run_rounds(stage: Stage, chosen: Sequence[Part], options: argparse.Namespace, *, wants_floor: bool) -> list[float]:
    """Run every part once to warm up, then the rounds, the parts in turn; return the floors."""
    pid = stage.postgres_pid
    floors = []
    for number in range(options.rounds + 1):
        say(f"round {number} of {options.rounds}" if number else "warming up")
        for each in chosen:
            each.run(seconds=options.seconds if number else 0.5, postgres_pid=pid)
        if number and wants_floor:
            floors.append(kinds.floor(stage, seconds=max(int(options.seconds), 1)))
    for each in chosen:
        del each.rounds[0]
    return floors


def _compare(report: Report, groups: Sequence[str], floors: Sequence[float], chosen: Sequence[Part]) -> None:
    if "scans" in groups:
        first = report.rate("first")
        report.aim("single scan against the ceiling", first / report.rate("ceiling"), 0.6)
        report.aim("single scan against the ordinary as most leave it", first / report.rate("ordinary"), 8)
        report.aim("single scan against the ordinary, tuned", first / report.rate("tuned"), 3.5)
        rounds = next(each for each in chosen if each.name == "first").rounds
        tail = statistics.median(done.load.percentile(0.99) / done.load.percentile(0.50) for done in rounds)
        report.aim("p99 against p50 at concurrency 8", tail, 4, at_least=False)
    if "batch" in groups:
        floor = statistics.median(floors)
        report.notes.append(f"Floor: pgbench inserts {floor:,.0f} single rows a second, 8 clients, simple protocol.")
        report.aim("batch of 500, scans against the floor", report.rate("batch") / floor, 1.0)
        if "scans" in groups:
            report.aim("batch of 500 against single scans", report.rate("batch") / report.rate("first"), 20)
    if "campuses" in groups:
        report.aim("40 campuses in turn against 1", report.rate("campuses-40") / report.rate("campuses-1"), 0.9)


def _count_connections(stage: Stage, report: Report) -> None:
    with stage.connect() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE usename LIKE 'eas\\_bench\\_%'")
        report.aim("connections, 40 campuses, 2 workers × 4 threads", cursor.fetchone()[0], 88, at_least=False, unit="")


def _compare_registries(stage: Stage, report: Report, scans: Scans, eas: Any, options: argparse.Namespace) -> None:
    """Measure first scans with 1,000 campuses in the registry, in turn with as few as there are."""
    make = partial(scans.first, campuses=1, count=int(1200 * options.seconds))
    small, large = (
        _part(f"registry-{name}", f"EAS: first scans, {name} campuses in the registry", eas, {201}, make)
        for name in ("few", "1,000")
    )
    for number in range(options.rounds):
        say(f"registry, round {number + 1} of {options.rounds}")
        for part, extra in ((small, 0), (large, 1000)):
            stage.fill_registry(extra)
            part.run(seconds=0.5, postgres_pid=stage.postgres_pid)  # learns the new version
            del part.rounds[-1]
            part.run(seconds=options.seconds, postgres_pid=stage.postgres_pid)
    stage.fill_registry(0)
    for part in (small, large):
        report.add(part)
    report.aim(
        "1,000 campuses in the registry against few", report.rate("registry-1,000") / report.rate("registry-few"), 0.95
    )


def _make_eas(stage: Stage, *, campuses: int, students: int, events: int) -> dict[str, Any]:
    say(f"making a university of {campuses} campuses …")
    environment, file = stage.eas_environment(), stage.folder / "eas.json"
    stage.run(["manage.py", "migrate_campuses"], environment)
    stage.run(["-m", "bench.world", str(campuses), str(students), str(events), str(file)], environment)
    return dict(json.loads(file.read_text()))


def _make_ordinary(stage: Stage, *, students: int) -> dict[str, Any]:
    say("making the ordinary system …")
    stage.create_database("ordinary")
    file = stage.folder / "ordinary.json"
    environment = stage.environment("ordinary", "bench.ordinary.settings")
    stage.run(["-m", "bench.ordinary.world", str(students), "60", str(file)], environment)
    return dict(json.loads(file.read_text()))
