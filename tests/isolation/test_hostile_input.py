"""Bodies, parameters, hosts and headers of strangers: one documented answer each, never a 500, nothing written."""

import json
from uuid import uuid4

import pytest

from shared_apps.common.ids import uuid7
from tests.cast import Cast, Http
from tests.factories import make_event
from tests.isolation.world import fingerprint

MARK = "events/attendance/mark_attendance/"
WRITES = [
    ("POST", "auth/login/"),
    ("PATCH", "auth/me/"),
    ("POST", "accounts/users/"),
    ("POST", "events/events/"),
    ("POST", "events/attendance-requests/"),
    ("POST", MARK),
    ("POST", "events/scanners/"),
    ("POST", "events/scanners/enrol/"),
    ("POST", "events/scanners/contact/"),
    ("POST", "events/attendance/venue-code/"),
    ("POST", "events/attendance/batch/"),
    ("POST", "events/attendance/roll-call/"),
    ("POST", "certificates/runs/"),
    ("POST", "reports/exports/"),
]
BODIES = {
    "not json": (b"{", 400, "parse_error"),
    "not utf-8": (b'{"a": "\xff"}', 400, "parse_error"),
    "NaN": (b'{"title": NaN}', 400, "parse_error"),
    "twice the same key": (b'{"title": "a", "title": "b"}', 400, "parse_error"),
    "NUL": (b'{"title": "a\\u0000b"}', 400, "parse_error"),
    "raw NUL": (b'{"title": "a\x00b"}', 400, "parse_error"),
    "lone surrogate": (b'{"title": "\\ud800"}', 400, "parse_error"),
    "surrogate in a key": (b'{"\\udc00": 1}', 400, "parse_error"),
    "21 levels": (b'{"title": ' + b"[" * 21 + b"]" * 21 + b"}", 400, "parse_error"),
    "100,000 levels": (b"[" * 100_000, 400, "parse_error"),
    "over the limit": (b'{"title": "' + b"x" * 1_100_000 + b'"}', 413, "body_too_large"),
    "a list": (b"[1, 2]", 400, None),
    "a number": (b"7", 400, None),
    "a text": (b'"x"', 400, None),
    "null": (b"null", 400, None),
    "huge number": (b'{"title": 1e999}', 400, None),
    "many digits": (b'{"title": ' + b"9" * 5000 + b"}", 400, None),
    "unknown fields": (b'{"nonsense": 1, "is_superuser": true}', 400, "unknown_field"),
    "wrong types": (
        b'{"title": {"a": 1}, "username": [1], "event_id": {}, "first_name": {"x": 1}, "role": 1}', 400, None
    ),
    "another campus": (b'{"campus_id": "DELCARMEN"}', 403, "campus_mismatch"),
    "campus abc": (b'{"campus_id": "abc"}', 403, "campus_mismatch"),
    "campus 1": (b'{"campus_id": 1}', 403, "campus_mismatch"),
}  # fmt: skip


@pytest.mark.parametrize(("method", "path"), WRITES)
def test_hostile_bodies(cast: Cast, http: Http, method: str, path: str) -> None:
    campus = cast.malimono
    by = campus.admin if path != MARK else campus.scanner
    make_event(campus)
    before = {site.host: fingerprint(site.campus.schema_name) for site in (campus, cast.delcarmen)}

    for name, (body, status, code) in BODIES.items():
        answer = http.send(method, path, body, by=by, content_type="application/json")

        assert answer.status_code == status, (name, answer.status_code, answer.content[:300])
        found = [error["code"] for error in answer.json()["errors"]]
        assert code is None or code in found, (name, found)
        assert answer.json()["type"] in {"client_error", "validation_error"}

    assert before == {site.host: fingerprint(site.campus.schema_name) for site in (campus, cast.delcarmen)}


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "application/x-www-form-urlencoded", "nonsense", ""])
def test_other_media_types_are_415(cast: Cast, http: Http, kind: str) -> None:
    answer = http.send("POST", MARK, b"<a/>", by=cast.malimono.scanner, content_type=kind)

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (415, "unsupported_media_type")


LISTS = [
    "accounts/users/", "accounts/profiles/", "accounts/imports/", "events/events/", "events/attendance/",
    "events/attendance/scans/", "events/attendance/imports/", "events/attendance-requests/",
    "events/attendance-requests/to-decide/", "events/flags/", "auth/tokens/", "campus/campuses/",
    "events/registrations/", "notifications/", "uploads/", "certificates/", "reports/exports/",
]  # fmt: skip
QUERIES = [
    {"search": "\x00"}, {"search": "x" * 65}, {"search": "' OR 1=1 --"}, {"search": "%_\\"}, {"search": "ñ" * 60},
    {"page": "0"}, {"page": "-1"}, {"page": "9" * 30}, {"page": "x"}, {"page_size": "0"}, {"page_size": "100000"},
    {"page_size": "x"}, {"ordering": "password"}, {"ordering": "user__password"}, {"ordering": "-"}, {"role": "king"},
    {"year_level": "9" * 30}, {"year_level": "1e400"}, {"year_level": "NaN"}, {"is_active": "maybe"},
    {"starts_after": "9999-12-31T23:59:59"}, {"starts_after": "0001-01-01T00:00:00+14:00"}, {"starts_after": "x"},
    {"date": "9999-12-31"}, {"date": "x"}, {"organizer": "x"}, {"event": "\ud7ff"}, {"cursor": "x"}, {"cursor": "cD0="},
    {"format": "xml"}, {"unknown": "x"}, {"event": str(uuid4())}, {"user": "1"}, {"status": "[]"},
]  # fmt: skip


@pytest.mark.parametrize("path", LISTS)
def test_hostile_queries(cast: Cast, http: Http, path: str) -> None:
    for query in QUERIES:
        answer = http.get(path, by=cast.malimono.admin, **query)

        assert answer.status_code in {200, 400, 404}, (query, answer.status_code, answer.content[:300])
        if answer.status_code == 200:
            assert len(answer.json()["results"]) <= 100


@pytest.mark.parametrize(
    "path",
    ["events/events/abc/", "events/events/1/", "events/events/%00/", "events/events/../../x/", "accounts/users/\u202e/",
     "events/events/" + "a" * 5000 + "/", "nothing/", "", "events/events", "accounts/users/" + "0" * 36 + "/"],
)  # fmt: skip
def test_paths_that_lead_nowhere(cast: Cast, http: Http, path: str) -> None:
    answer = http.get(path, by=cast.malimono.admin)

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (404, "not_found")


HOSTS = ["nope.localhost", "malimono.localhost.evil.example", "xmalimono.localhost", "malimono", "", "-", "..", "a" * 300,
         "127.0.0.1", "[::1]", "www.malimono.localhost", "malimono.localhost@evil", "malimono.localhost/x",
         "malimono.localhost:80:80", "xn--malimono.localhost", "MALIMONO.LOCALHOST\u0130", "*.localhost", "_"]  # fmt: skip


@pytest.mark.parametrize("host", HOSTS)
def test_hosts_that_are_nobody_s(cast: Cast, http: Http, host: str) -> None:
    answer = http.client.get("/api/v1/auth/me/", headers={"Host": host})

    assert answer.status_code == 404
    assert answer.json()["errors"][0]["code"] == "unknown_host"


@pytest.mark.parametrize(
    "host", ["malimono.localhost", "MaLiMoNo.LocalHost", "malimono.localhost.", "malimono.localhost.:8000"]
)
def test_the_exact_host_in_any_spelling_leads_to_its_campus(cast: Cast, http: Http, host: str) -> None:
    headers = {"Host": host, "Authorization": f"Token {cast.malimono.student.token}"}

    assert http.client.get("/api/v1/auth/me/", headers=headers).json()["campus"] == "MALIMONO"


@pytest.mark.parametrize(
    "header",
    ["X-Forwarded-Host", "X-Host", "Forwarded", "X-Forwarded-Server", "X-Original-Host", "X-HTTP-Host-Override"],
)
def test_no_other_header_chooses_the_campus(cast: Cast, http: Http, header: str) -> None:
    value = "host=delcarmen.localhost" if header == "Forwarded" else "delcarmen.localhost"

    answer = http.send("GET", "auth/me/", by=cast.malimono.student, headers={header: value})

    assert answer.json()["campus"] == "MALIMONO"


@pytest.mark.parametrize("named", ["MALIMONO", "malimono", "own id"])
def test_naming_the_own_campus_changes_nothing(cast: Cast, http: Http, named: str) -> None:
    name = str(cast.malimono.campus.id) if named == "own id" else named

    answer = http.send(
        "GET", "accounts/users/", by=cast.malimono.admin, query={"campus_id": name}, headers={"X-Campus-Context": name}
    )

    assert answer.status_code == 200
    assert answer.json()["count"] == 7


@pytest.mark.parametrize("named", ["DELCARMEN", "abc", "1", "NOWHERE", "other id", "\u0000", "MALIMONO,DELCARMEN"])
@pytest.mark.parametrize("where", ["query", "header"])
def test_naming_another_campus_is_403(cast: Cast, http: Http, named: str, where: str) -> None:
    name = str(cast.delcarmen.campus.id) if named == "other id" else named
    sent = {"query": {"campus_id": name}} if where == "query" else {"headers": {"X-Campus-Context": name}}

    answer = http.send("GET", "accounts/users/", by=cast.malimono.admin, **sent)

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (403, "campus_mismatch")


@pytest.mark.parametrize(
    "authorization",
    ["Token", "Token ", "Bearer {token}", "token {token} x", "Token eas_malimono_", "Token eas_delcarmen_{rest}",
     "Basic YTpi", "Token " + "x" * 10_000, "Token \u00e9\u00e9", "Token eas_public_{rest}"],
)  # fmt: skip
def test_credentials_that_are_none(cast: Cast, http: Http, authorization: str) -> None:
    token = cast.malimono.student.token
    header = authorization.format(token=token, rest=token.removeprefix("eas_malimono_"))

    answer = http.send("GET", "auth/me/", at=cast.malimono, headers={"Authorization": header})

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (401, "not_authenticated")


def test_every_answer_has_a_request_id_and_is_not_cached(cast: Cast, http: Http) -> None:
    sent = str(uuid7())

    kept = http.send("GET", "auth/me/", by=cast.malimono.student, headers={"X-Request-ID": sent})
    replaced = http.send("GET", "auth/me/", by=cast.malimono.student, headers={"X-Request-ID": "a b\u00e9"})
    nowhere = http.get("nothing/", at="nope.localhost")

    assert kept["X-Request-ID"] == sent
    assert replaced["X-Request-ID"] != "a b\u00e9"
    assert nowhere["X-Request-ID"]
    assert kept["Cache-Control"] == nowhere["Cache-Control"] == "no-store"


def test_a_nested_body_of_the_allowed_depth_is_looked_at(cast: Cast, http: Http) -> None:
    body = json.dumps({"title": "T", "sessions": [{"starts_at": "2026-12-01T08:00", "ends_at": "2026-12-01T09:00"}]})

    assert http.send("POST", "events/events/", body.encode(), by=cast.malimono.organizer).status_code == 201
