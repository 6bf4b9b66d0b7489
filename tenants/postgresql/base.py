"""The database wrapper: which login a thread's queries use.

``standing`` is None by default, and then any query raises. Standing somewhere picks the login; the schema follows from
the login, on the server, by ``ALTER ROLE … SET search_path``. So there is no ``SET search_path`` per request, a missing
campus table is ``permission denied`` instead of a silent read of ``public``, and a pooler in transaction mode cannot
mix campuses.
"""

import time
from typing import Any

from django.conf import settings
from django.db.backends.postgresql.base import DatabaseWrapper as PlainPostgres
from django.db.backends.postgresql.psycopg_any import IsolationLevel
from django_tenants.postgresql_backend.base import DatabaseWrapper as TenantsPostgres

from tenants.errors import CampusNotSet, CampusSwitchInTransaction, OwnerCredentialsMissing
from tenants.keys import login_password
from tenants.postgresql.pool import pool
from tenants.postgresql.prepared import Connection
from tenants.standing import Standing


class DatabaseWrapper(TenantsPostgres):
    """One thread's connection. See the module's docstring."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.standing: Standing | None = None
        self.statements = 0
        self._opened_at = 0.0
        super().__init__(*args, **kwargs)
        self.execute_wrappers.append(self._count_statement)

    # --- standing ---------------------------------------------------------------------------------
    def stand(self, standing: Standing | None) -> None:
        """Change where this thread stands; its connection is parked for others.

        Raises: CampusSwitchInTransaction inside ``atomic()``, unless it already stands there.
        """
        if standing == self.standing:
            return
        if self.in_atomic_block:
            raise CampusSwitchInTransaction(
                f"From {_name(self.standing)} to {_name(standing)} inside a transaction: end it first."
            )
        self.release()
        self.standing = standing
        # django-tenants' router and introspection ask for this attribute.
        self.schema_name = standing.schema if standing else None

    def release(self) -> None:
        """Park the physical connection; the standing stays."""
        raw: Any = self.connection  # type: ignore[has-type]
        self.connection = None
        if raw is None:
            return
        if self.errors_occurred or self.standing is None or self.standing.login is None:
            raw.close()  # in doubt, or the owner's: neither is kept
        else:
            pool.park(self.standing.login, raw, self._opened_at)

    # --- what Django calls ------------------------------------------------------------------------
    def connect(self) -> None:
        """Take a parked connection of this login, or open one.

        A parked one was set up when it was opened, and is in no transaction: only what Django remembers of the one
        before is reset.
        """
        login = self.standing.login if self.standing else None
        parked = pool.take(login) if login else None
        if parked is None:
            self._opened_at = time.monotonic()
            super().connect()
            return
        self.connection, self._opened_at = parked
        self.isolation_level = IsolationLevel.READ_COMMITTED
        self.autocommit = True
        self.in_atomic_block: bool = False
        self.needs_rollback = self.closed_in_transaction = False
        self.errors_occurred: bool = False
        self.savepoint_ids: list[Any] = []
        self.atomic_blocks: list[Any] = []
        self.run_on_commit: list[Any] = []

    def get_connection_params(self) -> dict[str, Any]:
        if self.standing is None:
            raise CampusNotSet("A query was sent while standing nowhere: enter campus_context() or public_context().")
        params = super().get_connection_params()
        params["connection_factory"] = Connection
        login = self.standing.login
        if login is None:
            if not params.get("user"):
                raise OwnerCredentialsMissing(
                    "DATABASE_URL carries no user: only migrations and the provisioning worker act as the owner."
                )
            params["options"] = f"-c search_path={self.standing.schema}"
        else:
            params["user"] = login
            params["password"] = login_password(settings.MASTER_KEY, login)
        return params

    def close_if_unusable_or_obsolete(self) -> None:
        """Django calls this around requests and tasks: what is not in a transaction goes back to the pool."""
        if not self.in_atomic_block:
            self.release()

    def _cursor(self, name: str | None = None) -> Any:
        # Past django-tenants' override, which sends SET search_path: here the login decides.
        return PlainPostgres._cursor(self, name)  # type: ignore[attr-defined]

    def set_tenant(self, tenant: Any, include_public: bool = True) -> None:
        """Called by django-tenants' constructor with the public schema; by nobody else."""
        if self.standing is None and tenant.schema_name == "public":
            self.tenant = None
            return
        raise NotImplementedError("Use tenants.campus_context(); see docs/explanation/tenancy.md")

    def _count_statement(self, execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
        self.statements += 1
        return execute(sql, params, many, context)


def _name(standing: Standing | None) -> str:
    return standing.schema if standing else "nowhere"
