"""How many statements every route sends is pinned in ``counts.toml``, at 1, 100 and 1,000 rows of what it is about.

A route that is not in the file fails, and so does a line whose route has gone, a number that has changed, and one that
grows with the rows unless its line says why. How to call a route is taken from the matrix of tests/isolation.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.db import connection

from tenants import registry
from tests.cast import Cast, Http
from tests.isolation.test_matrix import ROUTES, call
from tests.isolation.world import World, build_world
from tests.query_counts.keeping import Kept
from tests.query_counts.pinned import FILE, RENEW, SIZES, Counts, find_differences, print_counts, read_pinned
from tests.query_counts.rows import add_rows
from tests.query_counts.ways import WAYS, Way, add_things

# Reads ask for the longest page of their list; these take no ``page_size``, and say so.
LONGEST_PAGE = {"page_size": "500"}
ASKED_FOR = {
    "GET federation/transcript/": {},
    "GET events/attendance/roll-call/": {"section": "A"},
}


@dataclass
class Counted:
    """The numbers of every route, and what was sent the last time."""

    counts: Counts = field(default_factory=lambda: {"campus": {}, "public": {}})
    sent: dict[str, list[str]] = field(default_factory=dict)


@pytest.fixture
def old_registry(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """Let what a process holds of the registry grow old: when it is read again must not depend on the clock."""
    settings.REGISTRY_TTL = 3600
    monkeypatch.setattr(registry, "_LOOK_AGAIN_SECONDS", 3600)


@pytest.fixture
def kept_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave files where they are: rows are put back after a call, and they are not."""
    monkeypatch.setattr("tenant_apps.uploads.services.delete_file", lambda name: None)


class Asking(Http):
    """Adds to every query string."""

    def __init__(self, more: dict[str, str]) -> None:
        super().__init__()
        self.more = more

    def send(self, *args: Any, query: dict[str, Any] | None = None, **kwargs: Any) -> Any:
        return super().send(*args, query={**(query or {}), **self.more}, **kwargs)


def test_every_route_sends_as_many_statements_as_are_pinned(
    cast: Cast, http: Http, request: Any, old_registry: None, kept_files: None
) -> None:
    world = build_world(cast, http)
    add_things(world, http)
    counted = Counted()
    with _kept(world, place="kept_before"):
        for way in (Way(route.site, route.key) for route in ROUTES if route.method == "get"):
            _call_one(world, http, way, 1)  # what a process keeps is read once
        for few, many in zip((0, *SIZES), SIZES, strict=False):
            add_rows(world.here, cast, since=few, until=many)
            _call_all(world, http, counted, size=many)
    before = FILE.read_text() if FILE.exists() else ""
    if request.config.getoption("renew_counts"):
        before = print_counts(counted.counts, before=before)
        FILE.write_text(before)

    differences = find_differences(pinned=read_pinned(before), counted=counted.counts, before=before)

    assert not differences, _explain(differences, counted.sent)


@contextmanager
def _kept(world: World, *, place: str) -> Iterator[Kept]:
    """Take back in the end whatever the block has changed: nobody else should have to drop a thousand campuses."""
    kept = Kept.keep(world.here.site.campus.schema_name, "public", place=place)
    try:
        yield kept
    finally:
        kept.put_back()
        kept.drop()


def _call_all(world: World, http: Http, counted: Counted, *, size: int) -> None:
    """Call every route on the world as it is now, in every way, and write down how many statements each call sent."""
    ways = [*(Way(route.site, route.key) for route in ROUTES), *WAYS]
    with _kept(world, place="kept") as kept:
        for way in ways:
            sent = _call_one(world, http, way, size)
            counted.counts[way.site].setdefault(way.key, []).append(len(sent))
            counted.sent[f"{way.site}: {way.key}"] = sent
            if way.writes:
                kept.put_back()


def _call_one(world: World, http: Http, way: Way, size: int) -> list[str]:
    """Return the statements that the call sent."""
    case, route = way.case(size), next(route for route in ROUTES if (route.site, route.key) == (way.site, way.route))
    at = "localhost" if way.site == "public" else world.here.site
    if not way.writes:
        http = Asking(ASKED_FOR.get(way.route, LONGEST_PAGE))
    sent: list[str] = []

    def note(execute: Any, sql: Any, *rest: Any) -> Any:
        sent.append(" ".join(str(sql).split()))
        return execute(sql, *rest)

    before = connection.statements
    with connection.execute_wrapper(note):
        answer = call(http, route, case, world.here, by=way.caller(world), at=at)
    assert answer.status_code == case.status, (way.key, size, answer.content)
    assert connection.statements - before == len(sent)
    return sent


def _explain(differences: list[str], sent: dict[str, list[str]]) -> str:
    """Return the differences with what each of the routes sent at the largest size, and what to do about them."""
    parts = []
    for sentence in differences:
        route = max((name for name in sent if sentence.startswith(f"{name} ")), key=len, default="")
        parts += [sentence, *(f"    {sql[:160]}" for sql in sent.get(route, ())[:40])]
    return "\n".join([*parts, f"Fewer, or rightly more? Renew the file: {RENEW}"])
