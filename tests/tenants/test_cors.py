"""Which pages may read a site's answers, and that asking never fails."""

import pytest
from django.db import OperationalError

from tenants import registry
from tenants.context import public_context
from tenants.models import Campus
from tenants.provisioning import touch_registry
from tests.cast import Cast, Http

APP = "https://app.example.edu"
ALLOWED = "access-control-allow-origin"


@pytest.fixture
def allowed(cast: Cast) -> None:
    with public_context():
        Campus.objects.filter(code="MALIMONO").update(allowed_origins=[APP])
        touch_registry()


@pytest.fixture
def database_away(monkeypatch: pytest.MonkeyPatch):
    def fail() -> None:
        raise OperationalError("connection refused")

    def take_away() -> None:
        monkeypatch.setattr(registry, "_load", fail)
        registry.forget()

    return take_away


def test_an_origin_is_allowed_where_its_campus_names_it(cast: Cast, http: Http, allowed: None) -> None:
    answers = [
        http.send("GET", "auth/me/", at=at, headers={"Origin": APP})
        for at in (cast.malimono, cast.delcarmen, "localhost", "nope.localhost")
    ]

    assert [answer.headers.get(ALLOWED) for answer in answers] == [APP, None, None, None]


@pytest.mark.parametrize("origin", [APP, "https://evil.example", "http://localhost:5173"])
@pytest.mark.parametrize("host", ["malimono.localhost", "delcarmen.localhost", "localhost", "nope.localhost"])
def test_while_the_database_is_away_every_origin_gets_503(
    cast: Cast, http: Http, allowed: None, database_away, host: str, origin: str
) -> None:
    registry.get_snapshot()
    database_away()

    answer = http.send("GET", "auth/me/", at=host, headers={"Origin": origin})

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (503, "unavailable")
    readable = origin.startswith("http://localhost") or (host, origin) == ("malimono.localhost", APP)
    assert answer.headers.get(ALLOWED) == (origin if readable else None)


def test_a_process_that_never_reached_its_database_answers_503_too(
    cast: Cast, http: Http, database_away, monkeypatch: pytest.MonkeyPatch
) -> None:
    database_away()
    monkeypatch.setattr(registry, "_snapshot", None)

    answer = http.send("GET", "auth/me/", at=cast.malimono, headers={"Origin": APP})

    assert answer.status_code == 503
    assert ALLOWED not in answer.headers
