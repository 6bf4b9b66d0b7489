"""Migrating many campuses: in parallel, skipping those with nothing to do, going on when one fails.

The public schema and the template are migrated by Django. A campus that lacks migrations gets their recorded SQL in one
transaction; where one of them runs Python over data, Django migrates that campus itself. What a campus has is read
from its own journal (``django_migrations``), so a run that was killed resumes, and a campus restored from an old backup
is found.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from queue import SimpleQueue
from uuid import UUID

from django.conf import settings
from django.db import connection, connections, transaction
from django.db.migrations import RunPython
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader

from tenants import logins, template
from tenants.context import owner_context
from tenants.models import Campus, CampusDomain, CampusState
from tenants.provisioning import touch_registry
from tenants.versions import code_version

_SCHEMAS_A_QUERY = 200

Migration = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What happened to one campus: how many migrations it got, or why it got none."""

    code: str
    applied: int
    error: str = ""


def migrate_public() -> list[Migration]:
    """Migrate the public schema, its logins, grants and hosts; return what was applied."""
    with owner_context():
        executor = MigrationExecutor(connection)
        targets = executor.loader.graph.leaf_nodes()
        plan = executor.migration_plan(targets)
        executor.migrate(targets, plan=plan)
        with transaction.atomic():
            logins.prepare_database()
            logins.grant_public()
            hosts = [CampusDomain(host=host) for host in settings.PUBLIC_HOSTS]
            CampusDomain.objects.bulk_create(hosts, ignore_conflicts=True)
            if plan:
                touch_registry()
                served = Campus.objects.filter(schema_version__gt=0).exclude(state=CampusState.ARCHIVED)
                logins.grant_registry(list(served.values_list("schema_name", flat=True)))
    return [(step.app_label, step.name) for step, _ in plan]


def migrate_campuses(*, jobs: int, on_outcome: Callable[[Outcome], None], only: UUID | None = None) -> list[Outcome]:
    """Bring every campus (or the ``only`` one) that is behind up to date, ``jobs`` at a time; report each as it ends.

    Campuses in provisioning without a schema yet, and archived ones whose schema was dropped, are passed over.

    Locks: a campus's registry row while it is migrated; its tables for at most 3 seconds of waiting.
    """
    wanted = _template_journal()
    with owner_context():
        asked = Campus.objects.order_by("code") if only is None else Campus.objects.filter(pk=only)
        campuses = {campus.schema_name: campus for campus in asked}
        journals = dict(_journals(list(campuses)))
    behind = [(campuses[schema], [m for m in wanted if m not in done]) for schema, done in journals.items()]
    behind = [(campus, missing) for campus, missing in behind if missing or campus.schema_version < code_version()]
    replayable = _replayable({migration for _, missing in behind for migration in missing})
    work: SimpleQueue[tuple[Campus, list[Migration]] | None] = SimpleQueue()
    done: SimpleQueue[Outcome | BaseException] = SimpleQueue()
    for item in [*behind, *[None] * jobs]:
        work.put(item)
    outcomes = []
    with ThreadPoolExecutor(max_workers=jobs, thread_name_prefix="migrate") as threads:
        for _ in range(jobs):
            threads.submit(_migrate_some, work, done, wanted, replayable)
        for _ in behind:
            outcome = done.get()
            if isinstance(outcome, BaseException):
                raise outcome  # told to stop: what was committed stays
            outcomes.append(outcome)
            on_outcome(outcome)
    return outcomes


def repair_logins() -> int:
    """Give every campus's login its password, settings and grants again; return how many there are.

    A login may change its own password and settings, and then the campus is shut out. Nothing that the owner may read
    tells such a login from a good one, so this is done when asked for, not with every migration.

    Locks: a campus's registry row while its login is repaired.
    """
    with owner_context():
        campuses = list(Campus.objects.exclude(schema_version=0).order_by("code"))
        there = dict(_journals([campus.schema_name for campus in campuses]))
        campuses = [campus for campus in campuses if campus.schema_name in there]
        for campus in campuses:
            with transaction.atomic():
                Campus.objects.select_for_update(no_key=True).get(pk=campus.pk)
                logins.ensure_campus_login(campus.schema_name)
                logins.grant_campus(campus.schema_name)
                logins.grant_registry([campus.schema_name])
    return len(campuses)


def _template_journal() -> list[Migration]:
    with owner_context(template.TEMPLATE_SCHEMA), connection.cursor() as cursor:
        cursor.execute("SELECT app, name FROM django_migrations ORDER BY id")
        return cursor.fetchall()


def _journals(schemas: list[str]) -> Iterator[tuple[str, set[Migration]]]:
    """Yield (schema, applied migrations) of those schemas that exist, some hundred in each statement.

    ``to_regclass`` answers from the catalogue's cache; Django's own look-up lists every table of every campus.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT s FROM unnest(%s::text[]) AS s WHERE to_regclass(s || '.django_migrations') IS NOT NULL ORDER BY s",
            [schemas],
        )
        existing = [row[0] for row in cursor.fetchall()]
        for start in range(0, len(existing), _SCHEMAS_A_QUERY):
            part = existing[start : start + _SCHEMAS_A_QUERY]
            cursor.execute(
                " UNION ALL ".join(
                    f"SELECT '{schema}', array_agg(app || '.' || name) FROM {schema}.django_migrations"
                    for schema in part
                )
            )
            for schema, applied in cursor.fetchall():
                yield schema, {tuple(name.split(".", 1)) for name in applied or ()}


def _replayable(migrations: set[Migration]) -> set[Migration]:
    """Return those whose recorded SQL does all that the migration does; Python over data cannot be replayed."""
    loader = MigrationLoader(None)
    labels = template.campus_labels()
    return {
        key
        for key in migrations
        if key[0] not in labels
        or not any(isinstance(operation, RunPython) for operation in loader.disk_migrations[key].operations)
    }


def _migrate_some(
    work: "SimpleQueue[tuple[Campus, list[Migration]] | None]",
    done: "SimpleQueue[Outcome | BaseException]",
    wanted: list[Migration],
    replayable: set[Migration],
) -> None:
    """Migrate campuses until there are none left, over one connection: opening one costs more than a column does."""
    with owner_context():
        while item := work.get():
            campus = item[0]
            try:
                done.put(Outcome(campus.code, _migrate_one(campus, wanted, replayable)))
            except Exception as error:  # noqa: BLE001 -- one campus must not stop the others; it is reported and kept
                connection.close()
                Campus.objects.filter(pk=campus.pk).update(provisioning_error=f"migration: {error}"[:500])
                done.put(Outcome(campus.code, 0, str(error).strip()))
            except BaseException as error:
                done.put(error)
                raise
    connections.close_all()


def _migrate_one(campus: Campus, wanted: list[Migration], replayable: set[Migration]) -> int:
    """Bring one campus up to date, in one transaction where that can be replayed; return how many migrations it got."""
    with transaction.atomic():
        missing = _lock_and_compare(campus, wanted)
        if replayable.issuperset(missing):
            template.replay_migrations(campus.schema_name, missing)
            _open(campus, missing)
            return len(missing)
    with owner_context(campus.schema_name):
        executor = MigrationExecutor(connection)
        executor.migrate(executor.loader.graph.leaf_nodes())
    with transaction.atomic():
        _open(campus, missing)
    return len(missing)


def _lock_and_compare(campus: Campus, wanted: list[Migration]) -> list[Migration]:
    Campus.objects.select_for_update(no_key=True).get(pk=campus.pk)
    done = dict(_journals([campus.schema_name]))[campus.schema_name]
    return [migration for migration in wanted if migration not in done]


def _open(campus: Campus, applied: list[Migration]) -> None:
    """Say that the campus is up to date; its login gets its grants where there are new tables, or all are."""
    if template.creates_tables(applied) or not logins.has_grants(campus.schema_name):
        logins.grant_campus(campus.schema_name)
    Campus.objects.filter(pk=campus.pk).update(schema_version=code_version(), provisioning_error="")
    touch_registry()
