"""Log lines: JSON, with request id and campus on each, and nobody's data in any."""

import io
import json
import logging
import uuid

import pytest
from structlog.stdlib import ProcessorFormatter

from tests.cast import PASSWORD, Cast, Http
from tests.factories import make_event


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
