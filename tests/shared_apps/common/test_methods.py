"""Methods that a path does not have, and HEAD, which is a GET without a body."""

import pytest

from tests.cast import Cast, Http
from tests.factories import make_event


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "auth/me/"),
        ("DELETE", "auth/me/"),
        ("GET", "auth/login/"),
        ("PUT", "accounts/users/"),
        ("POST", "campus/campuses/"),
        ("GET", "events/attendance/mark_attendance/"),
        ("OPTIONS", "events/events/"),
        ("TRACE", "auth/me/"),
    ],
)
def test_a_method_that_is_not_there_is_405_for_everybody(cast: Cast, http: Http, method: str, path: str) -> None:
    for by in (cast.malimono.student, cast.malimono.admin, None):
        answer = http.send(method, path, {}, by=by, at=cast.malimono)

        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (405, "method_not_allowed")
        assert method not in answer["Allow"]


def test_a_bad_token_is_401_whatever_the_method(cast: Cast, http: Http) -> None:
    answer = http.send("PUT", "auth/me/", {}, by=cast.malimono.student, at=cast.delcarmen)

    assert answer.status_code == 401


def test_head_answers_as_get_does(cast: Cast, http: Http) -> None:
    event = make_event(cast.malimono)
    paths = ["auth/me/", "accounts/users/", f"events/events/{event.pk}/", f"events/events/{event.pk}/sessions/"]

    for by in (cast.malimono.student, cast.malimono.admin, cast.delcarmen.student, None):
        for path in paths:
            got = http.send("GET", path, by=by, at=cast.malimono)
            head = http.send("HEAD", path, by=by, at=cast.malimono)

            assert (head.status_code, head.content) == (got.status_code, b"")
