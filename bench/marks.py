"""Whose database this is. A bench fills, changes and drops what it finds, so its programs run in marked ones alone."""

from typing import Any

MARK = "made by bench, and deleted by it"


def mark_database(cursor: Any, name: str) -> None:
    """Mark a database that was just created."""
    cursor.execute(f"COMMENT ON DATABASE {name} IS '{MARK}'")


def is_marked(cursor: Any) -> bool:
    """Return whether the database of this connection was made by a bench."""
    cursor.execute("SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()")
    return bool(cursor.fetchone()[0] == MARK)


def refuse_other_databases(cursor: Any) -> None:
    """End the program unless this database was made by a bench. Raises: SystemExit."""
    if not is_marked(cursor):
        raise SystemExit("This database was not made by a bench, and a bench runs against its own alone.")
