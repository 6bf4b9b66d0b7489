"""What the federation costs, in SQL statements: the same with one shared event and with a hundred, with three campuses
and with hundreds.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from shared_apps.common.clock import now
from shared_apps.common.ids import uuid7
from shared_apps.federation.models import FederatedEvent, FederatedRegistration, Invitation, Visit
from tenants import registry
from tenants.context import owner_context
from tenants.models import Campus
from tests.cast import Cast, Http, Person
from tests.factories import make_event, make_shared_event, pass_of
from tests.shared_apps.federation.sharing import hold_everywhere

MARK = "events/attendance/mark_attendance/"
# What a scan of one's own student costs: token, facts, scan with attendance.
LOCAL = 3


def cost(http: Http, method: str, path: str, body: Any = None, *, by: Person, status: int = 200, **query: Any) -> int:
    before = connection.statements
    answer = http.send(method, path, body, by=by, query=query or None)
    assert answer.status_code == status, answer.content
    return connection.statements - before


@pytest.fixture
def many_campuses(cast: Cast) -> Iterator[None]:
    """Four hundred campuses in the registry, and a hundred events of as many hosts that invite Malimono."""
    moment = now() - timedelta(days=1)  # so that a page of a hundred begins with what was there before
    with owner_context():
        known = Campus.objects.get(code="SNSU")
        Campus.objects.bulk_create(
            Campus(
                code=f"C{number}", name=f"Campus {number}", schema_name=f"c_c{number}", state="ready",
                schema_version=known.schema_version, timezone="Asia/Manila",
            )
            for number in range(400)
        )  # fmt: skip
        ids = [uuid7() for _ in range(100)]
        FederatedEvent.objects.bulk_create(
            FederatedEvent(
                id=id_, kind="hosted", host=f"C{number}", title=f"Event {number}", starts_at=moment,
                ends_at=moment + timedelta(days=9), published_at=moment, created_at=moment, updated_at=moment,
            )
            for number, id_ in enumerate(ids)
        )  # fmt: skip
        Invitation.objects.bulk_create(
            Invitation(event_id=id_, campus=campus, host=f"C{number}", created_at=moment, updated_at=moment)
            for number, id_ in enumerate(ids)
            for campus in ("MALIMONO", "SNSU")
        )
        person_id = cast.malimono.student.user.person_id
        Visit.objects.bulk_create(
            Visit(
                event_id=id_, id=uuid7(), person_id=person_id, host=f"C{number}", home="MALIMONO", session_id=uuid7(),
                attendance_id=uuid7(), event_title="x", status="present", first_in_at=moment, created_at=moment,
                updated_at=moment,
            )
            for number, id_ in enumerate(ids)
        )  # fmt: skip
        FederatedRegistration.objects.bulk_create(
            FederatedRegistration(
                event_id=id_, person_id=person_id, host=f"C{number}", home="MALIMONO", state="registered",
                requested_at=moment, updated_at=moment,
            )
            for number, id_ in enumerate(ids)
        )  # fmt: skip
    registry.forget()
    yield
    with owner_context():
        Campus.objects.filter(code__regex="^C[0-9]+$").delete()
    registry.forget()


def test_a_visitors_scan_costs_two_statements_more_at_most(cast: Cast, http: Http) -> None:
    host, home = cast.delcarmen, cast.malimono
    event = make_shared_event(host, home, seats=5)
    http.get("auth/me/", by=host.scanner)  # the registry is in memory now

    def mark(who: Person, status: int, **more: Any) -> int:
        return cost(
            http, "POST", MARK, {"event_id": str(event.pk), "pass": pass_of(who), **more}, by=host.scanner,
            status=status,
        )  # fmt: skip

    first = mark(home.student, 201)
    assert first == LOCAL + 1  # the message that asks for the name
    assert mark(home.student, 200) == LOCAL
    assert mark(home.student, 201, direction="out") <= LOCAL + 1
    assert mark(cast.snsu.student, 403) == LOCAL
    scan_id = str(uuid7())
    assert mark(home.friend, 201, scan_id=scan_id) <= LOCAL + 2
    assert mark(home.friend, 201, scan_id=scan_id) <= LOCAL  # a retry
    assert mark(host.student, 201) == LOCAL  # one's own, in the ledger too


def test_whoever_was_counted_elsewhere_costs_one_look_and_a_question_more(cast: Cast, http: Http) -> None:
    _, events = hold_everywhere(cast, cast.malimono, cast.delcarmen)
    body = {"pass": pass_of(cast.malimono.student)}
    for site, status, most in ((cast.malimono, 201, LOCAL), (cast.delcarmen, 422, LOCAL + 3)):
        http.get("auth/me/", by=site.scanner)
        sent = {**body, "event_id": str(events[site.campus.code].pk)}
        assert cost(http, "POST", MARK, sent, by=site.scanner, status=status) <= most


PATHS = [
    ("student", "events/events/"),
    ("admin", "events/events/"),
    ("organizer", "events/events/"),
    ("student", "federation/events/"),
    ("admin", "federation/events/"),
    ("student", "federation/registrations/"),
    ("student", "federation/visits/"),
    ("admin", "federation/visits/"),
    ("student", "events/attendance/"),
    ("admin", "events/attendance/"),
]


def costs(http: Http, cast: Cast) -> dict[tuple[str, str], int]:
    found = {}
    for who, path in PATHS:
        person = getattr(cast.malimono, who)
        http.get("auth/me/", by=person)
        found[who, path] = cost(http, "GET", path, by=person, page_size="100")
    return found


def test_an_invited_campus_pays_the_same_for_one_event_and_for_a_hundred(
    cast: Cast, http: Http, request: pytest.FixtureRequest
) -> None:
    event = make_shared_event(cast.delcarmen, cast.malimono)
    http.post(
        MARK, {"event_id": str(event.pk), "pass": pass_of(cast.malimono.student)}, by=cast.delcarmen.scanner
    )  # fmt: skip
    assert (
        http.post("federation/registrations/", {"event_id": str(event.pk)}, by=cast.malimono.friend).status_code == 201
    )
    make_event(cast.malimono)
    few = costs(http, cast)
    request.getfixturevalue("many_campuses")

    many = costs(http, cast)

    assert many == few
    assert max(many.values()) <= 6
    listed = http.get("events/events/", by=cast.malimono.student, page_size="100").json()
    assert listed["count"] == 102
    assert len({row["campus"] for row in listed["results"]}) > 90


def test_the_public_site_pays_the_same_for_three_campuses_and_for_four_hundred(
    cast: Cast, http: Http, request: pytest.FixtureRequest
) -> None:
    event = make_shared_event(cast.delcarmen, cast.malimono)
    http.post(MARK, {"event_id": str(event.pk), "pass": pass_of(cast.malimono.friend)}, by=cast.delcarmen.scanner)
    paths = ("federation/totals/", "federation/events/", "federation/visits/")

    def once() -> list[int]:
        http.get("auth/me/", by=cast.super_admin)
        return [cost(http, "GET", path, by=cast.super_admin) for path in paths]

    few = once()
    request.getfixturevalue("many_campuses")

    assert once() == few
    assert max(few) <= 5
    totals = {row["campus"]: row for row in http.get("federation/totals/", by=cast.super_admin).json()}
    assert len(totals) == 403
    assert totals["MALIMONO"]["away"] == 101


def test_a_visitors_scan_costs_the_same_among_four_hundred_campuses(
    cast: Cast, http: Http, many_campuses: None
) -> None:
    test_a_visitors_scan_costs_two_statements_more_at_most(cast, http)
