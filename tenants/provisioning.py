"""Making a campus: one operation that can be killed anywhere and run again.

Each step finds its own work done or does it; the campus is routed only after the last one. All of it runs as the owner,
except the first admin, who is created as everything in a campus is: under the campus's own login.
"""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F

from tenants import logins, registry, template
from tenants.context import campus_context, owner_context
from tenants.errors import WrongCampusState
from tenants.keys import pass_signing_key, public_bytes
from tenants.models import Campus, CampusKey, CampusState, RegistryVersion
from tenants.registry_types import CampusEntry
from tenants.versions import code_version

logger = logging.getLogger("eas.tenants")

# The step of a campus that is closed while a backup is put back: nothing for the provisioning worker.
RESTORING: Final = "restore"

CreateAdmin = Callable[[CampusEntry, dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Step:
    """One step of provisioning, as progress shows it: ``number`` counts from 1."""

    name: str
    number: int
    of: int


def provision_campus(*, campus_id: UUID, create_first_admin: CreateAdmin) -> Iterator[Step]:
    """Make the campus's login, schema, grants, pass key and first admin, then open it; yield each step as it begins.

    Idempotent and resumable: run it again after any failure. ``create_first_admin`` is called while standing in the
    campus, and must tolerate that its person exists.

    Locks: the campus's registry row during each step; two workers on one campus take turns.
    Raises: WrongCampusState when the campus is neither in provisioning nor ready.
    """
    steps: list[tuple[str, Callable[[Campus], None]]] = [
        ("login", lambda campus: logins.ensure_campus_login(campus.schema_name)),
        ("schema", _create_schema),
        ("grants", _grant),
        ("keys", _create_key),
    ]
    last = ("first_admin", "ready")
    for number, name in enumerate([*(name for name, _ in steps), *last], start=1):
        yield Step(name, number, len(steps) + len(last))
        try:
            if name == "first_admin":
                _create_first_admin(campus_id, create_first_admin)
            else:
                _take_step(campus_id, name, dict(steps).get(name, _open_campus))
        except WrongCampusState:
            raise
        except Exception as error:
            with owner_context():
                Campus.objects.filter(pk=campus_id).update(provisioning_error=f"{name}: {error}"[:500])
            raise


def touch_registry() -> None:
    """Tell every process that the registry has changed. Call in the transaction that changes it."""
    if not RegistryVersion.objects.filter(pk=1).update(version=F("version") + 1):
        RegistryVersion.objects.bulk_create([RegistryVersion(pk=1)], ignore_conflicts=True)
    transaction.on_commit(registry.forget)  # this process at once; the others see the version


def _take_step(campus_id: UUID, name: str, work: Callable[[Campus], None]) -> None:
    with owner_context(), transaction.atomic():
        campus = Campus.objects.select_for_update(no_key=True).get(pk=campus_id)
        if campus.state not in {CampusState.PROVISIONING, CampusState.READY}:
            raise WrongCampusState(f"{campus.code} is {campus.state}; only a new campus is set up.")
        Campus.objects.filter(pk=campus_id).update(provisioning_step=name, provisioning_error="")
        work(campus)


def _create_schema(campus: Campus) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regnamespace(%s) IS NOT NULL", [campus.schema_name])
        if cursor.fetchone()[0]:
            return  # schema and tables are made in one transaction: one is there only with the other
    template.replay(campus.schema_name)
    Campus.objects.filter(pk=campus.pk).update(schema_version=code_version())


def _grant(campus: Campus) -> None:
    logins.grant_campus(campus.schema_name)
    logins.grant_registry([campus.schema_name])


def _create_key(campus: Campus) -> None:
    key = pass_signing_key(settings.MASTER_KEY, campus_id=str(campus.pk), key_id=1)
    CampusKey.objects.get_or_create(campus=campus, key_id=1, defaults={"public_key": public_bytes(key)})


def _create_first_admin(campus_id: UUID, create: CreateAdmin) -> None:
    with owner_context():
        campus = Campus.objects.get(pk=campus_id)
        Campus.objects.filter(pk=campus_id).update(provisioning_step="first_admin")
    if campus.first_admin:
        with campus_context(campus.entry()) as entry:
            create(entry, campus.first_admin)


def _open_campus(campus: Campus) -> None:
    Campus.objects.filter(pk=campus.pk, state=CampusState.PROVISIONING).update(
        state=CampusState.READY, first_admin=None, provisioning_step=""
    )
    touch_registry()
