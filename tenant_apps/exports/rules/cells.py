"""How a value of a list stands in a cell, so that a spreadsheet takes it for what it is, and never for a formula."""

import unicodedata
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final

from django.db import models

Cell = str | int | float | bool | date | datetime | None

# A spreadsheet reads what begins like this as a formula. NFKC folds full-width and small forms onto these.
_FORMULA: Final = frozenset("=+-@\u2212")
# What stands before them is skipped by some: spaces, and what cannot be seen, by its category in Unicode.
_SKIPPED: Final = ("C", "Z")
_LONGEST: Final = 32_767


class Kind(models.TextChoices):
    """What a column holds. The ids are left out on paper."""

    TEXT = "text"
    NUMBER = "number"
    YES_NO = "yes_no"
    INSTANT = "instant"
    DAY = "day"
    ID = "id"


def find_value(row: Mapping[str, Any], path: str) -> Any:
    """Return what a row of a list has at ``path``, names with points between; None where it has nothing there."""
    value: Any = row
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def to_cell(value: Any, kind: Kind) -> Cell:
    """Return a value as a cell has it: an instant as wall time in the zone in which the list answers it."""
    if value is None or value == "":
        return None
    if kind == Kind.INSTANT:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
        return moment.replace(tzinfo=None, microsecond=0)
    if kind == Kind.DAY:
        return value if isinstance(value, date) else date.fromisoformat(value)
    if kind in {Kind.NUMBER, Kind.YES_NO} and isinstance(value, int | float):
        return value
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def is_formula(text: str) -> bool:
    """Return whether a spreadsheet could take ``text`` for a formula."""
    if text[:1] in {"\t", "\r", "\n"}:
        return True
    for character in text:
        if not unicodedata.category(character).startswith(_SKIPPED):
            return unicodedata.normalize("NFKC", character)[:1] in _FORMULA
    return False


def write_cell(cell: Cell) -> str:
    """Return a cell as CSV has it. Text that could be a formula begins with an apostrophe; a number is a number."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, datetime):
        return f"{cell:%Y-%m-%d %H:%M:%S}"
    if isinstance(cell, str):
        return f"'{cell}" if is_formula(cell) else cell
    return str(cell)


def clean_text(text: str) -> str:
    """Return ``text`` as a sheet may hold it: no control characters but tabs and line breaks, and not too long."""
    return "".join(
        character for character in text if character in "\t\n" or unicodedata.category(character) not in {"Cc", "Cs"}
    )[:_LONGEST]
