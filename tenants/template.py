"""The template schema: campus migrations run here once, and the SQL they sent is kept for every campus.

A new campus replays it statement by statement: no model state is rendered, and the result equals a migrated schema to
the byte of ``pg_dump``, constraint names included (tests/tenants/test_provisioning.py). django-tenants' own
``clone_schema`` renames constraints.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, cast

from django.apps import apps
from django.conf import settings
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.migration import Migration

from tenants.context import owner_context
from tenants.models import TemplateStatement

TEMPLATE_SCHEMA: Final = "campus_template"
# Django sends "SET CONSTRAINTS … IMMEDIATE; ALTER TABLE … DROP CONSTRAINT …" as one statement.
_WRITES = re.compile(
    r"\s*(CREATE|ALTER|DROP|INSERT|UPDATE|DELETE|COMMENT|GRANT|REVOKE|WITH|SET\s+CONSTRAINTS)\b", re.IGNORECASE
)
_JOURNAL = 'INSERT INTO "django_migrations"'

Recorded = list[tuple[str, str, str]]


def migrate_template() -> list[tuple[str, str]]:
    """Bring the template schema up to date and record the SQL; return the (app, name) of what was applied."""
    recorded: Recorded = []
    with owner_context(TEMPLATE_SCHEMA):
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {TEMPLATE_SCHEMA}")
        # One transaction: what was applied and what was recorded of it can never differ.
        with transaction.atomic():
            with _recording(recorded) as recorder:
                executor = MigrationExecutor(connection, cast(Any, recorder.follow))
                targets = executor.loader.graph.leaf_nodes()
                plan = executor.migration_plan(targets)
                executor.migrate(targets, plan=plan)
            _store(recorded)
    return [(step.app_label, step.name) for step, _ in plan]


def replay(schema: str) -> None:
    """Create ``schema`` with every campus table. Needs a transaction of the owner; leaves it in the public schema."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT sql FROM public.tenants_templatestatement ORDER BY id")
        statements = [row[0] for row in cursor.fetchall()]
        cursor.execute(f"CREATE SCHEMA {schema}")
        cursor.execute(f"SET LOCAL search_path = {schema}")
        for statement in statements:
            cursor.execute(statement)
        cursor.execute(
            "INSERT INTO django_migrations (app, name, applied) "
            f"SELECT app, name, now() FROM {TEMPLATE_SCHEMA}.django_migrations ORDER BY id"
        )
        cursor.execute("SET LOCAL search_path = public")


def replay_migrations(schema: str, migrations: list[tuple[str, str]]) -> None:
    """Apply ``migrations`` to an existing campus schema by their recorded SQL. Needs a transaction of the owner."""
    if not migrations:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sql FROM public.tenants_templatestatement WHERE (app, migration) IN %s ORDER BY id",
            [tuple(migrations)],
        )
        statements = [row[0] for row in cursor.fetchall()]
        cursor.execute(f"SET LOCAL search_path = {schema}")
        cursor.execute("SET LOCAL lock_timeout = '3s'")
        for statement in statements:
            cursor.execute(statement)
        cursor.executemany("INSERT INTO django_migrations (app, name, applied) VALUES (%s, %s, now())", migrations)
        cursor.execute("SET LOCAL search_path = public")


def creates_tables(migrations: list[tuple[str, str]]) -> bool:
    """Return whether one of ``migrations`` makes a table. Stand in the public schema, as the owner."""
    makers = TemplateStatement.objects.filter(sql__startswith="CREATE TABLE").values_list("app", "migration")
    return not set(migrations).isdisjoint(makers.distinct())


def campus_labels() -> set[str]:
    """Return the labels of the apps whose tables are in every campus."""
    return {config.label for config in apps.get_app_configs() if config.name in settings.TENANT_APPS}


class _Recorder:
    """Execute wrapper that keeps what is written, under the migration that wrote it."""

    def __init__(self, recorded: Recorded) -> None:
        self.recorded = recorded
        self.current = ("", "")

    def follow(self, action: str, migration: Migration | None = None, fake: bool = False) -> None:
        """Progress callback of Django's executor."""
        if action == "apply_start" and migration is not None:
            self.current = (migration.app_label, migration.name)
        elif action == "apply_success":
            self.current = ("", "")

    def __call__(self, execute: Any, sql: Any, params: Any, many: bool, context: dict[str, Any]) -> Any:
        text = str(sql)
        if _WRITES.match(text) and not text.startswith(_JOURNAL):
            if params:
                text = context["cursor"].cursor.mogrify(text, params).decode()
            self.recorded.append((*self.current, text))
        return execute(sql, params, many, context)


@contextmanager
def _recording(recorded: Recorded) -> Iterator[_Recorder]:
    recorder = _Recorder(recorded)
    with connection.execute_wrapper(recorder):
        yield recorder


def _store(recorded: Recorded) -> None:
    if not recorded:
        return
    table = f'public."{TemplateStatement._meta.db_table}"'
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT coalesce(max(id), 0) FROM {table}")
        last = cursor.fetchone()[0]
        cursor.executemany(
            f"INSERT INTO {table} (id, app, migration, sql) VALUES (%s, %s, %s, %s)",
            [(last + number, *row) for number, row in enumerate(recorded, start=1)],
        )
