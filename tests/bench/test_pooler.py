"""Scans through PgBouncer in transaction mode land in their own campus, and the bench would notice if one did not."""

import json
from functools import partial
from pathlib import Path

import pytest

from bench.main import POOLED
from bench.parts import Part, Scans
from bench.pooler import CONNECTIONS, Pooler, check_places, find_pgbouncer
from bench.servers import Stage


@pytest.mark.slow
@pytest.mark.skipif(find_pgbouncer() is None, reason="PgBouncer is not installed (Debian: apt-get install pgbouncer)")
def test_scans_through_the_pooler_stay_in_their_campus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "REDIS_URL", "EAS_MASTER_KEY"):
        monkeypatch.delenv(name, raising=False)
    stage = Stage(tmp_path)
    try:
        stage.start()
        stage.run(["manage.py", "migrate_campuses"], stage.eas_environment())
        stage.run(["-m", "bench.world", "3", "80", "4", str(tmp_path / "eas.json")], stage.eas_environment())
        campuses = json.loads((tmp_path / "eas.json").read_text())["campuses"]
        pooler = Pooler(stage, str(find_pgbouncer()), [campus["schema"] for campus in campuses])
        server = stage.serve(POOLED, "config.wsgi:application", pooler.environment(), "/health/live")
        part = Part(
            name="pgbouncer", what="", server=server, make=partial(Scans(campuses).first, campuses=3, count=150),
            expected=frozenset({201}), keep_all=True,
        )  # fmt: skip
        pooler.run(part, seconds=20)

        assert check_places(stage, campuses, part.all_sent) == 150
        assert 0 < pooler.peak <= CONNECTIONS

        # One scan moved to another campus: nothing but this comparison would tell.
        one, another = campuses[0]["schema"], campuses[1]["schema"]
        with stage.connect() as cursor:
            cursor.execute(
                f"WITH gone AS (DELETE FROM {one}.attendance_scan WHERE id ="
                f" (SELECT id FROM {one}.attendance_scan LIMIT 1) RETURNING *)"
                f" INSERT INTO {another}.attendance_scan SELECT * FROM gone"
            )
        with pytest.raises(SystemExit, match="1 scans are missing"):
            check_places(stage, campuses, part.all_sent)
    finally:
        stage.stop()
