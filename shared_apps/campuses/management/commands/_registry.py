"""What the registry's commands share: finding a campus, and saying what went wrong in one line."""

import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management.base import CommandError

from shared_apps.common.errors import DomainError
from tenants.errors import BackupError, OwnerCredentialsMissing
from tenants.registry import find_campus
from tenants.registry_types import CampusEntry


@contextmanager
def plain_errors() -> Iterator[None]:
    """Turn refusals into one line and exit status 1."""
    try:
        yield
    except (DomainError, OwnerCredentialsMissing, BackupError) as error:
        raise CommandError(f"{getattr(error, 'code', 'refused')}: {error}") from None


def require_campus(code: str) -> CampusEntry:
    """Return the campus with that code."""
    campus = find_campus(code)
    if campus is None:
        raise CommandError(f"There is no campus {code!r}; list_campuses shows those there are.")
    return campus


def require_confirmation(campus: CampusEntry, typed: str | None, *, to: str) -> None:
    """Let the campus's code be typed once more, unless it was given on the command line."""
    if typed is None:
        typed = input(f"Type {campus.code} to {to}: ")
    if typed != campus.code:
        raise CommandError("Nothing was done: the code was not typed.")


def ask_password(variable: str, *, prompt: str = "Password: ", may_ask: bool = True) -> str:
    """Return the password from the environment variable, or what somebody at the terminal types."""
    password = os.environ.get(variable, "")
    if not password and may_ask:
        try:
            password = getpass.getpass(prompt)
        except EOFError:  # nobody is there
            password = ""
    if not password:
        raise CommandError(f"A password is needed: type it, or set {variable}.")
    return password
