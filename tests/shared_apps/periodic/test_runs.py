"""Periodic work is written down: sent once a turn, done, failed, refused or lost, for each site by itself."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from celery import shared_task
from celery.exceptions import Reject
from django.db import DatabaseError, IntegrityError, connection, connections, transaction

from config.celery import app
from shared_apps.campuses.tasks import look_for_stuck_messages, tidy_site
from shared_apps.common.clock import now
from shared_apps.outbox.models import OutboxMessage
from shared_apps.outbox.rules import MOST_ATTEMPTS
from shared_apps.periodic.models import Run
from shared_apps.periodic.rules import KEPT_FOR, QUIET_KEPT_FOR
from shared_apps.periodic.services import forget_old_runs, send_turn
from tenant_apps.attendance.tasks import reconcile_on_schedule
from tenants import registry
from tenants.context import owner_context, public_context
from tenants.models import Campus
from tests.cast import Cast, Http

MINUTE = timedelta(minutes=1)


class Post:
    """Keeps what was sent instead of a broker."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []

    def apply_async(self, *, headers: dict[str, Any], expires: float) -> None:
        self.sent.append(headers)


@shared_task(name="tests.work")
def work(fails: bool = False) -> int:
    if fails:
        raise ValueError("no " + "paper " * 200)
    return 7


def run(headers: dict[str, Any], **kwargs: Any) -> None:
    """Run the task as a worker does when a message with those headers arrives."""
    task = app.tasks["tests.work"]
    task.push_request(headers=headers)
    try:
        task(**kwargs)
    finally:
        task.pop_request()


def send(**more: Any) -> list[dict[str, Any]]:
    post = Post()
    with public_context():
        send_turn(post, name="work", every=MINUTE, at=now(), **more)
    return post.sent


def states() -> dict[str, str]:
    with public_context():
        return dict(Run.objects.values_list("site", "state"))


def test_a_turn_is_sent_once_to_every_campus_that_is_served(cast: Cast) -> None:
    with owner_context():
        Campus.objects.filter(code="SNSU").update(state="suspended")
    registry.forget()
    at, gate, posts = now(), threading.Barrier(4), [Post() for _ in range(4)]

    def beat(post: Post) -> None:
        with public_context():
            gate.wait()
            send_turn(post, name="work", every=timedelta(days=1), at=at)
        connections.close_all()

    threads = [threading.Thread(target=beat, args=[post]) for post in posts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(headers["campus"] for post in posts for headers in post.sent) == ["DELCARMEN", "MALIMONO"]
    assert states() == {"MALIMONO": "sent", "DELCARMEN": "sent"}


def test_what_comes_of_each_is_written_down(cast: Cast) -> None:
    by_campus = {headers["campus"]: headers for headers in send(sites=["MALIMONO", "DELCARMEN", "SNSU", "PUBLIC"])}
    run(by_campus["MALIMONO"])
    with pytest.raises(ValueError, match="no paper"):
        run(by_campus["DELCARMEN"], fails=True)
    run(by_campus["public"])
    with owner_context():
        Campus.objects.filter(code="SNSU").update(state="suspended")
    registry.forget()
    with pytest.raises(Reject):
        run(by_campus["SNSU"])

    assert states() == {"MALIMONO": "done", "DELCARMEN": "failed", "PUBLIC": "done", "SNSU": "refused"}
    with public_context():
        assert Run.objects.get(site="DELCARMEN").error == "ValueError"  # what it said stays in the worker's log
    with pytest.raises(ValueError, match="no paper"):
        run(by_campus["MALIMONO"], fails=True)  # delivered twice: done stays done
    run(by_campus["DELCARMEN"])  # and what failed may yet be done
    assert states() == {"MALIMONO": "done", "DELCARMEN": "done", "PUBLIC": "done", "SNSU": "refused"}
    with public_context():
        done = Run.objects.get(site="MALIMONO")
        assert (done.count, done.error, done.started_at is not None, done.finished_at is not None) == (
            7,
            "",
            True,
            True,
        )
        assert Run.objects.get(site="SNSU").error == "The campus was not ready."


def test_other_messages_write_nothing(cast: Cast) -> None:
    run({"campus": "MALIMONO"})
    run({"campus": "MALIMONO", "turn": now().isoformat(), "turn_of": "never sent"})

    assert states() == {}


def test_super_admins_read_it_and_nobody_else(cast: Cast, http: Http) -> None:
    by_campus = {headers["campus"]: headers for headers in send(sites=["MALIMONO", "DELCARMEN", "SNSU"])}
    run(by_campus["MALIMONO"])
    with pytest.raises(ValueError, match="no paper"):
        run(by_campus["DELCARMEN"], fails=True)
    with owner_context():
        Run.objects.filter(site="SNSU").update(expires_at=now() - MINUTE)

    def ask(**query: str) -> dict[str, str]:
        answer = http.get("periodic/runs/", by=cast.super_admin, **query)
        assert answer.status_code == 200, answer.content
        return {row["campus"]: row["state"] for row in answer.json()["results"]}

    assert ask() == {"MALIMONO": "done", "DELCARMEN": "failed", "SNSU": "lost"}
    assert ask(campus="malimono") == {"MALIMONO": "done"}
    assert ask(state="failed") == {"DELCARMEN": "failed"}
    assert (ask(state="lost"), ask(state="sent")) == ({"SNSU": "lost"}, {})
    assert (ask(name="other"), ask(since="2090-01-01")) == ({}, {})
    assert http.get("periodic/runs/", by=cast.super_admin, state="x").status_code == 400
    assert http.get("periodic/runs/", by=cast.super_admin, since="x").status_code == 400
    assert http.get("periodic/runs/").status_code == 401
    assert http.get("periodic/runs/", by=cast.malimono.admin).status_code == 404
    assert http.get("periodic/runs/", by=cast.malimono.admin, at="localhost").status_code == 401


def test_campuses_neither_read_nor_write_it(cast: Cast) -> None:
    send(sites=["MALIMONO"])
    for statement in ("SELECT * FROM public.periodic_run", "UPDATE public.periodic_run SET state = 'done'",
                      "DELETE FROM public.periodic_run", "SELECT * FROM public.auth_permission",
                      "SELECT * FROM public.django_admin_log"):  # fmt: skip
        with cast.malimono.here(), pytest.raises(DatabaseError), connection.cursor() as cursor:
            cursor.execute(statement)


def test_quiet_turns_are_forgotten_soon_and_others_later(cast: Cast) -> None:
    at = now()
    ages = {
        "quiet": QUIET_KEPT_FOR,
        "silent": QUIET_KEPT_FOR,
        "busy": QUIET_KEPT_FOR,
        "failed": QUIET_KEPT_FOR,
        "old": KEPT_FOR,
    }
    with public_context():
        for name, age in ages.items():
            Run.objects.create(
                name=name, site="MALIMONO", begins_at=at - age - MINUTE, sent_at=at, expires_at=at,
                state="failed" if name == "failed" else "done", count={"busy": 3, "old": 3, "quiet": 0}.get(name),
            )  # fmt: skip
        Run.objects.create(
            name="quiet", site="MALIMONO", begins_at=at - MINUTE, sent_at=at, expires_at=at, state="done", count=0
        )

        assert forget_old_runs(at=at) == 3
        assert sorted(Run.objects.values_list("name", flat=True)) == ["busy", "failed", "quiet"]
        assert tidy_site.run() >= 0


def test_what_the_public_site_does_itself_is_written_down(cast: Cast) -> None:
    with public_context():
        reconcile_on_schedule.run()
        reconcile_on_schedule.run()
        assert list(Run.objects.values_list("name", "site", "state")) == [("reconcile", "PUBLIC", "done")]


def test_each_site_counts_what_it_has_given_up(cast: Cast) -> None:
    at = now()
    with cast.malimono.here():
        for attempts, finished_at in ((MOST_ATTEMPTS, None), (MOST_ATTEMPTS, at), (1, None)):
            OutboxMessage.objects.create(
                kind="a.b", created_at=at, due_at=at, attempts=attempts, finished_at=finished_at
            )
        assert look_for_stuck_messages.run() == 1
    with cast.delcarmen.here():
        assert look_for_stuck_messages.run() == 0


@pytest.mark.parametrize("change", [{"state": "lost"}, {"site": "MALIMONO"}])
def test_constraints(cast: Cast, change: dict[str, str]) -> None:
    at = now()
    row = {"name": "work", "site": "MALIMONO", "begins_at": at, "sent_at": at, "expires_at": at}
    with public_context():
        Run.objects.create(**row)
        with pytest.raises(IntegrityError), transaction.atomic():
            Run.objects.create(**{**row, "begins_at": at + MINUTE if "state" in change else at, **change})
