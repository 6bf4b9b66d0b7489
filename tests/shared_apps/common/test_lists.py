"""Parameters of lists: what is unusable is said, not ignored."""

import pytest

from tests.cast import Cast, Http


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("accounts/users/", {"is_active": "maybe"}),
        ("accounts/users/", {"is_active": "2"}),
        ("events/events/", {"mine": "x"}),
        ("events/events/", {"ongoing": "x"}),
        ("events/events/", {"page_size": "-1"}),
        ("accounts/users/", {"page_size": "0"}),
        ("accounts/users/", {"page_size": "00"}),
        ("accounts/profiles/", {"page_size": "x"}),
        ("events/attendance/", {"page_size": "1.5"}),
        ("events/attendance/scans/", {"page_size": "-1"}),
    ],
)
def test_unusable_values_are_400_and_named(cast: Cast, http: Http, path: str, query: dict) -> None:
    answer = http.get(path, by=cast.malimono.admin, **query)

    error = answer.json()["errors"][0]
    assert (answer.status_code, error["code"], error["attr"]) == (400, "invalid", next(iter(query)))


@pytest.mark.parametrize(("value", "count"), [("true", 7), ("TRUE", 7), ("1", 7), ("false", 0), ("0", 0), ("", 7)])
def test_booleans_in_every_spelling(cast: Cast, http: Http, value: str, count: int) -> None:
    answers = [http.get("accounts/users/", by=site.admin, is_active=value) for site in (cast.malimono, cast.delcarmen)]

    assert [answer.json()["count"] for answer in answers] == [count, count]


@pytest.mark.parametrize(("size", "rows"), [("1", 1), ("5", 5), ("100000", 7), ("", 7)])
def test_pages_have_the_size_that_was_asked_for_up_to_the_largest(cast: Cast, http: Http, size: str, rows: int) -> None:
    assert len(http.get("accounts/users/", by=cast.malimono.admin, page_size=size).json()["results"]) == rows
