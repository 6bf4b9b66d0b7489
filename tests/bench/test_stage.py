"""A bench leaves nothing behind, however it ends, and touches no database but its own."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from django.conf import settings
from django.db import connection

from bench.marks import is_marked, mark_database, refuse_other_databases
from bench.servers import Stage
from tenants.context import owner_context

ROOT = Path(__file__).resolve().parents[2]
# A bench that measures for ever: says so once its servers run, and then waits.
ENDLESS = """
import signal, sys, time
from pathlib import Path
import bench.main as bench

def measure(stage, options, report):
    print("measuring", flush=True)
    time.sleep(600)

bench._measure = measure
sys.exit(bench.main(Path(sys.argv[1]), []))
"""


@pytest.fixture
def own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "REDIS_URL", "EAS_MASTER_KEY"):
        monkeypatch.delenv(name, raising=False)


def begin(root: Path) -> "subprocess.Popen[str]":
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    bench = subprocess.Popen(
        [sys.executable, "-c", ENDLESS, str(root)],
        env=environment, stdout=subprocess.PIPE, text=True, cwd=ROOT, start_new_session=True,
    )  # fmt: skip
    assert bench.stdout is not None
    for line in bench.stdout:
        if "measuring" in line:
            return bench
    raise AssertionError("it never began")


def wait_for_end(processes: list[psutil.Process]) -> list[psutil.Process]:
    return psutil.wait_procs(processes, timeout=40)[1]


def test_named_databases_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://somebody@production/eas")

    with pytest.raises(SystemExit, match="against its own alone"):
        Stage(tmp_path / "bench")

    assert list(tmp_path.iterdir()) == []


def test_programs_of_the_bench_refuse_a_database_that_it_did_not_make(database: None) -> None:
    with owner_context(), connection.cursor() as cursor:
        with pytest.raises(SystemExit, match="not made by a bench"):
            refuse_other_databases(cursor)

        name = connection.settings_dict["NAME"]
        try:
            mark_database(cursor, f'"{name}"')
            refuse_other_databases(cursor)
            assert is_marked(cursor)
        finally:
            cursor.execute(f'COMMENT ON DATABASE "{name}" IS NULL')


@pytest.mark.parametrize("program", ["bench.world", "bench.growing", "bench.operations"])
def test_a_program_run_by_hand_changes_nothing(program: str, database: None, tmp_path: Path) -> None:
    with owner_context(), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM tenants_campus")
        before = cursor.fetchone()
    arguments = {"bench.world": ["1", "1", "1"], "bench.growing": ["0", "1"], "bench.operations": ["1"]}[program]
    values = settings.DATABASES["default"]
    url = os.environ["DATABASE_URL"].rsplit("?", 1)
    named = url[0].rpartition("/")[0] + f"/{connection.settings_dict['NAME'] or values['NAME']}"
    environment = {
        **os.environ, "DJANGO_SETTINGS_MODULE": "config.settings", "PYTHONPATH": str(ROOT),
        "DATABASE_URL": "?".join([named, *url[1:]]),
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", program, *arguments, str(tmp_path / "out.json")],
        env=environment, cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert (done.returncode, "not made by a bench" in done.stderr) == (1, True), done.stderr
    assert not (tmp_path / "out.json").exists()
    with owner_context(), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM tenants_campus")
        assert cursor.fetchone() == before


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_leaves_no_process_and_no_data(
    number: signal.Signals, tmp_path: Path, own_environment: None
) -> None:
    bench = begin(tmp_path)
    started = psutil.Process(bench.pid).children(recursive=True)
    assert {"postgres", "PostgreSQL"} & {process.name() for process in started} or len(started) >= 2

    bench.send_signal(number)

    assert bench.wait(60) == 130
    assert wait_for_end(started) == []
    left = {path.name for path in (tmp_path / "var" / "bench").iterdir()}
    assert not any(name.startswith(("pg", "valkey")) for name in left)


@pytest.mark.slow
def test_killed_the_next_one_ends_and_deletes_what_it_left(tmp_path: Path, own_environment: None) -> None:
    bench = begin(tmp_path)
    started = psutil.Process(bench.pid).children(recursive=True)
    data = next((tmp_path / "var" / "bench").glob("pg[0-9]*"))
    (data / "left-over").touch()
    bench.kill()
    bench.wait(10)

    again = begin(tmp_path)
    try:
        assert not (data / "left-over").exists()
        assert [process for process in started if process.is_running() and process.status() != "zombie"] == []
        refused = subprocess.run(
            [sys.executable, "-c", ENDLESS, str(tmp_path)],
            env={**os.environ, "PYTHONPATH": str(ROOT)}, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert (refused.returncode, "Another bench runs" in refused.stderr) == (1, True)
        assert again.poll() is None
    finally:
        again.terminate()
        assert again.wait(60) == 130
