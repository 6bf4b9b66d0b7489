"""Processes killed at any point: no acknowledged scan lost, none counted twice, recovery by itself."""

import os
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from shared_apps.accounts.models import Profile, User
from shared_apps.common.ids import uuid7
from tenant_apps.attendance.models import Attendance, Scan
from tenants.context import public_context
from tenants.models import Campus
from tests.cast import Cast
from tests.factories import make_event
from tests.faults.harm import Killer, cutting, scan_through
from tests.live import ROOT, LiveServer, environment, live_server

pytestmark = pytest.mark.slow

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")


def scan_under(cast: Cast, server: LiveServer, *, people: int, doors: int, harm) -> None:
    """Scan everybody at every door, each scan repeated until it is answered, while ``harm`` is done; then count."""
    site = cast.malimono
    event = make_event(site)
    with site.here():
        users = [User(username=f"k{n}", student_id=f"K-{n}", role="student", password="!") for n in range(people)]
        User.objects.bulk_create(users)
        Profile.objects.bulk_create([Profile(user=user) for user in users])
    acknowledged: dict[str, tuple[int, str]] = {}
    lock = threading.Lock()
    trouble: list[str] = []

    def door(number: int) -> None:
        for user in random.Random(number).sample(users, people):
            scan_id = str(uuid7())
            body = {"event_id": str(event.pk), "user_id": str(user.pk), "scan_id": scan_id}
            until = time.monotonic() + 60
            while time.monotonic() < until:
                status, answer = server.send(
                    "POST", "/api/v1/events/attendance/mark_attendance/", body, host=site.host, token=site.scanner.token
                )
                if status in {200, 201}:
                    with lock:
                        acknowledged[scan_id] = (status, answer["outcome"])
                    break
                if status not in {0, 503}:
                    trouble.append(f"{status} {answer}")
                time.sleep(0.05)
            else:
                trouble.append("never answered")

    scan_through(server, door=door, doors=doors, harm=harm)

    assert trouble == []
    assert len(acknowledged) == people * doors
    with site.here():
        stored = {str(scan_id): outcome for scan_id, outcome in Scan.objects.values_list("scan_id", "outcome")}
        assert stored == {scan_id: outcome for scan_id, (_, outcome) in acknowledged.items()}
        assert Attendance.objects.count() == people
        assert Scan.objects.filter(outcome="recorded").count() == people


def test_web_processes_killed_while_scanning(cast: Cast, tmp_path: Path) -> None:
    with live_server(tmp_path / "web.log") as server:
        kill_one = Killer(server)
        scan_under(cast, server, people=60, doors=6, harm=kill_one)
        assert kill_one.killed["worker"] >= 2


def test_web_processes_killed_in_a_batch(cast: Cast, tmp_path: Path) -> None:
    """Each scan of a batch is stored once or not at all, and the same batch sent again completes it."""
    site = cast.malimono
    event = make_event(site)
    with site.here():
        users = [User(username=f"k{n}", student_id=f"K-{n}", role="student", password="!") for n in range(300)]
        User.objects.bulk_create(users)
        Profile.objects.bulk_create([Profile(user=user) for user in users])
    sizes: list[int] = []
    acknowledged: dict[str, str] = {}
    lock = threading.Lock()
    trouble: list[str] = []

    def door(number: int) -> None:
        for turn in range(12):
            some = random.Random(number * 100 + turn).sample(users, 150)
            scans = [
                {"event_id": str(event.pk), "user_id": str(user.pk), "scan_id": str(uuid7()), "sequence": turn}
                for user in some
            ]
            ids = [scan["scan_id"] for scan in scans]
            until = time.monotonic() + 60
            while time.monotonic() < until:
                status, answer = server.send(
                    "POST", "/api/v1/events/attendance/batch/", {"scans": scans}, host=site.host,
                    token=site.scanner.token,
                )  # fmt: skip
                if status == 200:
                    with lock:
                        results = answer["results"]
                        acknowledged.update({row["scan_id"]: row["body"]["outcome"] for row in results})
                    break
                if status not in {0, 503}:
                    trouble.append(f"{status} {answer}")
                # All of a batch, or nothing of it.
                with site.here():
                    sizes.append(Scan.objects.filter(scan_id__in=ids).count())
                time.sleep(0.05)
            else:
                trouble.append("never answered")

    with live_server(tmp_path / "web.log") as server:
        kill_one = Killer(server)
        scan_through(server, door=door, doors=4, harm=kill_one)
        assert kill_one.killed["worker"] >= 2

    assert trouble == []
    assert set(sizes) <= {0, 150}
    assert len(acknowledged) == 4 * 12 * 150
    with site.here():
        stored = {str(scan_id): outcome for scan_id, outcome in Scan.objects.values_list("scan_id", "outcome")}
        assert stored == acknowledged
        assert Attendance.objects.count() == Scan.objects.filter(outcome="recorded").count()


@pytest.mark.skipif("EAS_TEST_SUPERUSER_URL" not in os.environ, reason="needs the embedded server's superuser")
def test_database_connections_cut_while_scanning(cast: Cast, tmp_path: Path) -> None:
    with cutting("malimono") as cut_all, live_server(tmp_path / "web.log") as server:
        scan_under(cast, server, people=60, doors=6, harm=cut_all)
    assert cut_all.cuts >= 5


@pytest.mark.parametrize("after", [0.0, 0.35, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.8])
def test_creating_a_campus_killed_at_any_point_goes_on(database: None, after: float) -> None:
    code = f"KIL{WORKER.upper()}"
    command = [sys.executable, "manage.py", "create_campus", code, "--name", "Killed", "--host", "killed.localhost"]
    first = subprocess.Popen(command, env=environment(owner=True), cwd=ROOT, stdout=subprocess.DEVNULL)
    time.sleep(after)
    first.kill()
    first.wait()

    second = subprocess.run(
        command, env=environment(owner=True), cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )

    assert second.returncode == 0, second.stderr
    with public_context():
        assert Campus.objects.get(code=code).state == "ready"
