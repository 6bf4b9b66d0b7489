"""One campus is backed up and put back while the other serves: all of it, or nothing."""

import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import psycopg2
import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection

from shared_apps.audit.models import AuditEntry
from shared_apps.campuses.services import list_pending
from shared_apps.common.clock import now
from shared_apps.outbox.models import OutboxMessage
from shared_apps.outbox.services import add_message, finish_message
from tenant_apps.attendance.models import Attendance, Scan
from tenants.context import owner_context, public_context
from tenants.models import Campus
from tenants.provisioning import touch_registry
from tests.cast import PASSWORD, Cast, Http, Person, Site
from tests.databases import make_campus
from tests.factories import make_event, pass_of
from tests.live import ROOT, environment
from tests.tenants.test_migrating import ADDED, CURRENT, AddColour, columns, new_migration  # noqa: F401 -- a fixture
from tests.tenants.test_provisioning import dump

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main").upper()
MARK = "events/attendance/mark_attendance/"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "malimono.backup"


@pytest.fixture
def events(cast: Cast) -> dict[str, str]:
    """An event of each campus, by host."""
    return {site.host: str(make_event(site).pk) for site in (cast.malimono, cast.delcarmen)}


def scan(http: Http, person: Person, events: dict[str, str]) -> int:
    assert person.site is not None
    body = {"event_id": events[person.site.host], "pass": pass_of(person)}
    return http.post(MARK, body, by=person.site.scanner).status_code


def seen(site: Site) -> tuple[int, int]:
    """Return the numbers of scans and of attendances."""
    with site.here():
        return Scan.objects.count(), Attendance.objects.count()


def restore(site: Site, file: Path) -> None:
    call_command("restore_campus", site.campus.code, str(file), "--confirm", site.campus.code)


def state_of(site: Site) -> tuple[str, int]:
    with public_context():
        return Campus.objects.values_list("state", "schema_version").get(pk=site.campus.id)


def tables_and_grants(site: Site) -> list[str]:
    """Return the schema's dump but for lists of values: PostgreSQL spells their casts otherwise once they were read."""
    return [line for line in dump(site.campus.schema_name).splitlines() if " ANY (" not in line]


def sign_in(http: Http, at) -> int:
    return http.post("auth/login/", {"username": "ana", "password": PASSWORD}, at=at).status_code


def test_a_campus_is_as_it_was_at_the_backup_and_the_other_as_it_is(
    cast: Cast, http: Http, file: Path, events: dict[str, str]
) -> None:
    here, there = cast.malimono, cast.delcarmen
    with here.here():
        add_message(kind="waiting", payload={}, at=now())
        done = add_message(kind="done", payload={}, at=now())
        finish_message(message_id=done.pk, at=now())
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            parked = cursor.fetchone()
    assert scan(http, here.student, events) == 201
    schema = tables_and_grants(here)
    call_command("backup_campus", "malimono", str(file))
    assert [scan(http, person, events) for person in (here.friend, there.student)] == [201, 201]
    with here.here():
        add_message(kind="later", payload={}, at=now())

    restore(here, file)

    assert (seen(here), seen(there)) == ((1, 1), (1, 1))
    assert http.get("auth/me/", by=here.student).status_code == 401
    assert http.get("auth/me/", by=there.student).status_code == 200
    assert sign_in(http, here) == 200
    assert tables_and_grants(here) == schema
    with here.here():
        assert {(kind, finished is not None, bool(error)) for kind, finished, error in
                OutboxMessage.objects.values_list("kind", "finished_at", "error")} == {
            ("waiting", True, True), ("done", True, False),
        }  # fmt: skip
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            assert cursor.fetchone() == parked  # a connection from before goes on
            with pytest.raises(DatabaseError, match="permission denied"):
                cursor.execute("UPDATE attendance_scan SET code = 'recorded'")
    with public_context():
        entries = AuditEntry.objects.filter(target_id=here.campus.id).order_by("at").values_list("action", "changes")
        (backed_up, _), (restored, changes) = entries
    assert (backed_up, restored) == ("campus.backed_up", "campus.restored")
    assert (changes["code"], changes["tokens"], changes["messages"]) == ("MALIMONO", 7, 1)


def test_a_backup_is_private_and_not_overwritten_by_accident(cast: Cast, file: Path) -> None:
    call_command("backup_campus", "MALIMONO", str(file))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.write_bytes(b"something precious")
    with pytest.raises(CommandError, match="exists already"):
        call_command("backup_campus", "MALIMONO", str(file))
    assert file.read_bytes() == b"something precious"
    call_command("backup_campus", "MALIMONO", str(file), "--force")
    assert file.read_bytes() != b"something precious"
    assert list(file.parent.iterdir()) == [file]
    with pytest.raises(CommandError, match="cannot be written"):
        call_command("backup_campus", "MALIMONO", str(file.parent / "nowhere" / "x"))


HARM = {
    "another campus's": lambda file: call_command("backup_campus", "DELCARMEN", str(file), "--force"),
    "cut off": lambda file: os.truncate(file, file.stat().st_size - 1000),
    "without its label": lambda file: file.write_bytes(file.read_bytes().rstrip(b"\n").rpartition(b"\n")[0]),
    "one bit turned": lambda file: file.write_bytes(
        file.read_bytes()[:5000] + bytes([file.read_bytes()[5000] ^ 1]) + file.read_bytes()[5001:]
    ),
    "given another name": lambda file: file.write_bytes(file.read_bytes().replace(b'"code": "MA', b'"code": "MX')),
    "garbage": lambda file: file.write_bytes(os.urandom(10_000)),
    "empty": lambda file: file.write_bytes(b""),
    "gone": lambda file: file.unlink(),
}


@pytest.mark.parametrize("harm", HARM)
def test_a_file_that_is_no_backup_of_this_campus_changes_nothing(cast: Cast, http: Http, file: Path, harm: str) -> None:
    call_command("backup_campus", "MALIMONO", str(file))
    HARM[harm](file)
    before = state_of(cast.malimono)

    with pytest.raises(CommandError, match=r"not of MALIMONO|no backup|damaged|cannot be read"):
        restore(cast.malimono, file)

    assert state_of(cast.malimono) == before
    assert http.get("auth/me/", by=cast.malimono.student).status_code == 200


def test_a_restore_that_fails_half_way_changes_nothing(
    cast: Cast, http: Http, file: Path, events: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    call_command("backup_campus", "MALIMONO", str(file))
    assert scan(http, cast.malimono.student, events) == 201

    def fail() -> int:
        assert state_of_row() == "provisioning"
        raise LookupError

    def state_of_row() -> str:
        with connection.cursor() as cursor:
            cursor.execute("SELECT state FROM public.tenants_campus WHERE code = 'MALIMONO'")
            return cursor.fetchone()[0]

    monkeypatch.setattr("shared_apps.campuses.services.revoke_all_tokens", fail)
    with pytest.raises(LookupError):
        restore(cast.malimono, file)

    assert seen(cast.malimono) == (1, 1)
    assert scan(http, cast.malimono.friend, events) == 201
    with pytest.raises(CommandError, match="not typed"):
        call_command("restore_campus", "MALIMONO", str(file), "--confirm", "DELCARMEN")


def test_others_serve_during_a_restore_and_one_that_was_killed_is_run_again(
    cast: Cast, http: Http, file: Path, events: dict[str, str]
) -> None:
    call_command("backup_campus", "MALIMONO", str(file))
    assert scan(http, cast.malimono.student, events) == 201
    url = environment(owner=True)["DATABASE_URL"]
    somebody, watch = psycopg2.connect(url), psycopg2.connect(url)
    watch.autocommit = True
    # The restore stops at its entry in the audit: the new schema is complete, the old one still there.
    somebody.cursor().execute("LOCK TABLE public.audit_auditentry IN SHARE MODE")
    command = [sys.executable, "manage.py", "restore_campus", "MALIMONO", str(file), "--confirm", "MALIMONO"]
    first = subprocess.Popen(command, env=environment(owner=True), cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        with watch.cursor() as cursor:
            while True:
                cursor.execute(
                    "SELECT 1 FROM pg_locks WHERE relation = 'public.audit_auditentry'::regclass AND NOT granted"
                )
                if cursor.fetchone():
                    break
                assert first.poll() is None
                time.sleep(0.05)

        closed = http.get("auth/me/", by=cast.malimono.scanner)
        sign_in_meanwhile = sign_in(http, cast.malimono)
        other = scan(http, cast.delcarmen.student, events)
        waiting = list_pending()
    finally:
        first.kill()
        first.wait()
        somebody.close()
        watch.close()

    assert (closed.status_code, closed.json()["errors"][0]["code"]) == (503, "campus_not_ready")
    assert (sign_in_meanwhile, other) == (503, 201)
    assert waiting == []  # nothing for the provisioning worker
    assert seen(cast.malimono) == (1, 1)
    assert state_of(cast.malimono)[0] == "provisioning"

    restore(cast.malimono, file)

    assert (seen(cast.malimono), seen(cast.delcarmen)) == ((0, 0), (1, 1))
    assert sign_in(http, cast.malimono) == 200


def test_after_a_killed_restore_the_campus_can_be_opened_as_it_was(cast: Cast, http: Http) -> None:
    with public_context():
        Campus.objects.filter(code="MALIMONO").update(state="provisioning", provisioning_step="restore")
        touch_registry()

    assert sign_in(http, cast.malimono) == 503
    call_command("create_campus", "MALIMONO", "--name", "ignored", "--host", "ignored.localhost")

    assert sign_in(http, cast.malimono) == 200
    assert sign_in(http, "ignored.localhost") == 404


@pytest.mark.slow
@pytest.mark.parametrize("after", [0.5, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2])
def test_a_restore_killed_at_any_point_is_run_again(
    cast: Cast, http: Http, file: Path, events: dict[str, str], after: float
) -> None:
    call_command("backup_campus", "MALIMONO", str(file))
    assert scan(http, cast.malimono.student, events) == 201
    command = [sys.executable, "manage.py", "restore_campus", "MALIMONO", str(file), "--confirm", "MALIMONO"]
    first = subprocess.Popen(command, env=environment(owner=True), cwd=ROOT, stdout=subprocess.DEVNULL)
    time.sleep(after)
    first.kill()
    first.wait()

    assert seen(cast.malimono) in {(1, 1), (0, 0)}
    restore(cast.malimono, file)

    assert seen(cast.malimono) == (0, 0)
    assert sign_in(http, cast.malimono) == 200


def test_a_backup_of_an_older_release_is_migrated(cast: Cast, http: Http, file: Path, new_migration: dict) -> None:  # noqa: F811
    call_command("backup_campus", "MALIMONO", str(file))
    new_migration[ADDED] = AddColour
    call_command("migrate_campuses")

    restore(cast.malimono, file)

    assert "colour" in columns("c_malimono")
    assert state_of(cast.malimono) == ("ready", CURRENT + 1)
    assert sign_in(http, cast.malimono) == 200


def test_a_dropped_campus_comes_back_suspended(cast: Cast, http: Http, file: Path) -> None:
    code = make_campus(f"LOST{WORKER}", "lost.localhost").code
    call_command("backup_campus", code, str(file))
    for step in ("suspend_campus", "archive_campus"):
        call_command(step, code, "--reason", "closed")
    call_command("drop_campus", code, "--backup", str(file), "--confirm", code)
    with pytest.raises(CommandError, match="pg_dump failed"):
        call_command("backup_campus", code, str(file), "--force")

    call_command("restore_campus", code, str(file), "--confirm", code)

    assert sign_in(http, "lost.localhost") == 403
    call_command("reactivate_campus", code, "--reason", "back")
    assert sign_in(http, "lost.localhost") == 401  # served, and nobody is in it


PROGRAM = """#!/bin/sh
[ "$1" = --version ] && echo "pg_dump (PostgreSQL) {version}" && exit
echo "$@" > {folder}/arguments
exit 1
"""


def test_programs_that_are_missing_old_or_fail(cast: Cast, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = file.parent / "bin"
    folder.mkdir()
    program = folder / "pg_dump"
    monkeypatch.setattr("tenants.backups.find_wheel", lambda: None)
    monkeypatch.setenv("PATH", f"{folder}")

    def back_up() -> str:
        with pytest.raises(CommandError) as error:
            call_command("backup_campus", "MALIMONO", str(file))
        return str(error.value)

    assert "found on PATH: none" in back_up()
    program.write_text(PROGRAM.format(version="9.6.24", folder=folder))
    program.chmod(0o755)
    assert "9.6.24" in back_up()
    program.write_text(PROGRAM.format(version="99.0", folder=folder))
    assert "pg_dump failed" in back_up()
    with owner_context():
        password = connection.get_connection_params()["password"]
    assert "c_malimono" in (folder / "arguments").read_text()
    assert password not in (folder / "arguments").read_text()
    assert list(file.parent.iterdir()) == [folder]


def test_without_the_owners_credentials_nothing_is_done(cast: Cast, file: Path) -> None:
    call_command("backup_campus", "MALIMONO", str(file))
    before = state_of(cast.malimono)
    for command, options in (("backup_campus", ["--force"]), ("restore_campus", ["--confirm", "MALIMONO"])):
        answer = subprocess.run(
            [sys.executable, "manage.py", command, "MALIMONO", str(file), *options],
            env=environment(), cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert answer.returncode == 1
        assert "DATABASE_URL carries no user" in answer.stderr
    assert state_of(cast.malimono) == before
