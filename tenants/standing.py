"""Where a thread stands: which database login it uses, and in which schema."""

from dataclasses import dataclass

from django.conf import settings

from tenants.registry_types import CampusEntry

PUBLIC_SCHEMA = "public"


@dataclass(frozen=True, slots=True)
class Standing:
    """One place to stand.

    ``login`` None means the owner, whose search path is set when it connects; every other login has its own fixed by
    ``ALTER ROLE``. ``campus`` is None on the public site, for the relay and for the owner.
    """

    schema: str
    login: str | None
    campus: CampusEntry | None = None


def campus_login(schema: str) -> str:
    """Return the PostgreSQL role of the campus with that schema."""
    return f"{settings.CAMPUS_LOGIN_PREFIX}{schema}"


def public_login() -> str:
    """Return the role of the public site; it is not the owner, for owners bypass row-level security."""
    return f"{settings.CAMPUS_LOGIN_PREFIX}public"


def relay_login() -> str:
    """Return the role of the outbox relay: outbox tables of every schema and nothing else."""
    return f"{settings.CAMPUS_LOGIN_PREFIX}relay"
