"""A world that is the same before every call: what a call committed is taken back, row by row."""

from dataclasses import dataclass
from typing import Any

import psycopg2
from django.db import connection

from tenants import registry
from tenants.context import owner_context


@dataclass
class Kept:
    """Copies of all tables of some schemas, in the schema ``place``.

    A row that was written later has a higher transaction number (``xmin``), so that what changed is found without
    comparing. Foreign keys are checked at the end of the transaction, so tables are put back in any order.
    """

    place: str
    owner: Any
    tables: dict[str, int]
    mark: int

    @classmethod
    def keep(cls, *schemas: str, place: str) -> "Kept":
        """Copy every table of ``schemas`` as it is now. What was at ``place`` is dropped."""
        owner = _connect()
        with owner, owner.cursor() as cursor:
            cursor.execute(f"DROP SCHEMA IF EXISTS {place} CASCADE; CREATE SCHEMA {place}")
            cursor.execute(
                "SELECT schemaname || '.' || tablename FROM pg_tables WHERE schemaname = ANY(%s)", [list(schemas)]
            )
            names = [row[0] for row in cursor.fetchall()]
            cursor.execute("; ".join(f"CREATE TABLE {_copy(place, name)} AS TABLE {name}" for name in names))
            cursor.execute(" UNION ALL ".join(f"SELECT '{name}', count(*) FROM {name}" for name in names))
            tables = dict(cursor.fetchall())
            # Prepared: it is asked after every call, and there are many tables.
            cursor.execute(
                "PREPARE changed(bigint) AS "
                + " UNION ALL ".join(
                    f"SELECT '{name}' WHERE (SELECT count(*) FROM {name}) <> {rows} OR EXISTS "
                    f"(SELECT FROM {name} WHERE xmin::text::bigint > $1)"
                    for name, rows in tables.items()
                )
            )
            return cls(place=place, owner=owner, tables=tables, mark=_transaction(cursor))

    def put_back(self) -> None:
        """Make every table what it was. Costs what was changed, and a look at each table."""
        with self.owner, self.owner.cursor() as cursor:
            cursor.execute("EXECUTE changed(%s)", [self.mark])
            for name in (changed := [row[0] for row in cursor.fetchall()]):
                cursor.execute(f"DELETE FROM {name} WHERE xmin::text::bigint > {self.mark}")
                cursor.execute(f"INSERT INTO {name} (TABLE {_copy(self.place, name)} EXCEPT TABLE {name})")
            if changed:
                self.mark = _transaction(cursor)
        registry.forget()
        registry.get_snapshot()

    def drop(self) -> None:
        """Drop the copies."""
        with self.owner, self.owner.cursor() as cursor:
            cursor.execute(f"DROP SCHEMA IF EXISTS {self.place} CASCADE")
        self.owner.close()


def _connect() -> Any:
    """Return a connection of the owner's own: the thread's is closed whenever it goes elsewhere."""
    with owner_context():
        connection.ensure_connection()
        parameters = connection.connection.get_dsn_parameters() | {"password": connection.settings_dict["PASSWORD"]}
    return psycopg2.connect(**parameters)


def _copy(place: str, name: str) -> str:
    return f'{place}."{name}"'


def _transaction(cursor: Any) -> int:
    """Return a number that no row written so far exceeds; everything written later does."""
    cursor.execute("SELECT pg_current_xact_id()::xid::text::bigint")
    return int(cursor.fetchone()[0])
