"""Rows by the million, in one campus: copies of a row that the product wrote, with other keys and times.

Whatever columns a table has, a copy has them too, so nothing here changes when a column is added. Scans, of which
there are most, go through COPY, without the table's indexes, which are made again afterwards.
"""

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg2.sql import SQL, Composed, Identifier

# So many scans come to one attendance: people go in and out, and are scanned twice.
SCANS_PER_ATTENDANCE = 10
_AT_ONCE = 20_000
_YEAR = 365 * 86_400
_SCATTER, _UUIDS = 0x9E3779B97F4A7C15F39CC0605CEDC835, (1 << 128) - 1  # odd: no two numbers come to the same


def grow_students(cursor: Any, schema: str, count: int, *, prefix: str) -> None:
    """Add students: a user and a profile each."""
    _clone(
        cursor, schema, "accounts_user", count,
        where="role = 'student'",
        fresh="jsonb_build_object('id', md5(%(prefix)s || n)::uuid, 'person_id', md5(%(prefix)s || 'p' || n)::uuid,"
        " 'username', %(prefix)s || n, 'student_id', %(prefix)s || n)",
        prefix=prefix,
    )  # fmt: skip
    _clone(
        cursor, schema, "accounts_profile", count,
        where="true", fresh="jsonb_build_object('user_id', md5(%(prefix)s || n)::uuid)", prefix=prefix,
    )  # fmt: skip


def grow_events(cursor: Any, schema: str, count: int, *, prefix: str) -> None:
    """Add events with one session each, an hour apart, into the past."""
    session = ("opens_at", "starts_at", "late_after", "ends_at", "closes_at")
    for table, key, columns, more in (
        ("events_event", "", ("starts_at", "ends_at"), "'title', 'Event ' || n"),
        ("events_session", "s", session, "'event_id', md5(%(prefix)s || n)::uuid"),
    ):
        times = ", ".join(f"'{column}', t.{column} - n * interval '1 hour'" for column in columns)
        fresh = f"jsonb_build_object('id', md5(%(prefix)s || '{key}' || n)::uuid, {times}, {more})"
        _clone(cursor, schema, table, count, where="true", fresh=fresh, prefix=prefix)


def grow_scans(cursor: Any, schema: str, count: int, *, done: int, prefix: str, students: int, events: int) -> None:
    """Add scans, and the attendance they amount to, of the students and events that were added under ``prefix``.

    ``done``: how many were added before. The tables must hold one accepted scan and its attendance.
    Raises: ValueError when there are not so many pairs of students and events.
    """
    first, last = done // SCANS_PER_ATTENDANCE, (done + count) // SCANS_PER_ATTENDANCE
    if last > students * events:
        raise ValueError("more attendances than pairs of students and events")
    # Made once each, not ten million times.
    people = [_id(f"{prefix}{number}") for number in range(1, students + 1)]
    held = [(_id(f"{prefix}{number}"), _id(f"{prefix}s{number}")) for number in range(1, events + 1)]
    begin, step = datetime.now(UTC) - timedelta(seconds=_YEAR), _YEAR / (done + count)

    def at(number: int) -> str:
        return f"{begin + timedelta(seconds=number * step):%Y-%m-%d %H:%M:%S+00}"

    def attendances() -> Iterator[dict[str, str]]:
        for number in range(first, last):
            event, person = divmod(number, students)
            when = at(number * SCANS_PER_ATTENDANCE)
            yield {
                "id": _key("a", number), "user_id": people[person], "event_id": held[event][0],
                "session_id": held[event][1], "first_in_at": when, "created_at": when, "updated_at": when,
                "first_scan_id": _key("5", number * SCANS_PER_ATTENDANCE),
            }  # fmt: skip

    def scans() -> Iterator[dict[str, str]]:
        when = ""
        for number in range(first * SCANS_PER_ATTENDANCE, last * SCANS_PER_ATTENDANCE):
            attendance = number // SCANS_PER_ATTENDANCE
            event, person = divmod(attendance, students)
            if not when or number % 64 == 0:
                when = at(number)
            yield {
                # Clients choose scan_id at random: the index of them grows everywhere at once.
                "id": _key("5", number), "scan_id": f"{number * _SCATTER & _UUIDS:032x}", "user_id": people[person],
                "event_id": held[event][0], "session_id": held[event][1], "received_at": when, "effective_at": when,
                "attendance_id": _key("a", attendance),
            }  # fmt: skip

    for table, rows, where in (
        ("attendance_attendance", attendances(), "user_id IS NOT NULL"),
        ("attendance_scan", scans(), "outcome = 'recorded'"),
    ):
        with _without_indexes(cursor, schema, table):
            _copy(cursor, schema, table, rows, where=where)


def _clone(cursor: Any, schema: str, table: str, count: int, *, where: str, fresh: str, prefix: str) -> None:
    place = Identifier(schema, table)
    query = SQL(
        "INSERT INTO {place} SELECT (jsonb_populate_record(t, " + fresh + ")).*"
        " FROM {place} t, generate_series(1, %(count)s) n"
        " WHERE t.ctid = (SELECT ctid FROM {place} WHERE " + where + " LIMIT 1)"
    ).format(place=place)
    cursor.execute(query, {"prefix": prefix, "count": count})


def _copy(cursor: Any, schema: str, table: str, rows: Iterator[dict[str, str]], *, where: str) -> None:
    place = Identifier(schema, table)
    out = io.StringIO()
    one = SQL("COPY (SELECT * FROM {} WHERE " + where + " LIMIT 1) TO STDOUT (HEADER)").format(place)
    cursor.copy_expert(one, out)
    header, _, template = out.getvalue().rstrip("\n").partition("\n")
    if not template:
        raise SystemExit(f"{schema}.{table} has no row to copy.")
    names, values = header.split("\t"), template.split("\t")
    first = next(rows, None)
    if first is None:
        return
    line = "\t".join(
        f"%({name})s" if name in first else value.replace("%", "%%") for name, value in zip(names, values, strict=True)
    )
    into = SQL("COPY {} FROM STDIN").format(place)
    lines = [line % first]
    for values_of in rows:
        lines.append(line % values_of)
        if len(lines) == _AT_ONCE:
            cursor.copy_expert(into, io.StringIO("\n".join(lines) + "\n"))
            lines.clear()
    if lines:
        cursor.copy_expert(into, io.StringIO("\n".join(lines) + "\n"))


@contextmanager
def _without_indexes(cursor: Any, schema: str, table: str) -> Iterator[None]:
    """Take away indexes and keys while rows are copied, but for the key that other tables refer to."""
    name = f'"{schema}"."{table}"'
    cursor.execute(
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint c WHERE conrelid = %s::regclass"
        " AND contype IN ('f', 'u', 'p') AND NOT EXISTS"
        " (SELECT 1 FROM pg_constraint r WHERE r.contype = 'f' AND r.conindid = c.conindid AND c.contype <> 'f')",
        [name],
    )
    constraints = cursor.fetchall()
    for constraint, _ in constraints:
        cursor.execute(_alter(name, "DROP CONSTRAINT {}", constraint))
    cursor.execute(
        "SELECT i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) FROM pg_index i"
        " WHERE i.indrelid = %s::regclass"
        " AND NOT EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conindid = i.indexrelid)",
        [name],
    )
    indexes = cursor.fetchall()
    for index, _ in indexes:
        cursor.execute(f"DROP INDEX {index}")
    yield
    cursor.execute("SET maintenance_work_mem = '512MB'")
    for _, definition in indexes:
        cursor.execute(definition)
    for constraint, definition in constraints:
        cursor.execute(_alter(name, "ADD CONSTRAINT {} " + definition, constraint))
    cursor.execute(f"ANALYZE {name}")


def _alter(table: str, action: str, constraint: str) -> Composed:
    return SQL(f"ALTER TABLE {table} " + action.replace("{}", "{name}")).format(name=Identifier(constraint))


def _key(kind: str, number: int) -> str:
    """Return an id that grows with time, as those of the product do."""
    return f"01900000-{kind}000-7000-8000-{number:012x}"


def _id(text: str) -> str:
    """Return what PostgreSQL makes of ``md5(text)::uuid``."""
    return str(UUID(hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()))
