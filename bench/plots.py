"""Plots of what grew, and the page of figures, both written from ``result.json``."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from bench.report import markdown
from config.local.say import say

BEGIN, END = "<!-- figures: written by `manage.py bench plots` -->", "<!-- end of figures -->"
_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM = 640, 360, 70, 40, 50
_RIGHT = 470
_COLOURS = ("#1f5fa8", "#c4521d", "#2e7d32", "#7b3f98", "#8a6d00")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """Lines over the sizes of one kind of growth. ``lines``: figure of a step, and what it is called."""

    name: str
    title: str
    over: str
    lines: dict[str, str]


_ANSWERS = {"list_p50_ms": "list of events", "report_p50_ms": "list of attendance", "login_p50_ms": "signing in"}
PLOTS = (
    Plot(name="campuses-rate", title="Answers a second, by campuses", over="campuses", lines={
        "first_alone_per_s": "scans of one campus", "first_in_turn_per_s": "scans, all in turn",
        "list_per_s": "list of events", "report_per_s": "list of attendance"}),
    Plot(name="campuses-time", title="Median answer in ms, by campuses", over="campuses", lines={
        "first_alone_p50_ms": "scan of one campus", "first_in_turn_p50_ms": "scan, all in turn", **_ANSWERS}),
    Plot(name="campuses-memory", title="Memory in MiB, by campuses", over="campuses", lines={
        "worker_mib": "a web worker", "backend_mib": "a connection's backend", "largest_backend_mib": "the largest",
        "catalogue_mib": "catalogue on disk"}),
    Plot(name="campuses-catalogue", title="Rows of the catalogue and connections, by campuses", over="campuses", lines={
        "pg_class": "pg_class", "pg_attribute": "pg_attribute", "connections": "connections"}),
    Plot(name="campuses-operations", title="Seconds to operate, by campuses", over="campuses", lines={
        "creating_s": "creating one campus", "nothing_pending_s": "migrating all, nothing pending"}),
    *(
        Plot(name=f"{what}-time", title=f"Median answer in ms, by {what} of one campus", over=what,
             lines={"first_p50_ms": "scan", **_ANSWERS})
        for what in ("students", "events", "scans")
    ),
)  # fmt: skip


def write_pages(result: Path, docs: Path) -> int:
    """Write the plots and the figures of ``docs/performance.md``; return the exit status."""
    if not result.is_file():
        say(f"{result} is not there: run `manage.py bench` first")
        return 1
    content = json.loads(result.read_text())
    folder = docs / "performance"
    folder.mkdir(exist_ok=True)
    drawn = []
    for plot in PLOTS:
        if steps := content["growth"].get(plot.over):
            (folder / f"{plot.name}.svg").write_text(draw(plot, steps))
            drawn.append(f"![{plot.title}](performance/{plot.name}.svg)")
    page = docs / "performance.md"
    before, _, rest = page.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    figures = "\n\n".join([markdown(content).rstrip(), *drawn])
    page.write_text(f"{before}{BEGIN}\n\n{figures}\n\n{END}{after}")
    say(f"{page} and {len(drawn)} plots are written")
    return 0


def draw(plot: Plot, steps: Sequence[dict[str, Any]]) -> str:
    """Return a plot as SVG, both axes logarithmic: what stays flat is flat, what grows alike has the same slope."""
    # A logarithm has no zero: "none" stands where a tenth of the next size would.
    sizes = [float(step["size"]) for step in steps]
    if sizes[0] == 0:
        sizes[0] = sizes[1] / 10 if len(sizes) > 1 else 1.0
    values = [step[name] for step in steps for name in plot.lines if step[name] > 0]
    low, high = math.floor(math.log10(min(values, default=1))), math.ceil(math.log10(max(values, default=10)))
    high = max(high, low + 1)
    left, right = math.log10(sizes[0]), math.log10(sizes[-1])
    across = lambda size: _LEFT + (_RIGHT - _LEFT) * (math.log10(size) - left) / (right - left or 1)  # noqa: E731
    up = lambda value: (_HEIGHT - _BOTTOM) - (_HEIGHT - _BOTTOM - _TOP) * (math.log10(value) - low) / (high - low)  # noqa: E731

    marks = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif"'
        ' font-size="12" role="img">',
        f"<title>{escape(plot.title)}</title>",
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>',
        f'<text x="{_LEFT}" y="22" font-size="14" font-weight="bold">{escape(plot.title)}</text>',
    ]
    for power in range(low, high + 1):
        y = up(10.0**power)
        marks.append(f'<path d="M{_LEFT} {y:.1f}H{_RIGHT}" stroke="#ddd"/>')
        marks.append(f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{_short(10.0**power)}</text>')
    for step, size in zip(steps, sizes, strict=True):
        x = across(size)
        marks.append(f'<path d="M{x:.1f} {_HEIGHT - _BOTTOM}v5" stroke="#333"/>')
        marks.append(
            f'<text x="{x:.1f}" y="{_HEIGHT - _BOTTOM + 20}" text-anchor="middle">{_short(step["size"])}</text>'
        )
    middle = (_LEFT + _RIGHT) / 2
    marks.append(f'<text x="{middle:.0f}" y="{_HEIGHT - 10}" text-anchor="middle">{escape(plot.over)}</text>')
    marks.append(f'<path d="M{_LEFT} {_TOP}V{_HEIGHT - _BOTTOM}H{_RIGHT}" fill="none" stroke="#333"/>')
    ends = []
    for (name, label), colour in zip(plot.lines.items(), _COLOURS, strict=False):
        points = [(across(size), up(step[name])) for size, step in zip(sizes, steps, strict=True) if step[name] > 0]
        if not points:
            continue
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        marks.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        marks += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in points]
        ends.append((points[-1][1], f"{label}: {_short(steps[-1][name])}", colour))
    at = 0.0
    for y, label, colour in sorted(ends):
        at = max(y, at + 15)  # labels do not cover each other
        marks.append(f'<text x="{_RIGHT + 8}" y="{at + 4:.1f}" fill="{colour}">{escape(label)}</text>')
    return "\n".join([*marks, "</svg>"]) + "\n"


def _short(value: float) -> str:
    """Return "12 M", "3.4 k", "250" or "0.02"."""
    for limit, letter in ((1e6, " M"), (1e3, " k")):
        if value >= limit:
            return f"{value / limit:.3g}{letter}"
    return f"{value:.3g}"
