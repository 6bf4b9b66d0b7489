"""Whom an event expects: decided from values alone."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

MOST_ROWS: Final = 50
PARTS: Final = ("department", "program", "year_level", "section")


def is_in_audience(audience: Iterable[Mapping[str, Any]], person: Mapping[str, Any]) -> bool:
    """Return whether any row of ``audience`` describes ``person``; an empty audience is everybody.

    A row describes whoever has all of its parts, as the profile says them, in any case.
    """
    rows = list(audience)
    return not rows or any(all(_same(person.get(part), wanted) for part, wanted in row.items()) for row in rows)


def _same(has: Any, wanted: Any) -> bool:
    return has.casefold() == wanted.casefold() if isinstance(has, str) and isinstance(wanted, str) else has == wanted
