"""The figures as a table: medians, spreads, ratios, and whether the machine was quiet enough to conclude anything."""

import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.machine import NOISY, describe
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
    noisy: int = 0
    rounds: int = 0

    def add(self, part: Part) -> None:
        """Add what the rounds of a part came to."""
        rates = [done.rate for done in part.rounds]
        cpu = lambda who: statistics.median(  # noqa: E731
            1000 * done.usage.ours[who] / (len(done.load.latencies) * done.per_request) for done in part.rounds
        )
        self.rounds += len(part.rounds)
        self.noisy += sum(done.usage.noise > NOISY for done in part.rounds)
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

    def rate(self, name: str) -> float:
        """Return the median rate of a part."""
        return float(next(row["per_second"] for row in self.rows if row["part"] == name))

    def aim(self, what: str, got: float, target: float, *, at_least: bool = True, unit: str = "×") -> None:
        """Compare a figure with its target."""
        self.targets.append(Target(what=what, got=got, target=target, at_least=at_least, unit=unit))

    @property
    def conclusion(self) -> str:
        """Say whether the machine was quiet."""
        if not self.rounds:
            return "Timed once each, with whatever else the machine did."
        if self.noisy * 3 > self.rounds:
            return (
                f"**The machine was too noisy to conclude anything**: in {self.noisy} of {self.rounds} rounds other "
                f"processes used more than {NOISY} cores."
            )
        return f"Others used more than {NOISY} cores in {self.noisy} of {self.rounds} rounds."

    def markdown(self) -> str:
        """Return the report as a page."""
        lines = [f"Measured {datetime.now(UTC):%Y-%m-%d %H:%M} UTC on {describe()}.", self.conclusion, ""]
        if self.targets:
            lines += ["| target | wanted | measured | |", "| --- | --- | --- | --- |"]
            for target in self.targets:
                wanted = f"{'≥' if target.at_least else '≤'} {_number(target.target)} {target.unit}"
                verdict = "met" if target.is_met else "**missed**"
                lines.append(f"| {target.what} | {wanted} | {_number(target.got)} {target.unit} | {verdict} |")
            lines.append("")
        if self.rows:
            lines += self._table()
        return "\n".join([*lines, "", *(f"- {note}" for note in self.notes)]).rstrip() + "\n"

    def _table(self) -> list[str]:
        lines = [
            "| what | c | per second (least–most) | p50 ms | p95 ms | p99 ms | app CPU ms | PostgreSQL CPU ms |",
            "| --- | --- | --- | --- | --- | --- | --- | --- |",
        ]
        for row in self.rows:
            spread = f"{row['per_second']:,.0f} ({row['spread'][0]:,.0f}–{row['spread'][1]:,.0f})"
            times = " | ".join(f"{row[name]:.1f}" for name in ("p50_ms", "p95_ms", "p99_ms"))
            cpu = f"{row['app_cpu_ms']:.2f} | {row['postgres_cpu_ms']:.2f}"
            lines.append(f"| {row['what']} | {row['concurrency']} | {spread} | {times} | {cpu} |")
        return lines

    def write(self, folder: Path) -> None:
        """Write ``result.md`` and ``result.json``."""
        (folder / "result.md").write_text(self.markdown())
        content = {
            "measured_at": datetime.now(UTC).isoformat(),
            "machine": describe(),
            "conclusive": self.noisy * 3 <= self.rounds,
            "rows": self.rows,
            "targets": [
                {"what": each.what, "got": each.got, "target": each.target, "met": each.is_met} for each in self.targets
            ],
            "notes": self.notes,
        }
        (folder / "result.json").write_text(json.dumps(content, indent=2))


def median(values: Sequence[float]) -> float:
    """Return the median."""
    return float(statistics.median(values))


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 20 else f"{value:.2f}"
