"""Making campuses: equal to migrated ones, resumable, and fast for the right reason."""

import json
import os
import re
import subprocess
from urllib.parse import urlsplit, urlunsplit

import psycopg2
import pytest
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor

from shared_apps.accounts.models import User
from shared_apps.campuses.services import create_campus, provision, suspend_campus
from shared_apps.common.clock import now
from tenants import logins
from tenants.context import campus_context, owner_context, public_context
from tenants.errors import WrongCampusState
from tenants.models import Campus, CampusKey
from tenants.registry import find_site
from tenants.standing import campus_login
from tests.databases import drop_campus, make_campus

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main").upper()


def new_campus(**changes) -> Campus:
    with public_context():
        return create_campus(
            by=None,
            at=now(),
            **{
                "code": f"NEW{WORKER}",
                "name": "New Campus",
                "hosts": ["new.localhost"],
                "timezone": "Asia/Manila",
                **changes,
            },
        )


def dump(schema: str) -> str:
    """Return ``pg_dump --schema-only`` of a schema with its own name and login taken out."""
    prefix = json.loads(os.environ.get("EAS_PG_RUN_PREFIX", "[]"))
    settings = connection.settings_dict
    with owner_context():
        params = connection.get_connection_params()
    dumped = subprocess.run(
        [*prefix, os.path.join(os.environ.get("EAS_PG_BIN_DIR", ""), "pg_dump"), "--schema-only", "-n", schema],
        env={
            **os.environ,
            "PGHOST": str(params["host"]),
            "PGPORT": str(params.get("port", 5432)),
            "PGDATABASE": settings["NAME"],
            "PGUSER": params["user"],
            "PGPASSWORD": params["password"],
        },
        cwd="/",
        check=False,
        capture_output=True,
        text=True,
    )
    if "server version mismatch" in dumped.stderr:
        pytest.skip("the pg_dump of this machine is older than the server that DATABASE_URL names")
    assert dumped.returncode == 0, dumped.stderr
    text = re.sub(r"^\\(un)?restrict .*$", "", dumped.stdout, flags=re.MULTILINE)
    return text.replace(campus_login(schema), "LOGIN").replace(schema, "SCHEMA")


def test_a_replayed_schema_equals_a_migrated_one_to_the_byte(database: None) -> None:
    replayed = make_campus(f"REP{WORKER}", "rep.localhost")
    migrated = f"c_mig_{WORKER.lower()}"
    with owner_context():
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE SCHEMA {migrated}")
        logins.ensure_campus_login(migrated)
    try:
        with owner_context(migrated):
            executor = MigrationExecutor(connection)
            executor.migrate(executor.loader.graph.leaf_nodes())
        with owner_context():
            logins.grant_campus(migrated)
            logins.grant_registry([migrated])

        assert "CREATE TABLE" in dump(migrated)
        assert dump(replayed.schema_name) == dump(migrated)
    finally:
        with owner_context():
            with connection.cursor() as cursor:
                cursor.execute(f"DROP SCHEMA {migrated} CASCADE")
            logins.drop_campus_login(migrated)


@pytest.mark.parametrize("killed_at", ["login", "schema", "grants", "keys", "first_admin", "ready"])
def test_provisioning_goes_on_where_it_was_killed(database: None, killed_at: str) -> None:
    admin = {"username": "first", "email": "f@example.edu", "password": "a-long-enough-secret"}
    campus = new_campus(first_admin=admin)
    for step in provision(campus_id=campus.pk):
        if step.name == killed_at:
            break  # the process dies as this step begins

    assert find_site("new.localhost")[1].state == "provisioning"
    for _ in provision(campus_id=campus.pk):
        pass

    site = find_site("new.localhost")[1]
    assert site is not None
    assert site.state == "ready"
    with campus_context(site):
        assert list(User.objects.values_list("username", "role")) == [("first", "campus_admin")]
        assert User.objects.get().check_password("a-long-enough-secret")
    with public_context():
        campus.refresh_from_db()
        assert campus.first_admin is None
        assert CampusKey.objects.filter(campus=campus).count() == 1


def test_provisioning_twice_changes_nothing(database: None) -> None:
    campus = make_campus(f"TWI{WORKER}", "twice.localhost")
    before = dump(campus.schema_name)

    for _ in provision(campus_id=campus.pk):
        pass

    assert dump(campus.schema_name) == before


def test_a_failing_step_is_kept_and_the_campus_is_not_served(database: None) -> None:
    campus = new_campus(first_admin={"username": "bad name!", "email": "", "password": "a-long-enough-secret"})
    with public_context():
        Campus.objects.filter(pk=campus.pk).update(first_admin={"username": "x" * 200, "password_hash": "!"})

    with pytest.raises(Exception, match="too long"):
        list(provision(campus_id=campus.pk))

    with public_context():
        campus.refresh_from_db()
    assert campus.state == "provisioning"
    assert campus.provisioning_error.startswith("first_admin: ")


def test_a_suspended_campus_is_not_provisioned(database: None) -> None:
    campus = make_campus(f"SUS{WORKER}", "sus.localhost")
    with public_context():
        suspend_campus(by=None, at=now(), campus_id=campus.pk, reason="test")

    with pytest.raises(WrongCampusState):
        list(provision(campus_id=campus.pk))


@pytest.mark.skipif("EAS_TEST_SUPERUSER_URL" not in os.environ, reason="needs the embedded server's superuser")
def test_a_dropped_campus_takes_its_large_objects_along(database: None) -> None:
    campus = make_campus(f"LOB{WORKER}", "lob.localhost")
    login = campus_login(campus.schema_name)
    superuser = psycopg2.connect(
        urlunsplit(urlsplit(os.environ["EAS_TEST_SUPERUSER_URL"])._replace(path=f"/{connection.settings_dict['NAME']}"))
    )
    superuser.autocommit = True
    with superuser.cursor() as cursor:  # as where nobody took the functions away
        cursor.execute("SELECT lo_create(0)")
        cursor.execute(f"ALTER LARGE OBJECT {cursor.fetchone()[0]} OWNER TO {login}")
        with owner_context(), transaction.atomic():
            drop_campus(campus)
        cursor.execute("SELECT count(*) FROM pg_roles WHERE rolname = %s", [login])
        assert cursor.fetchone()[0] == 0
        cursor.execute("SELECT count(*) FROM pg_largeobject_metadata")
        assert cursor.fetchone()[0] == 0
    superuser.close()
