"""Log lines: JSON, with request id and campus on each, and nobody's data in any."""

import io
import json
import logging
import os
import sys
import time
import uuid

import pytest
from structlog.stdlib import ProcessorFormatter

from config.local.processes import Child, Supervisor
from tenants import registry
from tenants.context import owner_context
from tenants.models import Campus
from tests.cast import PASSWORD, Cast, Http
from tests.factories import make_event
from tests.live import ROOT, environment, live_server


@pytest.fixture
def written():
    """What the log's own handler writes, from now on."""
    (handler,) = [
        handler for handler in logging.getLogger().handlers if isinstance(handler.formatter, ProcessorFormatter)
    ]
    stream = io.StringIO()
    before = handler.setStream(stream)
    yield stream
    handler.setStream(before)


@pytest.fixture
def lines(written):
    def read() -> list[dict]:
        found = [json.loads(line) for line in written.getvalue().splitlines()]
        written.truncate(0)
        written.seek(0)
        return found

    return read


def test_a_request_leaves_one_line_with_campus_route_duration_and_queries(cast: Cast, http: Http, lines) -> None:
    lines()
    request_id = str(uuid.uuid4())

    http.send("GET", "accounts/users/", by=cast.malimono.admin, headers={"X-Request-ID": request_id})

    (line,) = [line for line in lines() if line["event"] == "request"]
    assert line["campus"] == "MALIMONO"
    assert line["request_id"] == request_id
    assert line["route"] == "api/v1/accounts/users/"
    assert (line["method"], line["status"], line["role"]) == ("GET", 200, "campus_admin")
    assert line["actor"] == str(cast.malimono.admin.id)
    assert line["duration_ms"] > 0
    assert line["queries"] == 3


@pytest.mark.parametrize(("host", "campus"), [("localhost", "public"), ("nope.localhost", "none")])
def test_the_campus_is_never_missing(cast: Cast, http: Http, lines, host: str, campus: str) -> None:
    lines()

    http.get("auth/me/", at=host)

    assert [line["campus"] for line in lines() if line["event"] == "request"] == [campus]


def test_a_line_written_anywhere_has_its_campus(cast: Cast, lines) -> None:
    lines()
    with cast.delcarmen.here():
        logging.getLogger("anything").warning("inside")
    logging.getLogger("anything").warning("outside")

    assert [(line["event"], line["campus"]) for line in lines()] == [("inside", "DELCARMEN"), ("outside", "none")]


def test_no_line_holds_a_person_s_data(cast: Cast, http: Http, written) -> None:
    event = make_event(cast.malimono)

    http.post("auth/login/", {"username": "ana@example.edu", "password": PASSWORD}, at=cast.malimono)
    http.get("accounts/users/", by=cast.malimono.admin, search="Reyes")
    http.post(
        "events/attendance/mark_attendance/", {"event_id": str(event.pk), "student_id": "2024-0001"},
        by=cast.malimono.scanner,
    )  # fmt: skip
    http.post("accounts/users/", {"username": "Zenaida\n{injected}"}, by=cast.malimono.admin)
    http.get("events/events/Zenaida/", by=cast.malimono.student)

    text = written.getvalue()
    assert text
    for secret in ("ana@example", "Reyes", "2024-0001", PASSWORD, cast.malimono.admin.token, "Zenaida", "injected"):
        assert secret not in text


@pytest.mark.parametrize("state", ["provisioning", "suspended", "archived"])
def test_a_campus_that_is_not_served_is_no_error(cast: Cast, http: Http, lines, state: str) -> None:
    with owner_context():
        Campus.objects.filter(code="MALIMONO").update(state=state)
    path = {"username": "ana", "password": PASSWORD}
    lines()

    for _ in ("routed by what is held", "routed by what is new"):
        http.post("auth/login/", path, at=cast.malimono)
        http.get("auth/me/", by=cast.malimono.student)
        registry.forget()

    found = lines()
    assert {line["event"] for line in found} == {"request"}
    assert {line["level"] for line in found} == {"info"}
    assert all(line["request_id"] for line in found)


def test_a_bug_leaves_one_traceback_with_the_request_id_and_without_the_path(
    cast: Cast, http: Http, written, lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args, **kwargs):
        raise ZeroDivisionError

    lines()
    monkeypatch.setattr("shared_apps.accounts.api.views.get_person", fail)
    answer = http.get(f"accounts/users/{cast.malimono.student.id}/", by=cast.malimono.admin)
    monkeypatch.setattr("tenants.middleware.confirm_named", fail)
    nowhere = http.get(f"accounts/users/{cast.malimono.student.id}/", by=cast.malimono.admin)

    assert answer.status_code == nowhere.status_code == 500
    text = written.getvalue()
    assert str(cast.malimono.student.id) not in text
    found = lines()
    assert [line["event"] for line in found] == ["unhandled_error", "request"] * 2
    assert [line["request_id"] for line in found] == [
        request_id for one in (answer, nowhere) for request_id in [one["X-Request-ID"]] * 2
    ]
    assert "ZeroDivisionError" in text


def test_every_process_writes_json_from_its_first_line_to_its_last(database: None, tmp_path) -> None:
    celery = [sys.executable, "-m", "celery", "-q", "--app", "config.celery"]
    queue = f"log-{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
    commands = {
        "worker": [*celery, "worker", "-Q", queue, "-c", "1", "-n", f"{queue}@eas"],
        "beat": [*celery, "beat", "--schedule", str(tmp_path / "beat")],
        "relay": [sys.executable, "manage.py", "relay_outbox"],
    }
    supervisor = Supervisor(tmp_path / "run.json")
    with live_server(tmp_path / "web.log") as server:
        for name, command in commands.items():
            values = {**environment(), "PYTHONPATH": str(ROOT)}
            supervisor.start(Child(name=name, command=command, environment=values, log=tmp_path / f"{name}.log"))
        until = time.monotonic() + 30
        while "ready" not in (tmp_path / "worker.log").read_text() and time.monotonic() < until:
            time.sleep(0.2)
        server.send("GET", "/api/v1/auth/me/", host="nope.localhost")
        supervisor.stop()

    for name in ("web", *commands):
        # Celery's handler of signals says on stdout that it was told to stop, past every logger.
        text = (tmp_path / f"{name}.log").read_text().replace("\nworker: Warm shutdown (MainProcess)\n", "")
        for line in text.splitlines():
            assert {"event", "level", "campus", "request_id"} <= set(json.loads(line)), (name, line)
    assert "request" in (tmp_path / "web.log").read_text()
