"""Idempotency-Key: a write that is sent twice happens once."""

import threading

import pytest
from django.db import connections

from shared_apps.idempotency.models import StoredAnswer
from tenant_apps.events.models import Event
from tests.cast import Cast, Http

EVENT = {"title": "Once", "starts_at": "2026-12-01T08:00:00", "ends_at": "2026-12-01T10:00:00"}


def create(http: Http, by, key: str, **changes):
    return http.post("events/events/", {**EVENT, **changes}, by=by, headers={"Idempotency-Key": key})


def count(site) -> int:
    with site.here():
        return Event.objects.count()


def test_a_retry_gets_the_first_answer(cast: Cast, http: Http) -> None:
    first = create(http, cast.malimono.organizer, "k1")
    again = create(http, cast.malimono.organizer, "k1")

    assert (first.status_code, first.json()) == (again.status_code, again.json())
    assert "Idempotent-Replayed" not in first
    assert again["Idempotent-Replayed"] == "true"
    assert count(cast.malimono) == 1


def test_a_key_belongs_to_one_person_of_one_campus(cast: Cast, http: Http) -> None:
    for by in (cast.malimono.organizer, cast.malimono.other_organizer, cast.delcarmen.organizer):
        assert "Idempotent-Replayed" not in create(http, by, "k1")

    assert (count(cast.malimono), count(cast.delcarmen)) == (2, 1)


def test_another_request_under_the_same_key_is_refused(cast: Cast, http: Http) -> None:
    create(http, cast.malimono.organizer, "k1")

    answer = create(http, cast.malimono.organizer, "k1", title="Other")

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (409, "idempotency_key_reused")
    assert count(cast.malimono) == 1


def test_a_refused_request_may_be_corrected_under_its_key(cast: Cast, http: Http) -> None:
    refused = create(http, cast.malimono.organizer, "k1", ends_at="2026-12-01T07:00:00")
    corrected = create(http, cast.malimono.organizer, "k1")

    assert (refused.status_code, corrected.status_code) == (400, 201)
    with cast.malimono.here():
        assert StoredAnswer.objects.count() == 1


@pytest.mark.parametrize("key", ["x" * 129, "a b", "é"])
def test_unusable_keys_are_named(cast: Cast, http: Http, key: str) -> None:
    answer = create(http, cast.malimono.organizer, key)

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "invalid_idempotency_key")
    assert count(cast.malimono) == 0


def test_sixteen_retries_at_once_are_one_event(cast: Cast) -> None:
    answers = []

    def send() -> None:
        answers.append(create(Http(), cast.malimono.organizer, "k1"))
        connections.close_all()

    threads = [threading.Thread(target=send) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert count(cast.malimono) == 1


def test_the_permission_still_counts(cast: Cast, http: Http) -> None:
    answer = create(http, cast.malimono.student, "k1")

    assert answer.status_code == 403
    with cast.malimono.here():
        assert StoredAnswer.objects.count() == 0
