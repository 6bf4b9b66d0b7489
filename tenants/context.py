"""The one way to stand in a campus.

django-tenants' own ``with tenant:``, ``schema_context`` and ``tenant_context`` race between threads and fall back to
the public schema (docs/explanation/tenancy.md); a test refuses them outside this package.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

from django.db import connection

from tenants.errors import CampusNotSet
from tenants.registry_types import CampusEntry
from tenants.standing import PUBLIC_SCHEMA, Standing, campus_login, public_login, relay_login

if TYPE_CHECKING:
    from tenants.postgresql.base import DatabaseWrapper


@contextmanager
def campus_context(campus: CampusEntry) -> Iterator[CampusEntry]:
    """Stand in ``campus`` until the block ends, under its own database login.

    Raises: CampusSwitchInTransaction when entered inside ``atomic()`` of another place.
    """
    with _standing_at(campus_standing(campus)):
        yield campus


@contextmanager
def public_context() -> Iterator[None]:
    """Stand on the public site: the registry, super admins, the federation."""
    with _standing_at(Standing(schema=PUBLIC_SCHEMA, login=public_login())):
        yield


@contextmanager
def relay_context() -> Iterator[None]:
    """Stand where outbox tables of every schema, and nothing else, can be reached by qualified names."""
    with _standing_at(Standing(schema=PUBLIC_SCHEMA, login=relay_login())):
        yield


@contextmanager
def owner_context(schema: str = PUBLIC_SCHEMA) -> Iterator[None]:
    """Stand in ``schema`` as the owner of the database: migrations and provisioning only.

    Raises: OwnerCredentialsMissing at the first query where the process was started without them.
    """
    with _standing_at(Standing(schema=schema, login=None)):
        yield


def campus_standing(campus: CampusEntry) -> Standing:
    """Return the standing of a thread that serves ``campus``."""
    return Standing(schema=campus.schema_name, login=campus_login(campus.schema_name), campus=campus)


def current_standing() -> Standing | None:
    """Return where this thread stands, None for nowhere."""
    return wrapper().standing


def find_current_campus() -> CampusEntry | None:
    """Return the campus this thread stands in, None on the public site and nowhere."""
    standing = wrapper().standing
    return standing.campus if standing else None


def current_campus() -> CampusEntry:
    """Return the campus this thread stands in.

    Raises: CampusNotSet when it stands in none.
    """
    campus = find_current_campus()
    if campus is None:
        raise CampusNotSet("This needs a campus, and the thread stands in none.")
    return campus


def site_code() -> str:
    """Return the short name of the site this thread stands in: the campus code in lower case, or ``public``."""
    campus = find_current_campus()
    return campus.code.lower() if campus else PUBLIC_SCHEMA


def wrapper() -> "DatabaseWrapper":
    """Return this thread's connection as what it is."""
    return cast("DatabaseWrapper", connection)


@contextmanager
def _standing_at(standing: Standing) -> Iterator[None]:
    database = wrapper()
    previous = database.standing
    database.stand(standing)
    try:
        yield
    finally:
        database.stand(previous)
