"""What the bench writes: verdicts, noise, plots and the page; no server is started."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from bench.machine import NOISY, Usage
from bench.main import GROUPS, _parse
from bench.plots import BEGIN, END, PLOTS, draw, write_pages
from bench.report import Report, markdown

QUIET, LOUD = Usage(1.0, {}, 0.0), Usage(1.0, {}, 2 * NOISY)


def steps(plot: Any, *sizes: int) -> list[dict[str, Any]]:
    return [{"size": size, **{name: 1.5 * (number + 1) for number, name in enumerate(plot.lines)}} for size in sizes]


@pytest.mark.parametrize(
    ("got", "target", "at_least", "met"),
    [(0.6, 0.6, True, True), (0.59, 0.6, True, False), (5.0, 5, False, True), (5.1, 5, False, False)],
)
def test_a_target_is_met_or_missed(got: float, target: float, at_least: bool, met: bool) -> None:
    report = Report()
    report.aim("it", got, target, at_least=at_least)

    assert report.content()["targets"][0]["met"] is met
    assert ("**missed**" in markdown(report.content())) is not met


@pytest.mark.parametrize(
    ("usages", "conclusive"),
    [([QUIET] * 2 + [LOUD], True), ([QUIET] + [LOUD] * 2, False), ([LOUD], False), ([QUIET], True)],
)
def test_it_says_when_the_machine_was_too_noisy(usages: list[Usage], conclusive: bool) -> None:
    report = Report()
    report.note_noise(usages)

    assert report.content()["conclusive"] is conclusive
    assert ("too noisy to conclude" in markdown(report.content())) is not conclusive


def test_a_part_that_is_not_there_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        _parse(["everything"])

    assert "no part is called everything" in capsys.readouterr().err
    assert set(_parse([]).parts) == set(GROUPS)


@pytest.mark.parametrize("plot", PLOTS, ids=lambda plot: plot.name)
def test_a_plot_is_well_formed_and_names_its_lines(plot: Any) -> None:
    image = ET.fromstring(draw(plot, steps(plot, 0, 1_000, 10_000_000)))
    texts = [element.text or "" for element in image.iter() if element.tag.endswith("text")]

    assert plot.title in texts
    assert {"0", "1 k", "10 M"} <= set(texts)
    assert all(any(text.startswith(f"{label}: ") for text in texts) for label in plot.lines.values())


def test_a_plot_of_one_step_or_of_nothing_is_drawn(tmp_path: Path) -> None:
    plot = PLOTS[0]
    ET.fromstring(draw(plot, steps(plot, 4)))
    ET.fromstring(draw(plot, [{"size": 4, **dict.fromkeys(plot.lines, 0.0)}]))


def test_the_page_keeps_its_prose_and_gets_the_figures(tmp_path: Path) -> None:
    report = Report()
    report.aim("scans", 0.7, 0.6)
    plot = PLOTS[0]
    report.growth[plot.over] = [
        {"size": size, **{name: 2.0 for each in PLOTS if each.over == plot.over for name in each.lines}}
        for size in (4, 40)
    ]
    report.write(tmp_path)
    page = tmp_path / "performance.md"
    page.write_text(f"before\n{BEGIN}\nold figures\n{END}\nafter\n")

    assert [write_pages(tmp_path / "result.json", tmp_path) for _ in range(2)] == [0, 0]

    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert "old figures" not in text
    assert text.count("| scans | ≥ 0.60 × | 0.70 × | met |") == 1
    drawn = {path.name for path in (tmp_path / "performance").iterdir()}
    assert drawn == {f"{each.name}.svg" for each in PLOTS if each.over == plot.over}
    assert all(f"performance/{name}" in text for name in drawn)
    assert json.loads((tmp_path / "result.json").read_text())["machine"] in text


def test_without_a_result_there_is_no_page(tmp_path: Path) -> None:
    assert write_pages(tmp_path / "result.json", tmp_path) == 1
    assert list(tmp_path.iterdir()) == []
