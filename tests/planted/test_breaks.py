"""Each planted break makes the suite fail."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.planted.breaks import BREAKS, Break, page

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "planted-breaks.md"


def test_every_break_still_finds_its_place() -> None:
    for planted in BREAKS:
        assert (ROOT / planted.path).read_text().count(planted.old) == 1, planted.name
    assert len({planted.name for planted in BREAKS}) == len(BREAKS) >= 25


def test_the_page_lists_every_break() -> None:
    assert PAGE.read_text() == page(), "run: python -m tests.planted.breaks > docs/planted-breaks.md"


@pytest.mark.slow
@pytest.mark.parametrize("planted", BREAKS, ids=lambda planted: planted.name)
def test_the_suite_notices(planted: Break, tmp_path: Path) -> None:
    copy = tmp_path / "eas"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".venv", "var", ".git", "__pycache__", ".*cache"))
    broken = copy / planted.path
    broken.write_text(broken.read_text().replace(planted.old, planted.new))

    noticed = subprocess.run(
        [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:xdist", "--no-header", *planted.tests],
        cwd=copy,
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "COV"))},
            "PYTEST_XDIST_WORKER": f"planted{os.environ.get('PYTEST_XDIST_WORKER', '')}",
            "EAS_NO_VENV": "1",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )

    assert noticed.returncode == 1, f"nobody noticed: {planted.name}\n{noticed.stdout[-2000:]}{noticed.stderr[-1000:]}"
    assert re.search(r"FAILED|ERROR", noticed.stdout), noticed.stdout[-2000:]
