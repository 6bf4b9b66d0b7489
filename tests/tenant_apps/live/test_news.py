"""What is found since a cursor: each row once, in whatever order transactions end."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import psycopg2
import pytest
from django.db import connection

from shared_apps.common.clock import now
from shared_apps.common.ids import uuid7
from tenant_apps.live.rules import KEPT, Cursor, read_cursor
from tenant_apps.live.selectors import News, find_news
from tests.cast import Cast, Site
from tests.factories import make_event

INSERT = """
    INSERT INTO attendance_scan (id, fingerprint, event_id, operator_id, direction, method, outcome, code, reason,
                                 received_at, effective_at, time_corrected, answer)
    VALUES (%(id)s, '', %(event)s, %(id)s, 'in', 'none', 'refused', 'unknown_pass', '', %(at)s, %(at)s, false, '{}')
"""


@contextmanager
def another_door(site: Site) -> Iterator[Any]:
    """A transaction of the campus on a connection of its own; the block ends it."""
    with site.here():
        connection.ensure_connection()
        raw = psycopg2.connect(**{**connection.get_connection_params(), "cursor_factory": None})
    try:
        yield raw
    finally:
        raw.close()


def write(raw: Any, event_id: UUID) -> str:
    """Store a refused scan in the open transaction of ``raw``; return its id."""
    scan_id = str(uuid7())
    with raw.cursor() as cursor:
        cursor.execute(INSERT, {"id": scan_id, "event": str(event_id), "at": now()})
    return scan_id


def look(site: Site, event_id: UUID, cursor: Cursor | None) -> News:
    with site.here():
        return find_news(cursor=cursor, events={event_id}, counted=set(), people={})


def ids(news: News) -> list[str]:
    return [scan["id"] for scan in news.scans]


def test_transactions_that_end_in_another_order_than_they_began(cast: Cast) -> None:
    site = cast.malimono
    event_id = make_event(site).pk
    with another_door(site) as slow, another_door(site) as quick, another_door(site) as nested:
        before = look(site, event_id, None).cursor
        first = write(slow, event_id)
        second = write(quick, event_id)
        quick.commit()
        seen = look(site, event_id, before)
        assert ids(seen) == [second]  # not held up by the one that is open
        # A savepoint has a number of its own, which no snapshot of PostgreSQL names.
        with nested.cursor() as cursor:
            cursor.execute("SELECT pg_current_xact_id()")
            cursor.execute("SAVEPOINT inner_one")
        third = write(nested, event_id)
        kept = read_cursor(str(seen.cursor), at=int(now().timestamp()))
        assert kept == seen.cursor
        later = look(site, event_id, kept)
        assert ids(later) == []
        slow.commit()
        nested.commit()
        last = look(site, event_id, later.cursor)
        assert set(ids(last)) == {first, third}
        assert set(ids(look(site, event_id, kept))) == {first, third}  # whoever was away meanwhile
        assert ids(look(site, event_id, last.cursor)) == []


def test_a_first_look_names_what_it_counted(cast: Cast) -> None:
    site = cast.malimono
    event_id = make_event(site).pk
    with another_door(site) as slow, another_door(site) as quick:
        first = write(slow, event_id)
        second = write(quick, event_id)
        quick.commit()
        begun = look(site, event_id, None)
        assert ids(begun) == [second]
        slow.commit()
        assert ids(look(site, event_id, begun.cursor)) == [first]


def test_what_streams_share_is_behind_each_of_them() -> None:
    one, other = Cursor(10, frozenset({12, 15}), 100), Cursor(11, frozenset({15, 17}), 90)
    assert Cursor.behind([one, other]) == Cursor(10, frozenset({15}), 90)
    assert one.advance(horizon=13, transactions=[14, 11], at=101) == Cursor(13, frozenset({14, 15}), 101)
    assert [number for number in range(9, 17) if one.covers(number)] == [9, 12, 15]


AT = 1_800_000_000


@pytest.mark.parametrize(
    "text",
    [
        "", "x", "1-2", "-1-1800000000-", "5-1800000000", "5-1800000000-a", "5-1800000000-1..2", "٥-1800000000-",
        f"5-{AT - KEPT - 1}-", f"5-{AT + 121}-", "5-1800000000-" + "1." * 5000, "9" * 19 + f"-{AT}-", f"5-{AT}-1\n",
    ],
)  # fmt: skip
def test_unusable_cursors_begin_anew(text: str) -> None:
    assert read_cursor(text, at=AT) is None


def test_a_cursor_that_would_be_too_long_is_not_sent() -> None:
    cursor = Cursor(1, frozenset(range(1, 402)), AT)
    assert str(cursor) == ""
    assert read_cursor(str(Cursor(7, frozenset({9, 8}), AT)), at=AT) == Cursor(7, frozenset({8, 9}), AT)
