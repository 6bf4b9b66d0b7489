"""Tasks run in the campus their message names, or not at all."""

import pytest
from celery import shared_task
from celery.exceptions import Reject

from config.celery import CampusTask, app
from shared_apps.accounts.models import User
from tenants import registry
from tenants.context import owner_context, site_code
from tenants.errors import CampusNotSet
from tenants.models import Campus
from tests.cast import Cast

RAN: list[str] = []


@shared_task(name="tests.where_am_i")
def where_am_i() -> None:
    RAN.append(f"{site_code()}:{User.objects.filter(username='ana').count()}")


def run(headers: dict | None) -> None:
    """Run the task as a worker does when a message with those headers arrives."""
    task = app.tasks["tests.where_am_i"]
    task.push_request(headers=headers)
    try:
        task()
    finally:
        task.pop_request()


@pytest.fixture(autouse=True)
def forget() -> None:
    RAN.clear()


@pytest.mark.parametrize(
    ("name", "ran"),
    [("MALIMONO", "malimono:1"), ("malimono", "malimono:1"), ("public", "public:0")],
)
def test_a_task_stands_where_its_message_says(cast: Cast, name: str, ran: str) -> None:
    run({"campus": name})

    assert ran == RAN[0]
    with pytest.raises(CampusNotSet):
        User.objects.count()


@pytest.mark.parametrize("headers", [None, {}, {"campus": None}, {"campus": ""}, {"campus": "NOWHERE"}, {"campus": "c_malimono"},
                                     {"campus": ["MALIMONO"]}, {"campus": "template"}])  # fmt: skip
def test_a_task_without_a_campus_is_refused(cast: Cast, headers: dict | None) -> None:
    with pytest.raises(Reject):
        run(headers)

    assert RAN == []


@pytest.mark.parametrize("state", ["provisioning", "suspended", "archived"])
def test_a_task_of_a_campus_that_is_not_ready_is_refused(cast: Cast, state: str) -> None:
    with owner_context():
        Campus.objects.filter(code="MALIMONO").update(state=state)
    registry.forget()

    with pytest.raises(Reject):
        run({"campus": "MALIMONO"})

    assert RAN == []


def test_every_task_of_ours_is_a_campus_task(cast: Cast) -> None:
    app.loader.import_default_modules()
    ours = [task for name, task in app.tasks.items() if not name.startswith("celery.")]

    assert ours
    assert all(isinstance(task, CampusTask) for task in ours)
