"""What is measured, started on loopback with production settings and stopped again."""

import fcntl
import http.client
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg2

from bench.machine import Meter, Usage
from bench.marks import is_marked, mark_database
from config.local.environment import without_credentials
from config.local.postgres import EmbeddedPostgres
from config.local.processes import Child, Supervisor, child_environment, tail
from config.local.say import say
from config.local.servers import start_servers

ROOT = Path(__file__).resolve().parent.parent
_OTHERS = ("DATABASE_URL", "REDIS_URL")
# Data of a bench are worth nothing afterwards, but what is measured must be what production pays.
_DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
# A thousand schemas in one dump or one statement take more locks than a cluster allows by default.
_ROOMY = {
    "max_connections": "500",
    "shared_buffers": "512MB",
    "max_wal_size": "4GB",
    "max_locks_per_transaction": "256",
}

_FILL_CAMPUSES = """
    INSERT INTO tenants_campus (id, code, name, schema_name, timezone, state, schema_version, allowed_origins,
                                provisioning_step, provisioning_error, state_reason, created_at, updated_at)
    SELECT gen_random_uuid(), 'FILL' || n, 'Filler', 'c_fill' || n, 'Asia/Manila', 'ready',
           (SELECT max(schema_version) FROM tenants_campus), '[]', '', '', '', now(), now()
      FROM generate_series(1, %s) n
"""
_FILL_DOMAINS = """
    INSERT INTO tenants_campusdomain (id, host, campus_id, is_primary)
    SELECT gen_random_uuid(), 'filler-' || lower(code) || '.bench.test', id, true
      FROM tenants_campus WHERE code LIKE 'FILL%'
"""
_FILL_KEYS = """
    INSERT INTO tenants_campuskey (id, campus_id, key_id, public_key, created_at)
    SELECT gen_random_uuid(), id, 1, decode(repeat('00', 32), 'hex'), now() FROM tenants_campus WHERE code LIKE 'FILL%'
"""


@dataclass(slots=True)
class Server:
    """One running web server."""

    name: str
    port: int
    child: Child

    @property
    def pid(self) -> int:
        """The master's process id."""
        assert self.child.process is not None  # it was started
        return self.child.process.pid


class Stage:
    """PostgreSQL, Valkey and the web servers of one bench, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        if named := [name for name in _OTHERS if os.environ.get(name)]:
            raise SystemExit(
                f"{' and '.join(named)} is set. A bench fills and empties its database: it runs against its own alone."
            )
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = (folder / "lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SystemExit(f"Another bench runs in {folder}; two at once would measure each other.") from None
        self.supervisor = Supervisor(folder / "run" / "processes.json")
        self.usages: list[Usage] = []

    def start(self) -> None:
        """End and delete what a bench left that was killed; then start PostgreSQL and Valkey, both empty."""
        self.supervisor.end_leftovers()
        self._delete_data()
        settings = {**_DURABLE, **_ROOMY}
        self.settings, postgres = start_servers(self.folder, self.supervisor, settings=settings, createdb=True)
        assert postgres is not None  # DATABASE_URL is not set
        self.postgres: EmbeddedPostgres = postgres
        with self.connect() as cursor:
            mark_database(cursor, self._name)

    def eas_environment(self, **extra: str) -> dict[str, str]:
        """Return the environment of EAS in production, with the owner's credentials."""
        return child_environment(
            {
                **self.settings, "EAS_ENV": "production", "EAS_TLS": "true", "EAS_PUBLIC_HOSTS": "eas.bench.test",
                "CAMPUS_LOGIN_PREFIX": "eas_bench_", "DJANGO_SETTINGS_MODULE": "config.settings", "EAS_NO_VENV": "1",
                "PYTHONPATH": str(ROOT), **extra,
            }
        )  # fmt: skip

    def environment(self, database: str, settings: str, **extra: str) -> dict[str, str]:
        """Return the environment of one of the systems that EAS is compared with."""
        url = urlunsplit(urlsplit(self.settings["DATABASE_URL"])._replace(path=f"/{database}"))
        return child_environment(
            {"DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": settings, "PYTHONPATH": str(ROOT), **extra}
        )

    def create_database(self, name: str, *statements: str) -> None:
        """Make an empty database, and run the statements in it."""
        with self.connect() as cursor:
            cursor.execute(f"CREATE DATABASE {name}")
            mark_database(cursor, name)
        if statements:
            with self.connect(name) as cursor:
                for statement in statements:
                    cursor.execute(statement)

    def connect(self, database: str | None = None) -> "psycopg2.extensions.cursor":
        """Return a cursor of the owner, in autocommit."""
        url = urlsplit(self.settings["DATABASE_URL"])
        raw = psycopg2.connect(urlunsplit(url._replace(path=f"/{database}") if database else url))
        raw.autocommit = True
        return raw.cursor()

    @property
    def postgres_pid(self) -> int:
        """The process id of PostgreSQL's postmaster."""
        pid_file = self.postgres.data / "postmaster.pid"
        return int(pid_file.read_text().split()[0])

    def fill_registry(self, count: int) -> None:
        """Enter ``count`` more campuses into the registry, with hosts and keys, without schemas; 0 takes them away."""
        filler = "c.code LIKE 'FILL%'"
        with self.connect() as cursor:
            cursor.execute("DELETE FROM tenants_campusdomain WHERE host LIKE 'filler%'")
            cursor.execute(
                "DELETE FROM tenants_campuskey k USING tenants_campus c WHERE k.campus_id = c.id AND " + filler
            )
            cursor.execute("DELETE FROM tenants_campus c WHERE " + filler)
            if count:
                cursor.execute(_FILL_CAMPUSES, [count])
                cursor.execute(_FILL_DOMAINS)
                cursor.execute(_FILL_KEYS)
            cursor.execute("UPDATE tenants_registryversion SET version = version + 1")

    def recreate_database(self) -> None:
        """Empty EAS's database."""
        with self.connect() as cursor:
            if not is_marked(cursor):
                raise SystemExit("This database was not made by a bench: it is not dropped.")
        with self.connect("postgres") as cursor:
            cursor.execute(f"DROP DATABASE {self._name} WITH (FORCE)")
            cursor.execute(f"CREATE DATABASE {self._name}")
            mark_database(cursor, self._name)

    def run(self, arguments: list[str], environment: dict[str, str]) -> float:
        """Run a Python program to its end; return how many seconds it took."""
        meter, begin = Meter({"bench": [os.getpid()]}), time.perf_counter()
        meter.begin()
        done = subprocess.run(
            [sys.executable, *arguments], env=environment, cwd=ROOT, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise SystemExit(f"{' '.join(arguments)} failed:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
        self.usages.append(meter.end())
        return time.perf_counter() - begin

    def serve(self, name: str, application: str, environment: dict[str, str], probe: str) -> Server:
        """Start granian as ``up`` and production do; wait until ``probe`` is answered."""
        port = free_port()
        child = Child(
            name=name,
            command=[
                sys.executable, "-m", "granian", application, "--interface", "wsgi", "--host", "127.0.0.1", "--port",
                str(port), "--workers", "2", "--blocking-threads", "4", "--respawn-failed-workers", "--no-ws",
                "--working-dir", str(ROOT),
            ],
            environment={**environment, "DATABASE_URL": without_credentials(environment["DATABASE_URL"])}
            if name.startswith("eas")
            else environment,
            log=self.folder / "log" / f"{name}.log",
        )  # fmt: skip
        self.supervisor.start(child)
        until = time.monotonic() + 60
        while not _answers(port, probe):
            if time.monotonic() > until:
                raise SystemExit(f"{name} does not answer:\n{tail(child.log)}")
            time.sleep(0.2)
        say(f"{name} serves on port {port}")
        return Server(name, port, child)

    def end(self, child: Child) -> None:
        """End one process, and what it started, before the others."""
        self.supervisor.children.remove(child)
        alone = Supervisor(self.folder / "run" / "ending.json")
        alone.children.append(child)
        alone.stop()

    def stop(self) -> None:
        """End everything, and delete the data."""
        self.supervisor.stop()
        self._delete_data()
        self._lock.close()

    def _delete_data(self) -> None:
        for old in (*self.folder.glob("pg[0-9]*"), self.folder / "valkey", self.folder / "pgbouncer"):
            shutil.rmtree(old, ignore_errors=True)

    @property
    def _name(self) -> str:
        return urlsplit(self.settings["DATABASE_URL"]).path.strip("/")


def fresh_key() -> str:
    """Return a key for whom nobody must know."""
    return secrets.token_hex(32)


def _answers(port: int, path: str) -> bool:
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=3)
        connection.request("GET", path)
        return connection.getresponse().status < 500
    except OSError:
        return False


def free_port() -> int:
    """Return a TCP port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
