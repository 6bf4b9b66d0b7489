"""The documentation holds together: nothing is linked that is not there, and nothing is there that nobody finds."""

import re
from io import StringIO
from pathlib import Path

from django.core.management import call_command

from tenant_apps.attendance.rules.scans import Code

ROOT = Path(__file__).resolve().parents[2]
PAGES = {ROOT / "README.md", *(ROOT / "docs").rglob("*.md")}
COMING = ROOT / "docs" / "how-to" / "send-a-file-of-scans.md"  # written with the file of scans
LINK = re.compile(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)")


def links(page: Path) -> set[Path]:
    return {(page.parent / link).resolve() for link in LINK.findall(page.read_text())}


def test_what_is_linked_is_there() -> None:
    assert sorted(str(link) for page in PAGES for link in links(page) - {COMING} if not link.exists()) == []


def test_every_page_is_found_from_the_first() -> None:
    found, looked = {ROOT / "README.md"}, set()
    while rest := found - looked:
        page = rest.pop()
        looked.add(page)
        for link in links(page):
            found |= set(link.glob("*.md")) if link.is_dir() else {link} & PAGES
    assert sorted(str(page) for page in PAGES - found) == []


def test_organizers_read_what_to_do_about_every_answer_of_a_door() -> None:
    page = (ROOT / "docs" / "how-to" / "take-attendance.md").read_text()
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    explained = {code for row in rows for code in re.findall(r"`(\w+)`", row)}
    assert set(Code.values) - explained == set()


def test_every_answer_of_a_door_is_among_the_printed_codes() -> None:
    printed = StringIO()
    call_command("print_error_codes", stdout=printed)
    assert [code for code in Code.values if f"| `{code}` |" not in printed.getvalue()] == []
