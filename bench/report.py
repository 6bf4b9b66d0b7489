"""The figures as a table: medians, spreads, ratios, and whether the machine was quiet enough to conclude anything."""

import json
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.machine import NOISY, Usage, describe
from bench.parts import Part


@dataclass(slots=True, kw_only=True)
class Target:
    """One line of the table of targets. ``got`` is a number, larger or smaller being better by ``at_least``."""

    what: str
    got: float
    target: float
    at_least: bool = True
    unit: str = "×"

    @property
    def is_met(self) -> bool:
        """Whether the target is reached."""
        return self.got >= self.target if self.at_least else self.got <= self.target


@dataclass(slots=True)
class Report:
    """What one bench found."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    # What grows, and how: for each of campuses, students, events and scans the steps, each with its "size".
    growth: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    # Reasons why a part was not measured.
    skipped: list[str] = field(default_factory=list)
    noisy: int = 0
    rounds: int = 0

    def add(self, part: Part) -> None:
        """Add what the rounds of a part came to."""
        rates = [done.rate for done in part.rounds]
        cpu = lambda who: statistics.median(  # noqa: E731
            1000 * done.usage.ours[who] / (len(done.load.latencies) * done.per_request) for done in part.rounds
        )
        self.note_noise(done.usage for done in part.rounds)
        self.rows.append(
            {
                "part": part.name,
                "what": part.what,
                "concurrency": part.concurrency,
                "per_second": statistics.median(rates),
                "spread": (min(rates), max(rates)),
                "p50_ms": statistics.median(done.load.percentile(0.50) for done in part.rounds),
                "p95_ms": statistics.median(done.load.percentile(0.95) for done in part.rounds),
                "p99_ms": statistics.median(done.load.percentile(0.99) for done in part.rounds),
                "app_cpu_ms": cpu("app"),
                "postgres_cpu_ms": cpu("postgres"),
                "others_cores": statistics.median(done.usage.noise for done in part.rounds),
            }
        )

    def note_noise(self, usages: Iterable[Usage]) -> None:
        """Count rounds (or programs that were timed), and those of them during which others used the machine."""
        for usage in usages:
            self.rounds += 1
            self.noisy += usage.noise > NOISY

    def rate(self, name: str) -> float:
        """Return the median rate of a part."""
        return float(next(row["per_second"] for row in self.rows if row["part"] == name))

    def aim(self, what: str, got: float, target: float, *, at_least: bool = True, unit: str = "×") -> None:
        """Compare a figure with its target."""
        self.targets.append(Target(what=what, got=got, target=target, at_least=at_least, unit=unit))

    @property
    def is_conclusive(self) -> bool:
        """Whether others left the machine alone for at least two thirds of the time."""
        return self.noisy * 3 <= self.rounds

    @property
    def conclusion(self) -> str:
        """Say whether the machine was quiet."""
        if not self.rounds:
            return "Nothing was timed."
        if not self.is_conclusive:
            return (
                f"**The machine was too noisy to conclude anything**: in {self.noisy} of {self.rounds} rounds other "
                f"processes used more than {NOISY} cores."
            )
        return f"Others used more than {NOISY} cores in {self.noisy} of {self.rounds} rounds."

    def content(self) -> dict[str, Any]:
        """Return everything, as ``result.json`` has it."""
        return {
            "measured_at": datetime.now(UTC).isoformat(timespec="minutes"),
            "machine": describe(),
            "conclusive": self.is_conclusive,
            "conclusion": self.conclusion,
            "rows": self.rows,
            "targets": [{**asdict(each), "met": each.is_met} for each in self.targets],
            "growth": self.growth,
            "notes": self.notes,
            "skipped": self.skipped,
        }

    def write(self, folder: Path) -> None:
        """Write ``result.md`` and ``result.json``."""
        content = self.content()
        (folder / "result.md").write_text(markdown(content))
        (folder / "result.json").write_text(json.dumps(content, indent=2))


def markdown(content: dict[str, Any]) -> str:
    """Return what ``result.json`` says as the text of a page."""
    when = datetime.fromisoformat(content["measured_at"])
    parts = [
        [f"Measured {when:%Y-%m-%d %H:%M} UTC on {content['machine']}.", content["conclusion"]],
        _targets(content["targets"]),
        _table(content["rows"]),
        *(_growth(what, steps) for what, steps in content["growth"].items()),
        [f"- {note}" for note in [*content["notes"], *content["skipped"]]],
    ]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def _targets(targets: list[dict[str, Any]]) -> list[str]:
    if not targets:
        return []
    lines = ["| target | wanted | measured | |", "| --- | --- | --- | --- |"]
    for target in targets:
        wanted = f"{'≥' if target['at_least'] else '≤'} {_number(target['target'])} {target['unit']}".rstrip()
        got = f"{_number(target['got'])} {target['unit']}".rstrip()
        lines.append(f"| {target['what']} | {wanted} | {got} | {'met' if target['met'] else '**missed**'} |")
    return lines


def _table(rows: list[dict[str, Any]]) -> list[str]:
    if not rows:
        return []
    lines = [
        "| what | c | per second (least–most) | p50 ms | p95 ms | p99 ms | app CPU ms | PostgreSQL CPU ms |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        spread = f"{row['per_second']:,.0f} ({row['spread'][0]:,.0f}–{row['spread'][1]:,.0f})"
        times = " | ".join(f"{row[name]:.1f}" for name in ("p50_ms", "p95_ms", "p99_ms"))
        cpu = f"{row['app_cpu_ms']:.2f} | {row['postgres_cpu_ms']:.2f}"
        lines.append(f"| {row['what']} | {row['concurrency']} | {spread} | {times} | {cpu} |")
    return lines


_NAMES = {
    "first_alone": "scans of one campus", "first_in_turn": "scans, all campuses in turn", "first": "scans",
    "list": "list of events", "report": "list of attendance", "login": "signing in", "creating": "creating a campus",
    "nothing_pending": "migrating all, nothing pending", "worker": "a web worker", "backend": "a connection's backend",
    "largest_backend": "the largest backend", "catalogue": "catalogue on disk",
}  # fmt: skip
_UNITS = {"per_s": " a second", "ms": " ms", "s": " s", "mib": " MiB"}


def _growth(what: str, steps: list[dict[str, Any]]) -> list[str]:
    """Return a table with a column for each step, a line for each figure."""
    lines = [
        f"| {what} | " + " | ".join(f"{step['size']:,}" for step in steps) + " |",
        "| --- |" + " --- |" * len(steps),
    ]
    for name in steps[0]:
        if name != "size":
            lines.append(f"| {_label(name)} | " + " | ".join(_number(step[name]) for step in steps) + " |")
    return lines


def _label(name: str) -> str:
    stem, unit = name, ""
    for end, words in _UNITS.items():
        if stem.endswith(f"_{end}"):
            stem, unit = stem.removesuffix(f"_{end}"), words
            break
    for share in ("p50", "p99"):
        if stem.endswith(f"_{share}"):
            stem, unit = stem.removesuffix(f"_{share}"), f" {share}{unit}"
    return f"{_NAMES.get(stem, stem)},{unit}" if unit else _NAMES.get(stem, stem)


def median(values: Sequence[float]) -> float:
    """Return the median."""
    return float(statistics.median(values))


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 20 else f"{value:.2f}"
