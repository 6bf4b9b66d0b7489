"""Statements that PostgreSQL plans once for each connection instead of each time.

psycopg2 sends every statement as text, and planning the ones that record a scan takes longer than running them. A
``Statement`` is prepared (SQL's PREPARE) on a connection when it is first run there; the connection remembers what it
has prepared, and is parked with that memory. Its name is a digest of its text, so a name never means two texts.

A plan is made for tables as large as they are at that moment, and PostgreSQL keeps it until somebody analyzes them: at
the gate of a new campus that is thousands of scans later, each of which reads whole tables. So it is made anew, soon
and often at first.

A pooler in transaction mode hands each transaction to another server connection, which has prepared nothing: there
EAS_DB_PREPARE is false, and the same statements are sent as text.
"""

import hashlib
import re
from collections.abc import Mapping
from typing import Any, Final, cast

import psycopg2.extensions
from django.conf import settings
from django.db import NotSupportedError, connection

_SOONEST: Final = 64
_MOST_RUNS: Final = 512
_PLACE: Final = re.compile(r"%\((\w+)\)s")


class Connection(psycopg2.extensions.connection):
    """A connection that knows how often it has run each of its prepared statements."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.prepared: dict[str, int] = {}


class Statement:
    """SQL with ``%(name)s`` for values, and the SQL type of each name."""

    def __init__(self, sql: str, types: Mapping[str, str]) -> None:
        self.sql = sql
        names = list(dict.fromkeys(_PLACE.findall(sql)))
        text = _PLACE.sub(lambda found: f"${names.index(found[1]) + 1}", sql).replace("%%", "%")
        kinds = ", ".join(types[name] for name in names)
        self.name = f"eas_{hashlib.sha256(f'{kinds}|{text}'.encode()).hexdigest()[:16]}"
        self._prepare = f"PREPARE {self.name} ({kinds}) AS {text}"
        self._execute = f"EXECUTE {self.name} ({', '.join(f'%({name})s' for name in names)})"

    def run(self, values: Mapping[str, Any]) -> Any:
        """Run it where this thread stands; return the first row, None where there is none."""
        with connection.cursor() as cursor:
            if settings.DB_PREPARE:
                raw = cast(Connection, connection.connection)
                runs = raw.prepared.get(self.name, 0)
                if is_due(runs):
                    # Past Django's cursor: it belongs to the connection, not to the statements of a request.
                    with connection.wrap_database_errors, raw.cursor() as plain:
                        plain.execute(self._prepare if runs == 0 else f"DEALLOCATE {self.name}; {self._prepare}")
                raw.prepared[self.name] = runs + 1
                try:
                    cursor.execute(self._execute, values)
                except NotSupportedError:
                    # A migration has changed the type of a column that this returns, and PostgreSQL keeps to the old
                    # one. Django closes the connection after an error; until then the text is sent.
                    if connection.in_atomic_block:
                        raise
                    cursor.execute(self.sql, values)
            else:
                cursor.execute(self.sql, values)
            return cursor.fetchone()


def is_due(runs: int) -> bool:
    """Return whether to plan (anew) after so many runs on a connection: none, 64, 128, 256, 512, 1024, 1536 …"""
    if runs < _SOONEST:
        return runs == 0
    return runs & (runs - 1) == 0 if runs < _MOST_RUNS else runs % _MOST_RUNS == 0
