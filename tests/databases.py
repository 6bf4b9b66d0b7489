"""One database a test process, copied from a template; tests commit, and what they left is taken away afterwards.

A test that touches a campus uses several logins, so several physical connections: Django's rollback per test cannot
serve (docs/adr/0003).
"""

import hashlib
import os
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import psycopg2
from django.conf import settings
from django.db import connection, connections, transaction
from psycopg2.sql import SQL, Identifier, Literal

from shared_apps.campuses.services import create_campus, provision
from shared_apps.common.clock import now
from tenants import logins, registry
from tenants.context import owner_context, public_context
from tenants.migrating import migrate_public
from tenants.models import Campus, CampusState
from tenants.postgresql.pool import pool
from tenants.provisioning import touch_registry
from tenants.standing import campus_login, public_login, relay_login
from tenants.template import migrate_template
from tenants.versions import code_version

ROOT = Path(__file__).resolve().parent.parent
HOSTS: Final = {
    "SNSU": "snsu.localhost",
    "MALIMONO": "malimono.localhost",
    "DELCARMEN": "delcarmen.localhost",
}
# What a campus has before anybody is in it.
_KEPT: Final = ("django_migrations", "django_content_type")
_KEPT_PUBLIC: Final = (*_KEPT, "tenants_campus", "tenants_campusdomain", "tenants_campuskey", "tenants_registryversion",
                       "tenants_templatestatement")  # fmt: skip


def use_own_database() -> None:
    """Point this process at its own copy of the template database, making the template where it is missing."""
    template = f"eas_test_{_code_hash()}"
    mine = f"eas_test_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
    _make_template(template)
    _owner_sql(SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(Identifier(mine)))
    _copy(template, mine)
    _point_at(mine)
    with owner_context():
        # A copy does not inherit who may connect.
        logins.close_database()
        schemas = Campus.objects.values_list("schema_name", flat=True)
        logins.grant_connect([public_login(), relay_login(), *map(campus_login, schemas)])
    clean()  # making the campuses of the template left traces


def clean() -> None:
    """Empty what the last test filled, drop the campuses it made, and open those it closed."""
    with owner_context():
        for campus in Campus.objects.exclude(code__in=HOSTS):
            drop_campus(campus)
        new = {
            "state": CampusState.READY, "state_reason": "", "schema_version": code_version(), "provisioning_error": "",
            "allowed_origins": [],
        }  # fmt: skip
        if Campus.objects.exclude(**new).exists():
            Campus.objects.update(**new)
            touch_registry()
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT schemaname, tablename FROM pg_tables WHERE schemaname = 'public' OR schemaname LIKE 'c\\_%'"
            )
            tables = [
                (schema, table)
                for schema, table in cursor.fetchall()
                if table not in (_KEPT_PUBLIC if schema == "public" else _KEPT)
            ]
            cursor.execute(
                " UNION ALL ".join(
                    f"SELECT '{schema}.{table}' WHERE EXISTS (SELECT 1 FROM {schema}.{table})"
                    for schema, table in tables
                )
            )
            dirty = [row[0] for row in cursor.fetchall()]
            if dirty:
                cursor.execute(f"TRUNCATE {', '.join(dirty)} CASCADE")
    registry.forget()


def drop_campus(campus: Campus) -> None:
    """Take a campus that a test made away for good. Stand as the owner."""
    pool.close_login(campus_login(campus.schema_name))
    with connection.cursor() as cursor:
        cursor.execute(
            SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(Identifier(campus.schema_name)).as_string(cursor.cursor)
        )
    logins.drop_campus_login(campus.schema_name)
    with transaction.atomic():
        campus.domains.all().delete()
        campus.keys.all().delete()
        Campus.objects.filter(pk=campus.pk).delete()
        touch_registry()


def make_campus(code: str, host: str) -> Campus:
    """Make a campus as production does, without a first admin."""
    with public_context():
        campus = create_campus(
            by=None, at=now(), code=code, name=f"{code.title()} Campus", hosts=[host], timezone="Asia/Manila"
        )
    for _ in provision(campus_id=campus.pk):
        pass
    registry.forget()
    with public_context():
        return Campus.objects.get(pk=campus.pk)


def _make_template(name: str) -> None:
    raw = psycopg2.connect(_url(None))
    raw.autocommit = True
    with raw.cursor() as cursor:
        # Workers wait for the one that makes it; the lock ends with the connection.
        cursor.execute("SELECT pg_advisory_lock(4061)")
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
        if cursor.fetchone() is None:
            building = f"{name}_new"
            cursor.execute(SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(Identifier(building)))
            cursor.execute(SQL("CREATE DATABASE {}").format(Identifier(building)))
            _point_at(building)
            migrate_public()
            migrate_template()
            for code, host in HOSTS.items():
                make_campus(code, host)
            pool.close_all()
            connections.close_all()
            cursor.execute(SQL("ALTER DATABASE {} RENAME TO {}").format(Identifier(building), Identifier(name)))
    raw.close()


def _copy(template: str, name: str) -> None:
    raw = psycopg2.connect(_url(None))
    raw.autocommit = True
    with raw.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(4061)")  # a template that is being copied refuses a second copy
        cursor.execute(SQL("CREATE DATABASE {} TEMPLATE {}").format(Identifier(name), Identifier(template)))
        cursor.execute(SQL("COMMENT ON DATABASE {} IS {}").format(Identifier(name), Literal("tests of EAS")))
    raw.close()


def _owner_sql(statement: SQL) -> None:
    raw = psycopg2.connect(_url(None))
    raw.autocommit = True
    with raw.cursor() as cursor:
        cursor.execute(statement)
    raw.close()


def _url(name: str | None) -> str:
    url = urlsplit(os.environ["DATABASE_URL"])
    return urlunsplit(url._replace(path=f"/{name}")) if name else urlunsplit(url)


def _point_at(name: str) -> None:
    connections.close_all()
    pool.close_all()
    settings.DATABASES["default"]["NAME"] = name
    connection.settings_dict["NAME"] = name


def _code_hash() -> str:
    """Name the template by what it is made from: migrations, models' grants, and the code that makes it."""
    digest = hashlib.sha256(settings.MASTER_KEY.encode() + settings.CAMPUS_LOGIN_PREFIX.encode())
    for pattern in (
        "*/migrations/*.py",
        "*/*/migrations/*.py",
        "*/*/models.py",
        "*/*/models/*.py",
        "tenants/*.py",
        "tests/databases.py",
    ):
        for path in sorted(ROOT.glob(pattern)):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
