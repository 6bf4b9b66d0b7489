"""The same scans through PgBouncer in transaction mode: few connections to PostgreSQL, each campus still by itself."""

import json
import os
import secrets
import shutil
import subprocess
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg2

from bench.parts import Part
from bench.servers import Stage, free_port
from config.local.environment import write_private
from config.local.processes import Child, child_environment, tail
from config.local.say import say
from tenants.keys import login_password

# The target: so many connections to PostgreSQL at most, whatever the number of campuses.
CONNECTIONS = 20
MISSING = "PgBouncer is not installed (Debian: apt-get install pgbouncer): scans through it were not measured."
_CONFIGURATION = """\
[databases]
{database} = host={sockets} port=5432 dbname={database}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {users}
admin_users = bench_admin
pool_mode = transaction
default_pool_size = 4
max_db_connections = {connections}
max_client_conn = 1000
ignore_startup_parameters = extra_float_digits
"""


def find_pgbouncer() -> str | None:
    """Return where the program is, None where it is not installed."""
    return shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


class Pooler:
    """A running PgBouncer before EAS's database. ``peak``: the most connections to PostgreSQL seen at once."""

    def __init__(self, stage: Stage, program: str, schemas: Sequence[str]) -> None:
        self.stage = stage
        self.port = free_port()
        self.peak = 0
        self._database = urlsplit(stage.settings["DATABASE_URL"]).path.strip("/")
        self._admin = secrets.token_hex(16)
        folder = stage.folder / "pgbouncer"
        self._write(folder, schemas)
        # Like PostgreSQL, it refuses to run as root.
        self.child = Child(
            name="PgBouncer",
            command=[*stage.postgres.prefix, program, str(folder / "pgbouncer.ini")],
            environment=child_environment({}, drop=("PG",)),
            log=stage.folder / "log" / "pgbouncer.log",
        )
        stage.supervisor.start(self.child)
        self._wait()

    def environment(self) -> dict[str, str]:
        """Return the environment of an EAS behind it."""
        return self.stage.eas_environment(
            DATABASE_URL=f"postgres://127.0.0.1:{self.port}/{self._database}", EAS_DB_PREPARE="false"
        )

    def run(self, part: Part, *, seconds: float) -> None:
        """Run one round, and count connections meanwhile."""
        done = threading.Event()
        watcher = threading.Thread(target=self._watch, args=[done])
        watcher.start()
        try:
            part.run(seconds=seconds, postgres_pid=self.stage.postgres_pid)
        finally:
            done.set()
            watcher.join()

    def _watch(self, done: threading.Event) -> None:
        with closing(self._connect()) as connection:
            connection.autocommit = True
            cursor = connection.cursor()
            while not done.wait(0.1):
                cursor.execute("SHOW SERVERS")
                self.peak = max(self.peak, len(cursor.fetchall()))

    def _write(self, folder: Path, schemas: Sequence[str]) -> None:
        """Write its configuration, and the passwords it takes and gives: those that EAS derives."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        prefix, key = "eas_bench_", self.stage.settings["EAS_MASTER_KEY"]
        logins = [f"{prefix}{schema}" for schema in ("public", *schemas)]
        users = [f'"{login}" "{login_password(key, login)}"' for login in logins]
        write_private(folder / "users.txt", "\n".join([*users, f'"bench_admin" "{self._admin}"']) + "\n")
        write_private(
            folder / "pgbouncer.ini",
            _CONFIGURATION.format(
                database=self._database,
                sockets=self.stage.postgres.sockets,
                port=self.port,
                users=folder / "users.txt",
                connections=CONNECTIONS,
            ),
        )

    def _wait(self) -> None:
        until = time.monotonic() + 20
        while True:
            with suppress(psycopg2.OperationalError):
                self._connect().close()
                return
            if time.monotonic() > until:
                raise SystemExit(f"PgBouncer does not answer:\n{tail(self.child.log)}")
            time.sleep(0.1)

    def _connect(self) -> Any:
        return psycopg2.connect(
            host="127.0.0.1", port=self.port, dbname="pgbouncer", user="bench_admin", password=self._admin,
            connect_timeout=3,
        )  # fmt: skip


def version_of(program: str) -> str:
    """Return for example "1.18.0"."""
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    return said.split()[1]


def check_places(stage: Stage, campuses: Sequence[dict[str, Any]], sent: Sequence[bytes]) -> int:
    """Compare what was sent to each host with what its schema holds; return how many scans were compared.

    Raises: SystemExit when one is missing where it belongs, or is anywhere else.
    """
    schemas = {campus["host"]: campus["schema"] for campus in campuses}
    belongs: dict[str, set[str]] = defaultdict(set)
    for request in sent:
        head, _, body = request.partition(b"\r\n\r\n")
        host = next(line[6:] for line in head.decode().split("\r\n") if line.startswith("Host: "))
        belongs[schemas[host]].add(json.loads(body)["scan_id"])
    everything = set().union(*belongs.values())
    with stage.connect() as cursor:
        for campus in campuses:
            schema = campus["schema"]
            cursor.execute(
                f"SELECT s.scan_id::text, e.id IS NOT NULL FROM {schema}.attendance_scan s"
                f" LEFT JOIN {schema}.events_event e ON e.id = s.event_id WHERE s.outcome = 'recorded'"
            )
            rows = cursor.fetchall()
            here = {scan for scan, _ in rows} & everything
            if here != belongs[schema] or not all(own for _, own in rows):
                raise SystemExit(
                    f"{campus['code']}: {len(belongs[schema] - here)} scans are missing, "
                    f"{len(here - belongs[schema])} are another campus's."
                )
    say(f"{len(everything):,} scans through PgBouncer are each in the schema of its own campus")
    return len(everything)
