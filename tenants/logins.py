"""PostgreSQL logins and what each may touch. Everything here runs as the owner and can be run again.

Grants are computed from the models: ``privileges`` on a model (default: all four) says what its schema's login may do
with the table, ``campus_privileges`` on a public model what every campus may do with it (and with which columns; none
named: all), ``row_policies`` with which of its rows, ``relay_privileges`` what the outbox relay may do.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence

from django.apps import apps
from django.conf import settings
from django.db import connection, models
from psycopg2.extensions import encrypt_password
from psycopg2.sql import SQL, Composable, Identifier, Literal

from tenants.keys import login_password
from tenants.policies import RowPolicy
from tenants.standing import PUBLIC_SCHEMA, campus_login, public_login, relay_login

ALL = ("SELECT", "INSERT", "UPDATE", "DELETE")


def prepare_database() -> None:
    """Close the database to strangers, and make the logins that are no campus's."""
    close_database()
    _ensure_login(public_login(), [PUBLIC_SCHEMA])
    _ensure_login(relay_login(), [PUBLIC_SCHEMA])


def close_database() -> None:
    """Take from everybody what PostgreSQL gives to everybody: connecting, temporary tables, the public schema."""
    _run(SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(Identifier(connection.settings_dict["NAME"])))
    _run(SQL("REVOKE ALL ON SCHEMA public FROM PUBLIC"))


def ensure_campus_login(schema: str) -> None:
    """Create or repair the campus's login; it may connect, and nothing else yet."""
    _ensure_login(campus_login(schema), [schema, PUBLIC_SCHEMA])


def grant_public() -> None:
    """Give the public site's login its tables, and nothing of any campus; protect the rows that campuses share."""
    _grant_schema(PUBLIC_SCHEMA, public_login(), settings.SHARED_APPS)
    for model in _models(settings.SHARED_APPS):
        if policies := getattr(model, "row_policies", ()):
            _protect_rows(model._meta.db_table, policies)


def grant_campus(schema: str) -> None:
    """Give a campus's login its own tables."""
    _grant_schema(schema, campus_login(schema), settings.TENANT_APPS)


def has_grants(schema: str) -> bool:
    """Return whether the campus's login was given its tables; a schema that was just put back is nobody's."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT has_schema_privilege(%s, %s, 'USAGE')", [campus_login(schema), schema])
        return bool(cursor.fetchone()[0])


def grant_registry(schemas: Sequence[str]) -> None:
    """Give the logins of those campuses what they need of the public schema: routing, passes, the federation.

    Locks: the registry's version. PostgreSQL refuses two grants on one table at once ("tuple concurrently updated").
    """
    if not schemas:
        return
    logins = SQL(", ").join(Identifier(campus_login(schema)) for schema in schemas)
    _run(SQL("SELECT 1 FROM public.tenants_registryversion FOR UPDATE"))
    _run(SQL("GRANT USAGE ON SCHEMA public TO {}").format(logins))
    for model in _models(settings.SHARED_APPS):
        privileges: dict[str, tuple[str, ...]] = getattr(model, "campus_privileges", {})
        if privileges:
            wanted = [
                SQL("{} ({})").format(SQL(verb), SQL(", ").join(map(Identifier, columns))) if columns else SQL(verb)
                for verb, columns in privileges.items()
            ]
            table = Identifier(PUBLIC_SCHEMA, model._meta.db_table)
            _run(SQL("GRANT {} ON {} TO {}").format(SQL(", ").join(wanted), table, logins))


def drop_campus_login(schema: str) -> None:
    """Remove the login for good, with what it was granted in this database. Drop its schema first."""
    login = campus_login(schema)
    if not _exists(login):
        return
    role = Identifier(login)
    # The owner may administer the login without having its rights; those of a member are needed to take away what it
    # has and owns, large objects among it, which are in no schema.
    _run(SQL("GRANT {} TO CURRENT_USER").format(role))
    _run(SQL("DROP OWNED BY {}").format(role))
    _run(SQL("DROP ROLE {}").format(role))


def grant_connect(logins: list[str]) -> None:
    """Let logins connect to this database: a copy made from a template does not inherit that right."""
    name = Identifier(connection.settings_dict["NAME"])
    for login in logins:
        _run(SQL("GRANT CONNECT ON DATABASE {} TO {}").format(name, Identifier(login)))


def _ensure_login(login: str, search_path: list[str]) -> None:
    role = Identifier(login)
    verb = SQL("ALTER ROLE {}") if _exists(login) else SQL("CREATE ROLE {}")
    # The verifier is computed here, so that the password never appears in the server's log.
    verifier = encrypt_password(
        login_password(settings.MASTER_KEY, login), login, scope=_raw(), algorithm="scram-sha-256"
    )
    _run(verb.format(role) + SQL(" LOGIN NOINHERIT PASSWORD {}").format(Literal(verifier)))
    # A login may alter its own settings, also for one database.
    _run(SQL("ALTER ROLE {} RESET ALL").format(role))
    _run(SQL("ALTER ROLE {} IN DATABASE {} RESET ALL").format(role, Identifier(connection.settings_dict["NAME"])))
    for setting, value in (
        ("search_path", SQL(", ").join(map(Identifier, search_path))),
        ("timezone", Literal("UTC")),
        ("statement_timeout", Literal(f"{settings.DB_STATEMENT_TIMEOUT}ms")),
        ("lock_timeout", Literal("3s")),
        ("idle_in_transaction_session_timeout", Literal("60s")),
    ):
        _run(SQL("ALTER ROLE {} SET {} = {}").format(role, Identifier(setting), value))
    grant_connect([login])


def _grant_schema(schema: str, login: str, app_names: list[str]) -> None:
    role, place = Identifier(login), Identifier(schema)
    relay = Identifier(relay_login())
    # Both before either is granted anything: run again, it leaves the same rights in the same order.
    _run(SQL("REVOKE ALL ON ALL TABLES IN SCHEMA {} FROM {}, {}").format(place, role, relay))
    _run(SQL("GRANT USAGE ON SCHEMA {} TO {}").format(place, role))
    by_privileges: dict[tuple[str, ...], list[str]] = defaultdict(list)
    relayed: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for model in _models(app_names):
        by_privileges[getattr(model, "privileges", ALL)].append(model._meta.db_table)
        if getattr(model, "relay_privileges", ()):
            relayed[model.relay_privileges].append(model._meta.db_table)  # type: ignore[attr-defined]
    _grant_tables(schema, role, by_privileges)
    if relayed:
        _run(SQL("GRANT USAGE ON SCHEMA {} TO {}").format(place, relay))
        _grant_tables(schema, relay, relayed)


def _protect_rows(table: str, policies: Sequence[RowPolicy]) -> None:
    """Make the table's policies those that its model declares; nothing where they are already.

    The public site's login sees all rows: it is where super admins look at the ledger. The owner is above policies.

    Locks: the table, exclusively, only where something changes.
    """
    # current_user cannot be set by its holder. No sub-select here: PostgreSQL calls it a recursion where two policies
    # with sub-selects look at each other's tables, also where one of them only asks who is asking.
    me = f"upper(substr(current_user::text, {len(campus_login('c_')) + 1}))"
    public = RowPolicy("public_site", "ALL", using="true", check="true")
    statements = [
        SQL("CREATE POLICY {} ON {} FOR {} TO {}{}{}").format(
            Identifier(policy.name),
            Identifier(PUBLIC_SCHEMA, table),
            SQL(policy.command),
            Identifier(public_login()) if policy is public else SQL("PUBLIC"),
            SQL(f" USING ({policy.using.format(me=me)})" if policy.using else ""),
            SQL(f" WITH CHECK ({policy.check.format(me=me)})" if policy.check else ""),
        )
        for policy in (*policies, public)
    ]
    mark = hashlib.sha256(";".join(one.as_string(_raw()) for one in statements).encode()).hexdigest()
    with connection.cursor() as cursor:
        cursor.execute("SELECT obj_description(to_regclass(%s), 'pg_class')", [f"{PUBLIC_SCHEMA}.{table}"])
        if cursor.fetchone()[0] == mark:
            return
        cursor.execute(
            "SELECT policyname FROM pg_policies WHERE schemaname = %s AND tablename = %s", [PUBLIC_SCHEMA, table]
        )
        old = [row[0] for row in cursor.fetchall()]
    place = Identifier(PUBLIC_SCHEMA, table)
    for name in old:
        _run(SQL("DROP POLICY {} ON {}").format(Identifier(name), place))
    _run(SQL("ALTER TABLE {} ENABLE ROW LEVEL SECURITY").format(place))
    for statement in statements:
        _run(statement)
    _run(SQL("COMMENT ON TABLE {} IS {}").format(place, Literal(mark)))


def _grant_tables(schema: str, role: Identifier, by_privileges: dict[tuple[str, ...], list[str]]) -> None:
    for privileges, tables in by_privileges.items():
        if privileges:
            names = SQL(", ").join(Identifier(schema, table) for table in sorted(tables))
            _run(SQL("GRANT {} ON {} TO {}").format(SQL(", ").join(map(SQL, privileges)), names, role))


def _models(app_names: list[str]) -> Iterator[type[models.Model]]:
    for config in apps.get_app_configs():
        if config.name in app_names:
            yield from (model for model in config.get_models(include_auto_created=True) if model._meta.managed)


def _exists(login: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [login])
        return cursor.fetchone() is not None


def _raw():  # type: ignore[no-untyped-def]
    connection.ensure_connection()
    return connection.connection


def _run(statement: Composable) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement.as_string(_raw()))
