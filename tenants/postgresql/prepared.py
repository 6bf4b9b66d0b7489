"""Statements that PostgreSQL plans once for each connection instead of each time.

psycopg2 sends every statement as text, and planning the ones that record a scan takes longer than running them. A
``Statement`` is prepared (SQL's PREPARE) on a connection when it is first run there; the connection remembers what it
has prepared, and is parked with that memory. Its name is a digest of its text, so a name never means two texts.

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

_PLACE: Final = re.compile(r"%\((\w+)\)s")


class Connection(psycopg2.extensions.connection):
    """A connection that knows which statements it has prepared."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.prepared: set[str] = set()


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
                if self.name not in raw.prepared:
                    # Past Django's cursor: it belongs to the connection, not to the statements of a request.
                    with connection.wrap_database_errors, raw.cursor() as plain:
                        plain.execute(self._prepare)
                    raw.prepared.add(self.name)
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
