"""One campus's schema in one file, and back, while the other campuses serve.

A backup is an archive of ``pg_dump`` followed by one line of JSON, its label: whose it is, from when, and an HMAC under
a key derived from the master key. A restore runs the file's SQL as the owner, so only what this installation wrote,
and nobody has changed since, is run. ``pg_restore`` reads such a file as it is.

A restore is one transaction: the old schema is renamed, the new one made beside it, the old one dropped last. Until it
commits nobody sees any of it, and nobody waits for it: other processes keep asking the old schema, whose registry row
says 503.
"""

import hashlib
import hmac
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import IO, Final
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from psycopg2.extensions import make_dsn

from tenants import logins, template
from tenants.context import owner_context, wrapper
from tenants.errors import BackupError, WrongCampusState
from tenants.keys import derive_key
from tenants.models import Campus, CampusState
from tenants.programs import find_wheel
from tenants.provisioning import RESTORING, touch_registry
from tenants.registry_types import CampusEntry
from tenants.versions import code_version

Progress = Callable[[str], None]

_CHUNK: Final = 1 << 20
_LONGEST_LABEL: Final = 4096
# Comments and blank lines, psql's own commands, and a setting that servers before 17 do not know.
_LEFT_OUT = re.compile(rb"--|\n|\\(un)?restrict |SET transaction_timeout ")
# A state before the restore, and the one after it: opening an archived campus stays a decision of its own.
_STATE_AFTER: Final = {
    CampusState.PROVISIONING: CampusState.READY,
    CampusState.SUSPENDED: CampusState.SUSPENDED,
    CampusState.ARCHIVED: CampusState.SUSPENDED,
}


@dataclass(frozen=True, slots=True)
class Label:
    """What a backup says about itself. ``made_at`` is ISO 8601; ``mac`` covers the archive and all other fields."""

    campus_id: str
    code: str
    schema_version: int
    made_at: str
    mac: str = ""


def write_backup(*, campus: CampusEntry, file: Path, at: datetime, on_progress: Progress) -> Label:
    """Write the campus's schema to ``file`` (0600), all of it or nothing; the campus serves meanwhile.

    An older file of that name is replaced. Locks: none but pg_dump's (no migration and no end of a restore meanwhile).
    Raises: BackupError, OwnerCredentialsMissing.
    """
    label = Label(str(campus.id), campus.code, campus.schema_version, at.isoformat(timespec="seconds"))
    try:
        descriptor, draft = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)  # readable for its owner only
    except OSError as error:
        raise BackupError(f"{file} cannot be written: {error.strerror}") from None
    try:
        with os.fdopen(descriptor, "wb") as output, owner_context():
            mac = _new_mac()
            arguments = ("--format=custom", "--no-owner", "--no-privileges", f"--schema={campus.schema_name}")
            with _output_of("pg_dump", *arguments, _dsn()) as archive:
                for number, chunk in enumerate(iter(lambda: archive.read(_CHUNK), b""), start=1):
                    output.write(chunk)
                    mac.update(chunk)
                    if number % 64 == 0:
                        on_progress(f"{number * _CHUNK >> 20} MB")
            mac.update(_text(label))
            label = replace(label, mac=mac.hexdigest())
            output.write(b"\n" + _text(label) + b"\n")
            output.flush()
            os.fsync(output.fileno())
        os.replace(draft, file)
    except BaseException:
        os.unlink(draft)
        raise
    _sync_folder(file.parent)
    return label


def read_label(file: Path) -> Label:
    """Return the label of a backup after reading all of it.

    Raises: BackupError where the file is none of this installation, or not as it was written.
    """
    try:
        with file.open("rb") as source:
            size = source.seek(0, os.SEEK_END)
            source.seek(max(0, size - _LONGEST_LABEL))
            text = source.read().removesuffix(b"\n").rpartition(b"\n")[2]
            label = Label(**json.loads(text))
            mac = _new_mac()
            source.seek(0)
            left = size - len(text) - 2  # the label stands between two line ends
            while left > 0:
                chunk = source.read(min(_CHUNK, left))
                mac.update(chunk)
                left -= len(chunk)
            mac.update(_text(replace(label, mac="")))
    except OSError as error:
        raise BackupError(f"{file} cannot be read: {error.strerror}") from None
    except (ValueError, TypeError):
        raise BackupError(f"{file} is no backup of a campus, or is cut off.") from None
    if not hmac.compare_digest(mac.hexdigest().encode(), str(label.mac).encode()):
        raise BackupError(f"{file} is damaged, or was made under another EAS_MASTER_KEY.")
    return label


def restore_backup(*, campus: CampusEntry, file: Path, finish: Callable[[Label], None], on_progress: Progress) -> Label:
    """Put the campus's schema back as ``file`` has it. The campus answers 503 meanwhile, the others serve.

    ``finish(label)`` is called in the same transaction, as the owner, in the public schema; see ``tables_of``. A ready
    campus is ready again afterwards, a suspended one stays suspended, an archived one becomes suspended. A backup of an
    older release leaves the campus behind the code: ``migrate_campuses`` does the rest.

    Where it fails nothing has changed; killed, it leaves the old schema and the campus closed: run it again.

    Locks: the campus's registry row all the time; its old tables, and the registry's version, at the end.
    Raises: BackupError, WrongCampusState (a campus that is still being made), OwnerCredentialsMissing.
    """
    label = read_label(file)
    if label.campus_id != str(campus.id):
        raise BackupError(f"{file} is a backup of {label.code}, not of {campus.code}.")
    _close(campus.id)
    try:
        with owner_context(), transaction.atomic():
            row = Campus.objects.select_for_update(no_key=True).get(pk=campus.id)
            is_made = row.state != CampusState.PROVISIONING or row.provisioning_step == RESTORING
            if row.state not in _STATE_AFTER or not is_made:
                raise WrongCampusState(f"{row.code} is {row.state}: it was opened by somebody else, or never was.")
            with _replaced(row.schema_name):
                _load(file, on_progress)
                version = _count_migrations(row.schema_name)
                logins.ensure_campus_login(row.schema_name)
                if version >= code_version():
                    logins.grant_campus(row.schema_name)  # else migrating grants, when all tables are there
                finish(label)
            logins.grant_registry([row.schema_name])
            Campus.objects.filter(pk=row.pk).update(
                state=_STATE_AFTER[CampusState(row.state)], schema_version=version, provisioning_step="",
                provisioning_error="",
            )  # fmt: skip
            touch_registry()
    except BaseException:
        _reopen(campus.id)
        raise
    return label


@contextmanager
def tables_of(schema: str) -> Iterator[None]:
    """Let unqualified names mean that schema's tables, within a transaction of the owner."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL search_path = {schema}")
        yield
        cursor.execute("SET LOCAL search_path = public")


def _close(campus_id: UUID) -> None:
    with owner_context(), transaction.atomic():
        ready = Campus.objects.filter(pk=campus_id, state=CampusState.READY)
        if ready.update(state=CampusState.PROVISIONING, provisioning_step=RESTORING):
            touch_registry()


def _reopen(campus_id: UUID) -> None:
    with owner_context(), transaction.atomic():
        closed = Campus.objects.filter(pk=campus_id, state=CampusState.PROVISIONING, provisioning_step=RESTORING)
        if closed.update(state=CampusState.READY, provisioning_step=""):
            touch_registry()


@contextmanager
def _replaced(schema: str) -> Iterator[None]:
    """Put the schema aside, let another be made under its name, then drop it.

    Renaming keeps nobody out; dropping waits for whoever is still at its tables, so it comes last.
    """
    aside = f"{schema}_aside"
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regnamespace(%s) IS NOT NULL", [schema])
        is_there = cursor.fetchone()[0]  # not after drop_campus
        if is_there:
            cursor.execute(f"ALTER SCHEMA {schema} RENAME TO {aside}")
        yield
        if is_there:
            cursor.execute(f"DROP SCHEMA {aside} CASCADE")


def _load(file: Path, on_progress: Progress) -> None:
    """Run the archive's SQL through this transaction's own connection."""
    try:
        arguments = ("--no-owner", "--no-privileges", "--file=-", str(file.absolute()))
        with _output_of("pg_restore", *arguments) as script, connection.cursor() as cursor:
            statements: list[bytes] = []
            for line in iter(script.readline, b""):
                if line.startswith(b"COPY ") and line.endswith(b" FROM stdin;\n"):
                    on_progress(line.split()[1].decode())
                    if statements:
                        cursor.execute(b"".join(statements).decode())
                    statements.clear()
                    cursor.copy_expert(line.decode(), _Rows(script), _CHUNK)
                elif not _LEFT_OUT.match(line):
                    statements.append(line)
            # The script leaves the search path empty.
            cursor.execute(b"".join(statements).decode() + "SET search_path = public")
    except DatabaseError as error:
        raise BackupError(f"{file} could not be restored: {error}") from error


class _Rows:
    """The rows that follow a COPY in a script, as psycopg2 reads them."""

    def __init__(self, script: IO[bytes]) -> None:
        self.script = script
        self.ended = False

    def read(self, size: int) -> bytes:
        lines: list[bytes] = []
        length = 0
        while not self.ended and length < size:
            line = self.script.readline()
            if not line:
                raise BackupError("pg_restore ended inside a table.")
            self.ended = line == b"\\.\n"
            if not self.ended:
                lines.append(line)
                length += len(line)
        return b"".join(lines)


def _count_migrations(schema: str) -> int:
    """Return how far the schema is by its own journal, counted as ``code_version`` counts."""
    with connection.cursor() as cursor:
        labels = list(template.campus_labels())
        cursor.execute(f"SELECT count(*) FROM {schema}.django_migrations WHERE app = ANY(%s)", [labels])
        return int(cursor.fetchone()[0])


@contextmanager
def _output_of(program: str, *arguments: str) -> Iterator[IO[bytes]]:
    """Run one of PostgreSQL's programs as the owner; yield what it prints.

    Raises: BackupError where there is none, or it fails.
    """
    password = connection.get_connection_params().get("password")
    environment = {**os.environ, **({"PGPASSWORD": password} if password else {})}
    with tempfile.TemporaryFile() as said:
        with subprocess.Popen(
            [_find_program(program), *arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said, env=environment,
        ) as process:  # fmt: skip
            assert process.stdout is not None
            try:
                yield process.stdout
            except BaseException:
                process.kill()
                raise
        if process.returncode:
            said.seek(0)
            raise BackupError(f"{program} failed: {said.read().decode(errors='replace').strip()[-500:]}")


def _find_program(name: str) -> str:
    """Return the path of the embedded or the system's program, whichever is not older than the server."""
    server = wrapper().pg_version // 10_000
    found = []
    for folder in (find_wheel(), None):
        path = shutil.which(name, path=str(folder) if folder else None)
        if path is None:
            continue
        version = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
        major = re.search(r"\) (\d+)", version)
        if major and int(major[1]) >= server:
            return path
        found.append(version.strip())
    raise BackupError(
        f"{name} of PostgreSQL {server} or newer is needed; found on PATH: {', '.join(found) or 'none'}. "
        f"Install the client programs (postgresql-client-{server}) and put them on PATH."
    )


def _dsn() -> str:
    """Return where the database is, for a command line: without the password."""
    params = connection.get_connection_params()
    kept = {name: params[name] for name in ("host", "port", "dbname", "user") if params.get(name)}
    kept.update({name: value for name, value in params.items() if name.startswith("ssl")})
    return f"--dbname={make_dsn(**kept)}"


def _new_mac() -> hmac.HMAC:
    return hmac.new(derive_key(settings.MASTER_KEY, "backup"), digestmod=hashlib.sha256)


def _text(label: Label) -> bytes:
    return json.dumps(asdict(label)).encode()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
