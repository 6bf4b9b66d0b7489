"""The pinned numbers: how the file is read, compared with what was counted, and written again."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

FILE: Final = Path(__file__).parent / "counts.toml"
SIZES: Final = (1, 100, 1000)
RENEW: Final = "python3 manage.py test tests/query_counts --renew-counts"

# By site and route, one number for each size.
Counts = dict[str, dict[str, list[int]]]

_HEAD: Final = f"""\
# How many SQL statements a call of each route sends, where there are 1, 100 and 1,000 rows of what it is about.
# The three numbers are equal unless a comment says why not. More of them than a change needs is a bug of the change.
# Written by: {RENEW}
# Comments after the numbers are kept.
"""
_LINE: Final = re.compile(r'"(?P<route>[^"]+)" *= *\[[^]]*\](?P<comment> *#.*)?')


def read_pinned(text: str) -> Counts:
    """Return the numbers of the file."""
    return {site: dict(routes) for site, routes in tomllib.loads(text).items()}


def print_counts(counts: Mapping[str, Mapping[str, list[int]]], *, before: str) -> str:
    """Return the file's new text; comments of routes that are still there are taken over from ``before``."""
    comments = _comments(before)
    parts = [_HEAD]
    for site, routes in sorted(counts.items()):
        parts.append(f"\n[{site}]\n")
        width = max(len(route) for route in routes) + 2
        for route, numbers in sorted(routes.items(), key=lambda item: (item[0].split()[1], item[0])):
            name = f'"{route}"'
            parts.append(f"{name:{width}} = {numbers}{comments.get((site, route), '')}\n")
    return "".join(parts)


def find_differences(*, pinned: Mapping[str, Mapping[str, list[int]]], counted: Mapping[str, Mapping[str, list[int]]],
                     before: str = "") -> list[str]:  # fmt: skip
    """Return a sentence for each route that is not pinned, has gone, has other numbers, or changes with the rows without a comment."""
    comments, found = _comments(before), []
    for site in sorted({*pinned, *counted}):
        old, new = pinned.get(site, {}), counted.get(site, {})
        for route in sorted({*old, *new}):
            name = f"{site}: {route}"
            if route not in new:
                found.append(f"{name} is pinned, and there is no such route")
            elif route not in old:
                found.append(f"{name} is not pinned; it sends {new[route]}")
            elif old[route] != new[route]:
                found.append(f"{name} is pinned at {old[route]}, and sends {new[route]}")
            elif len(set(new[route])) > 1 and (site, route) not in comments:
                found.append(f"{name} sends {new[route]}: not the same with more rows, and no comment says why")
    return found


def _comments(text: str) -> dict[tuple[str, str], str]:
    """Return the comment behind each route's numbers."""
    site, found = "", {}
    for line in text.splitlines():
        if line.startswith("["):
            site = line.strip("[] ")
        elif (match := _LINE.match(line)) and match["comment"]:
            found[site, match["route"]] = match["comment"]
    return found
