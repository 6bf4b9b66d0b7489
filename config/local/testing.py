"""``manage.py test``: servers for tests alone, then pytest with whatever arguments are given."""

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path

from config.local.processes import Supervisor, child_environment
from config.local.say import say
from config.local.servers import start_servers

# Tests may lose their data with the machine; production and ``up`` may not.
_FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


def main(root: Path, arguments: list[str]) -> int:
    """Run the tests; return pytest's exit status."""
    folder = root / "var" / "test"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder / "test.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("other tests of this checkout are running; waiting for them …")
            fcntl.flock(lock, fcntl.LOCK_EX)
        supervisor = Supervisor(folder / "run" / "processes.json")
        supervisor.end_leftovers()
        try:
            return _run(root, folder, arguments, supervisor)
        except KeyboardInterrupt:
            return 130
        finally:
            supervisor.stop()


def _run(root: Path, folder: Path, arguments: list[str], supervisor: Supervisor) -> int:
    settings = {**_FAST, "max_connections": "400", "shared_buffers": "256MB"}
    servers, postgres = start_servers(folder, supervisor, settings=settings, createdb=True)
    extra = {
        "EAS_ENV": "test",
        "EAS_TLS": "false",
        "CAMPUS_LOGIN_PREFIX": "eas_test_",
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "EAS_MAIL_URL": f"file:{folder / 'mail'}",
        **servers,
    }
    if postgres is not None:
        extra["EAS_PG_BIN_DIR"] = str(postgres.binaries)
        extra["EAS_PG_RUN_PREFIX"] = json.dumps(postgres.prefix)
        extra["EAS_TEST_SUPERUSER_URL"] = postgres.superuser_url()
    command = [sys.executable, "-m", "pytest"]
    if not any(argument.startswith(("-n", "--dist", "--pdb")) for argument in arguments):
        command += ["-n", str(min(os.cpu_count() or 2, 8)), "--dist", "worksteal"]
    say("running the tests")
    return subprocess.run([*command, *arguments], cwd=root, env=child_environment(extra), check=False).returncode
