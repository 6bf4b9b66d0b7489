"""The parts of a local run that need no server."""

import os
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from config.local.environment import load_local_environment, read_secrets, without_credentials, write_private
from config.local.processes import Child, Supervisor
from config.local.sockets import socket_folder
from config.local.up import _banner, _command, _parse, _reset


def test_secrets_are_made_once_and_kept_private(tmp_path: Path) -> None:
    first = read_secrets(tmp_path)

    assert read_secrets(tmp_path) == first
    assert len(bytes.fromhex(first["master_key"])) == 32
    assert stat.S_IMODE((tmp_path / "secrets.json").stat().st_mode) == 0o600


def test_a_private_file_is_replaced_whole(tmp_path: Path) -> None:
    write_private(tmp_path / "a", "one")
    write_private(tmp_path / "a", "two")

    assert (tmp_path / "a").read_text() == "two"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize(
    ("url", "bare"),
    [
        ("postgres://u:p@/eas?host=%2Ftmp%2Fa%20b", "postgres:///eas?host=%2Ftmp%2Fa%20b"),
        ("postgres://u:p%40ss@db:5433/eas", "postgres://db:5433/eas"),
        ("postgres://db/eas", "postgres://db/eas"),
    ],
)
def test_web_processes_get_the_database_without_the_owner(url: str, bare: str) -> None:
    assert without_credentials(url) == bare


def test_other_commands_use_the_running_system_unless_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "local.env").write_text("DATABASE_URL=postgres://a\nEAS_X=1=2\n")
    monkeypatch.setenv("DATABASE_URL", "postgres://mine")
    monkeypatch.delenv("EAS_X", raising=False)
    load_local_environment(tmp_path)
    assert "EAS_X" not in os.environ

    monkeypatch.delenv("DATABASE_URL")
    monkeypatch.setenv("EAS_X", "")
    monkeypatch.delenv("EAS_X")
    load_local_environment(tmp_path)
    assert (os.environ["DATABASE_URL"], os.environ["EAS_X"]) == ("postgres://a", "1=2")
    monkeypatch.delenv("EAS_X")


def test_sockets_get_a_short_folder_where_the_path_is_long(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 120)

    folder = socket_folder(deep)

    assert len(str(folder)) < 90
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert socket_folder(tmp_path / "run") == tmp_path / "run"


def child(tmp_path: Path, *command: str) -> Child:
    return Child(name="child", command=[sys.executable, *command], environment=dict(os.environ), log=tmp_path / "log")


def test_what_dies_is_started_again_and_what_lives_is_stopped(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path / "run.json")
    sleeper = child(tmp_path, "-c", "import time; time.sleep(600)")
    supervisor.start(sleeper)
    assert sleeper.process is not None
    first = sleeper.process.pid
    sleeper.process.kill()

    supervisor.watch(3)

    assert sleeper.process is not None
    second = sleeper.process.pid
    assert second != first
    supervisor.stop()
    assert not psutil.pid_exists(second)
    assert not (tmp_path / "run.json").exists()


def test_workers_that_outlive_their_parent_are_ended(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path / "run.json")
    code = "import subprocess, sys, time; p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])"
    parent = child(tmp_path, "-c", f"{code}; print(p.pid, flush=True); time.sleep(600)")
    supervisor.start(parent)
    assert parent.process is not None
    until = time.monotonic() + 10
    while not (text := (tmp_path / "log").read_text()) and time.monotonic() < until:
        time.sleep(0.05)
    worker = psutil.Process(int(text))
    parent.process.kill()

    supervisor.watch(1)
    supervisor.stop()

    assert not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE


def test_leftovers_of_a_killed_supervisor_are_ended_and_strangers_are_not(tmp_path: Path) -> None:
    left = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    created = psutil.Process(left.pid).create_time()
    (tmp_path / "run.json").write_text(
        f'[{{"name": "left", "pid": {left.pid}, "created": {created - 1}, "signal": 15}},'
        f' {{"name": "other", "pid": {stranger.pid}, "created": {created - 1000}, "signal": 15}}]'
    )

    Supervisor(tmp_path / "run.json").end_leftovers()

    assert left.wait(10) is not None
    assert stranger.poll() is None
    stranger.kill()
    stranger.wait()


def test_a_command_is_ended_when_asked_to_stop(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "manage.py").write_text(
        "import os, sys, time; print(os.getpid(), os.getsid(0) == os.getpid(), flush=True)\n"
        "if sys.argv[1] == 'slow': time.sleep(600)\n"
        "sys.exit(sys.argv[1] == 'bad')\n"
    )
    supervisor = Supervisor(tmp_path / "run.json")

    _command(tmp_path, dict(os.environ), "good", supervisor)
    with pytest.raises(SystemExit, match="bad failed"):
        _command(tmp_path, dict(os.environ), "bad", supervisor)
    started = time.monotonic()
    threading.Timer(1.0, supervisor.stopping.set).start()
    with pytest.raises(KeyboardInterrupt):
        _command(tmp_path, dict(os.environ), "slow", supervisor)

    printed = capfd.readouterr()
    pids = [line.split() for line in printed.out.splitlines() if line.endswith(("True", "False"))]
    assert time.monotonic() - started < 10
    assert [own_session for _, own_session in pids] == ["True"] * 3
    assert not psutil.pid_exists(int(pids[-1][0]))
    assert printed.err == ""


@pytest.mark.parametrize("port", ["0", "99999", "-1", "x", "80.5"])
def test_a_port_that_is_none_is_refused_by_name(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        _parse([f"--port={port}"])
    assert "argument --port" in capsys.readouterr().err


def test_reset_takes_everything_that_a_start_makes_again(tmp_path: Path) -> None:
    for name in ("beat-schedule.db", "beat-schedule.dat", "demo-logins.json", "secrets.json"):
        (tmp_path / name).touch()
    (tmp_path / "pg18").mkdir()

    _reset(tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["secrets.json"]


def test_without_a_demo_the_banner_says_how_to_begin() -> None:
    assert "manage.py createsuperuser --username" in _banner(8000, 8001, None)
