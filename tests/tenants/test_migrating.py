"""Migrating many campuses: skips, fans out, goes on when one fails, resumes."""

import os

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, migrations, models
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader

from shared_apps.accounts.models import User
from shared_apps.accounts.services.users import create_user
from shared_apps.common.clock import now
from tenants import migrating
from tenants.context import campus_context, owner_context, public_context
from tenants.models import Campus, TemplateStatement
from tenants.postgresql.pool import pool
from tenants.registry import find_campus
from tenants.standing import campus_login
from tenants.template import TEMPLATE_SCHEMA
from tenants.versions import code_version
from tests.cast import PASSWORD, Cast, Http
from tests.databases import HOSTS, make_campus

SCHEMAS = [f"c_{code.lower()}" for code in HOSTS]
ADDED = ("events", "0099_add_colour")
CURRENT = code_version()
(LAST,) = MigrationLoader(None).graph.leaf_nodes("events")


class AddColour(migrations.Migration):
    dependencies = [LAST]
    operations = [migrations.AddField("event", "colour", models.CharField(max_length=10, default=""))]


def put_hands_on(apps, schema_editor) -> None:
    apps.get_model("accounts", "User").objects.using(schema_editor.connection.alias).update(first_name="Migrated")


class RunSomething(migrations.Migration):
    dependencies = [LAST, ("accounts", "0001_initial")]
    operations = [migrations.RunPython(put_hands_on, migrations.RunPython.noop)]


@pytest.fixture
def new_migration(database: None, monkeypatch: pytest.MonkeyPatch):
    """Let the code bring one migration more; take it away from every schema afterwards."""
    load = MigrationLoader.load_disk
    brought: dict[tuple[str, str], type[migrations.Migration]] = {}

    def load_with_new(self) -> None:
        load(self)
        for (app, name), kind in brought.items():
            self.disk_migrations[app, name] = kind(name, app)

    monkeypatch.setattr(MigrationLoader, "load_disk", load_with_new)
    for module in ("tenants.migrating", "tenants.registry", "tenants.backups"):
        monkeypatch.setattr(f"{module}.code_version", lambda: CURRENT + len(brought))
    yield brought
    with owner_context(), connection.cursor() as cursor:
        TemplateStatement.objects.filter(app="events", migration=ADDED[1]).delete()
        for schema in [*SCHEMAS, TEMPLATE_SCHEMA, "public"]:
            cursor.execute(f"DELETE FROM {schema}.django_migrations WHERE name = %s", [ADDED[1]])
            if schema != "public":
                cursor.execute(f"ALTER TABLE {schema}.events_event DROP COLUMN IF EXISTS colour")
        Campus.objects.update(schema_version=CURRENT, provisioning_error="")


def columns(schema: str) -> set[str]:
    with owner_context(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = %s AND table_name = 'events_event'",
            [schema],
        )
        return {row[0] for row in cursor.fetchall()}


def test_nothing_pending_touches_nothing(database: None, capsys) -> None:
    call_command("migrate_campuses")

    assert "campuses: 0 migrated, 0 failed" in capsys.readouterr().out


def test_an_added_column_reaches_every_campus(new_migration: dict, capsys) -> None:
    new_migration[ADDED] = AddColour

    call_command("migrate_campuses")

    assert "3 migrated, 0 failed" in capsys.readouterr().out
    assert all("colour" in columns(schema) for schema in SCHEMAS)
    with public_context():
        assert set(Campus.objects.values_list("schema_version", flat=True)) == {CURRENT + 1}


def test_a_replayed_migration_equals_one_that_ran(new_migration: dict) -> None:
    new_migration[ADDED] = AddColour
    with owner_context("c_snsu"):
        executor = MigrationExecutor(connection)
        executor.migrate(executor.loader.graph.leaf_nodes())

    call_command("migrate_campuses")

    def table(schema: str) -> list:
        with owner_context(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT column_name, ordinal_position, column_default, is_nullable, data_type, character_maximum_length"
                " FROM information_schema.columns WHERE table_schema = %s AND table_name = 'events_event' ORDER BY 2",
                [schema],
            )
            return cursor.fetchall()

    assert table("c_snsu") == table("c_malimono") == table(TEMPLATE_SCHEMA)


def test_one_campus_that_fails_does_not_stop_the_others(new_migration: dict, capsys) -> None:
    new_migration[ADDED] = AddColour
    with owner_context(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE c_malimono.events_event ADD COLUMN colour int")  # in the way

    with pytest.raises(CommandError, match="MALIMONO"):
        call_command("migrate_campuses")

    assert "2 migrated, 1 failed" in capsys.readouterr().out
    with public_context():
        behind = Campus.objects.get(code="MALIMONO")
        assert (behind.schema_version, behind.provisioning_error[:10]) == (CURRENT, "migration:")
    with owner_context(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE c_malimono.events_event DROP COLUMN colour")
    call_command("migrate_campuses")
    with public_context():
        assert set(Campus.objects.values_list("schema_version", flat=True)) == {CURRENT + 1}


def test_a_migration_over_data_runs_in_each_campus_and_in_no_other(new_migration: dict) -> None:
    malimono = find_campus("MALIMONO")
    assert malimono is not None
    with campus_context(malimono):
        create_user(by=None, at=now(), username="ana", role="student", first_name="Ana")
    with public_context():
        create_user(by=None, at=now(), username="sol", role="super_admin", first_name="Sol")
    new_migration[ADDED] = RunSomething

    call_command("migrate_campuses")

    with campus_context(malimono):
        assert User.objects.get().first_name == "Migrated"


def test_a_run_that_was_killed_resumes(new_migration: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    new_migration[ADDED] = AddColour
    one = migrating._migrate_one

    def die_after_the_first(campus, *rest):
        if campus.code != "DELCARMEN":
            raise KeyboardInterrupt
        return one(campus, *rest)

    monkeypatch.setattr(migrating, "_migrate_one", die_after_the_first)
    with pytest.raises(KeyboardInterrupt):
        call_command("migrate_campuses", "--jobs", "1")
    monkeypatch.setattr(migrating, "_migrate_one", one)

    call_command("migrate_campuses")

    assert all("colour" in columns(schema) for schema in SCHEMAS)


def test_a_login_that_shut_its_campus_out_is_repaired(cast: Cast, http: Http, capsys) -> None:
    code = f"LOG{os.environ.get('PYTEST_XDIST_WORKER', 'main').upper()}"
    campus = make_campus(code, "log.localhost").entry()
    with campus_context(campus), connection.cursor() as cursor:
        cursor.execute("ALTER ROLE CURRENT_USER PASSWORD 'mine'")
        cursor.execute("ALTER ROLE CURRENT_USER SET search_path = public")
        database = connection.settings_dict["NAME"]
        cursor.execute(f"ALTER ROLE CURRENT_USER IN DATABASE {database} SET search_path = public")
        cursor.execute("ALTER ROLE CURRENT_USER SET default_transaction_read_only = on")
    pool.close_login(campus_login(campus.schema_name))

    def sign_in(at) -> int:
        return http.post("auth/login/", {"username": "ana", "password": PASSWORD}, at=at).status_code

    shut_out = sign_in("log.localhost")
    call_command("migrate_campuses")
    still = sign_in("log.localhost")
    call_command("migrate_campuses", "--repair-logins")

    assert (shut_out, still) == (503, 503)
    assert "logins: 4 repaired" in capsys.readouterr().out
    assert (sign_in("log.localhost"), sign_in(cast.malimono)) == (401, 200)
    with campus_context(campus), connection.cursor() as cursor:
        create_user(by=None, at=now(), username="ana", role="student")
        cursor.execute("SELECT current_setting('search_path')")
        assert cursor.fetchone()[0] == f"{campus.schema_name}, public"


def test_migrations_are_named_linear_reversible_and_atomic(database: None) -> None:
    loader = MigrationLoader(None)
    django_s = {"contenttypes", "auth", "admin"}
    ours = {key: value for key, value in loader.disk_migrations.items() if key[0] not in django_s}
    assert not loader.detect_conflicts()
    for (app, name), migration in ours.items():
        assert "_auto_" not in name, (app, name)
        assert migration.atomic, (app, name)
        for operation in migration.operations:
            assert operation.reversible, (app, name, operation)


def test_models_and_migrations_agree(database: None) -> None:
    call_command("makemigrations", "--check", "--dry-run")


def test_only_public_and_both_apps_have_tables_where_they_belong(database: None) -> None:
    with owner_context(), connection.cursor() as cursor:
        cursor.execute("SELECT schemaname, tablename FROM pg_tables WHERE schemaname IN ('public', 'c_malimono')")
        tables: dict[str, set[str]] = {"public": set(), "c_malimono": set()}
        for schema, table in cursor.fetchall():
            tables[schema].add(table)
    both = {name for name in tables["public"] & tables["c_malimono"] if name != "django_migrations"}
    assert {name.split("_")[0] for name in both} == {"accounts", "audit", "outbox", "idempotency"}
    assert not any(name.startswith(("django_content", "tenants", "auth")) for name in tables["c_malimono"])
    assert os.environ["CAMPUS_LOGIN_PREFIX"].startswith("eas_test")
