"""``manage.py bench``: start, measure in turn, report, clean up."""

import argparse
import json
import signal
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from bench import growth
from bench import parts as kinds
from bench.machine import memory_of, workers_of
from bench.parts import Part, Scans
from bench.plots import write_pages
from bench.pooler import CONNECTIONS, MISSING, Pooler, check_places, find_pgbouncer, version_of
from bench.report import Report, markdown
from bench.servers import Server, Stage
from config.local.say import say

GROUPS = ("scans", "mix", "batch", "campuses", "pgbouncer", "registry", "operations", "growth")
POOLED = "eas-pooled"
# Whose slowest answers are compared with the usual ones.
TAILS = ("first", "again", "refused", "visitors", "list", "report")


def main(root: Path, arguments: list[str]) -> int:
    """Run the bench; return the exit status."""
    options = _parse(arguments)
    if options.parts == ["plots"]:
        return write_pages(options.result or root / "var" / "bench" / "result.json", root / "docs")
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(130))
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job is born deaf to it
    stage, report, failed = Stage(root / "var" / "bench"), Report(), ""
    try:
        stage.start()
        _measure(stage, options, report)
    except KeyboardInterrupt:
        return 130
    except SystemExit as ended:
        if not isinstance(ended.code, str):
            raise
        # What was measured before something failed is worth keeping.
        failed = ended.code
        say(failed)
        report.skipped.append(f"**Ended early**: {failed.splitlines()[0]}")
    finally:
        # Whoever is impatient with the cleaning up would leave a cluster behind.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        say("cleaning up …")
        stage.stop()
    report.note_noise(stage.usages)
    report.write(stage.folder)
    print(f"\n{markdown(report.content())}")
    say(f"written to {stage.folder}/result.md and result.json; `manage.py bench plots` puts it into the docs")
    return 1 if failed else 0


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="manage.py bench", description=__doc__)
    parser.add_argument(
        "parts",
        nargs="*",
        metavar="PART",
        help=f"of {', '.join(GROUPS)}; by default all. 'plots': write the docs from the last result",
    )
    parser.add_argument("--result", type=Path, default=None, help="another result.json, for 'plots'")
    parser.add_argument("--quick", action="store_true", help="two short rounds of each: a look, no measurement")
    parser.add_argument("--rounds", type=int, default=None, help="rounds of each part (5)")
    parser.add_argument("--seconds", type=float, default=None, help="length of one round (4)")
    parser.add_argument("--scans", type=int, default=None, help="how many scans one campus grows to (10,000,000)")
    options = parser.parse_args(arguments)
    if options.parts == ["plots"]:
        return options
    if unknown := set(options.parts) - set(GROUPS):
        parser.error(f"no part is called {', '.join(sorted(unknown))}; there are {', '.join(GROUPS)}")
    options.parts = options.parts or list(GROUPS)
    options.rounds = options.rounds or (2 if options.quick else 5)
    options.seconds = options.seconds or (1.5 if options.quick else 4.0)
    return options


def _measure(stage: Stage, options: argparse.Namespace, report: Report) -> None:
    """Measure the parts: what is short first, for whatever was measured is kept when a later one fails."""
    if set(options.parts) - {"operations", "growth"}:
        _measure_rounds(stage, options, report)
        for child in [each for each in stage.supervisor.children if not each.is_server]:
            stage.end(child)
        stage.recreate_database()
    if "operations" in options.parts:
        _measure_operations(stage, report, campuses=30 if options.quick else 200)
    if "growth" in options.parts:
        sizes = growth.QUICK if options.quick else growth.Sizes()
        if options.scans is not None:
            sizes = replace(sizes, scans=(*(number for number in sizes.scans if number < options.scans), options.scans))
        growth.measure(stage, report, sizes)


def _measure_rounds(stage: Stage, options: argparse.Namespace, report: Report) -> None:
    program = find_pgbouncer() if "pgbouncer" in options.parts else None
    if "pgbouncer" in options.parts and program is None:
        report.skipped.append(MISSING)
        if not set(options.parts) - {"operations", "growth", "pgbouncer"}:
            return
    campuses = 40 if {"campuses", "pgbouncer"} & set(options.parts) else 4
    students = 1500 if options.quick else 4000
    world = _make_eas(stage, campuses=campuses, students=students, events=30 if options.quick else 60)
    eas = stage.serve("eas", "config.wsgi:application", stage.eas_environment(), "/health/live")
    if {"scans", "batch"} & set(options.parts):
        stage.create_database("ceiling", kinds.FLOOR_TABLE)
    scans = Scans(world["campuses"])
    # More than any of them can do in a round.
    most = int(2500 * options.seconds)
    part = partial(_part, server=eas, expected={201})
    chosen: list[Part] = []
    if "scans" in options.parts:
        ordinary = _make_ordinary(stage, students=1000)
        ceiling, plain, tuned = _serve_others(stage, world["public_key"])
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
        chosen += _mix(part, scans, first, options.seconds)
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

    pooler = None
    if program is not None:
        pooler, pooled = _pool(stage, world["campuses"], scans, program, options.seconds)
        if "campuses" not in options.parts:
            make = partial(scans.first, campuses=40, count=int(1200 * options.seconds))
            chosen.append(part("campuses-40", "EAS: first scans, 40 campuses in turn", make=make))
        chosen.append(pooled)

    floors = _run_rounds(stage, chosen, options, wants_floor="batch" in options.parts, pooler=pooler)
    for each in chosen:
        report.add(each)
    _compare(report, options.parts, floors, chosen)
    if pooler is not None:
        _compare_pooled(stage, report, world["campuses"], pooler, chosen[-1])
        # Its connections are none of those that are counted next.
        stage.end(pooler.child)
    if "campuses" in options.parts:
        _count_connections(stage, report)
        report.notes.append(
            "Memory of each web worker at the end: "
            + ", ".join(f"{memory_of(pid):.0f} MiB" for pid in workers_of(eas.pid))
        )
    if "registry" in options.parts:
        _compare_registries(stage, report, scans, eas, options)


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


def _run_rounds(
    stage: Stage, chosen: Sequence[Part], options: argparse.Namespace, *, wants_floor: bool, pooler: Pooler | None
) -> list[float]:
    """Run every part once to warm up, then the rounds, the parts in turn; return the floors."""
    pid = stage.postgres_pid
    floors = []
    for number in range(options.rounds + 1):
        say(f"round {number} of {options.rounds}" if number else "warming up")
        for each in chosen:
            seconds = options.seconds if each.concurrency == 8 else options.seconds / 2
            if pooler is not None and each.server.name == POOLED:
                pooler.run(each, seconds=seconds if number else 2.0)
            else:
                each.run(seconds=seconds if number else 0.5, postgres_pid=pid)
        if number and wants_floor:
            floors.append(kinds.floor(stage, seconds=max(int(options.seconds), 1)))
    for each in chosen:
        del each.rounds[0]
    return floors


def _serve_others(stage: Stage, public_key: str) -> list[Server]:
    """Start what EAS is compared with: the ceiling, the ordinary as most leave it, and tuned."""
    key = {"BENCH_PASS_KEY": public_key}
    ceiling = stage.environment("ceiling", "bench.ceiling.settings", **key)
    served = [stage.serve("ceiling", "bench.ceiling.wsgi:application", ceiling, "/")]
    for name, flag in (("ordinary", "0"), ("tuned", "1")):
        environment = stage.environment("ordinary", "bench.ordinary.settings", BENCH_TUNED=flag)
        served.append(stage.serve(name, "bench.ordinary.wsgi:application", environment, "/"))
    return served


def _mix(part: Callable[..., Part], scans: Scans, first: Part, seconds: float) -> list[Part]:
    """Return everything else that is asked at a door and afterwards, at concurrency 8, 1 and 32."""
    most, few = int(2500 * seconds), int(250 * seconds)
    kinds_of = (
        ("again", "EAS: duplicates", {200}, partial(scans.again, first, most)),
        ("refused", "EAS: refusals (forged passes)", {422}, partial(scans.refused, most)),
        ("visitors", "EAS: visitors' first scans", {201}, partial(scans.visiting, few)),
        ("list", "EAS: list of events", {200}, partial(scans.lists, most)),
        ("report", "EAS: who came to an event, a page", {200}, partial(scans.reports, most)),
    )
    return [
        part(name if number == 8 else f"{name}-{number}", what, make=make, expected=expected, concurrency=number)
        for name, what, expected, make in kinds_of
        for number in (8, 1, 32)
    ]


def _pool(
    stage: Stage, campuses: list[dict[str, Any]], scans: Scans, program: str, seconds: float
) -> tuple[Pooler, Part]:
    """Start PgBouncer and an EAS behind it; return it, and the part that scans through it."""
    pooler = Pooler(stage, program, [campus["schema"] for campus in campuses])
    server = stage.serve(POOLED, "config.wsgi:application", pooler.environment(), "/health/live")
    what = f"EAS: the same through PgBouncer {version_of(program)}, transaction mode"
    make = partial(scans.first, campuses=40, count=int(600 * seconds))
    return pooler, _part("pgbouncer", what, server, {201}, make, keep_all=True)


def _compare_pooled(stage: Stage, report: Report, campuses: list[dict[str, Any]], pooler: Pooler, part: Part) -> None:
    compared = check_places(stage, campuses, part.all_sent)
    report.aim(
        "connections to PostgreSQL through PgBouncer, 40 campuses", pooler.peak, CONNECTIONS, at_least=False, unit=""
    )
    slower = report.rate("pgbouncer") / report.rate("campuses-40")
    report.notes.append(
        f"Through PgBouncer {slower:.2f} of the scans a second; {compared:,} of them were compared with the tables: "
        "each is in the schema of the campus it was sent to, and in no other."
    )


def _compare(report: Report, groups: Sequence[str], floors: Sequence[float], chosen: Sequence[Part]) -> None:
    for each in chosen:
        if each.concurrency == 8 and each.server.name == "eas" and each.name in TAILS:
            tail = statistics.median(done.load.percentile(0.99) / done.load.percentile(0.50) for done in each.rounds)
            report.aim(f"p99 against p50 at concurrency 8, {each.what}", tail, 4, at_least=False)
    if "scans" in groups:
        first = report.rate("first")
        report.aim("single scan against the ceiling", first / report.rate("ceiling"), 0.6)
        report.aim("single scan against the ordinary as most leave it", first / report.rate("ordinary"), 8)
        report.aim("single scan against the ordinary, tuned", first / report.rate("tuned"), 3.5)
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
