"""What the admin shows and does: each deed is the API's own service, each page a fixed number of public statements."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection

from shared_apps.accounts.models import User
from shared_apps.audit.models import AuditEntry
from shared_apps.campuses.services import list_pending, provision
from shared_apps.common.clock import now
from shared_apps.common.ids import uuid7
from shared_apps.federation.models import FederatedEvent, SealHead, Visit
from shared_apps.federation.services.roll_ups import Told, store_roll_ups
from shared_apps.outbox.models import OutboxMessage
from shared_apps.outbox.rules import MOST_ATTEMPTS
from shared_apps.periodic.models import Run
from tenants import registry
from tenants.context import campus_context, current_standing, owner_context, public_context
from tenants.models import Campus
from tenants.standing import public_login
from tests.cast import Cast, Http
from tests.factories import make_shared_event
from tests.shared_apps.administration.browser import Browser, signed_in

NEW = {"code": "claver", "name": "Claver Campus", "hosts": "claver.localhost", "timezone": "Asia/Manila"}
FIRST = {
    "username": "boss",
    "email": "boss@example.edu",
    "first_name": "",
    "last_name": "",
    "password": "a-long-enough-secret",
}


def text(answer: Any) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def audited(action: str) -> list[tuple[Any, str]]:
    with public_context():
        return list(AuditEntry.objects.filter(action=action).values_list("actor_id", "reason"))


def test_a_campus_is_made_with_progress(cast: Cast) -> None:
    browser = signed_in()

    made = browser.post("/admin/campuses/new/", {**NEW, **FIRST})
    assert made.status_code == 302, text(made)
    page = browser.get(made["Location"])
    assert "Being made" in text(page)
    assert "0 of 6 steps" in text(page)
    assert 'http-equiv="refresh"' in page.content.decode()
    assert audited("campus.created") == [(cast.super_admin.id, "")]
    pending = list_pending()
    steps = provision(campus_id=pending[0])
    for _ in range(3):
        next(steps)
    assert re.search(r"[1-4] of 6 steps", text(browser.get(made["Location"])))
    for _ in steps:
        pass
    registry.forget()

    page = browser.get(made["Location"])
    assert "Being made" not in text(page)
    assert "Suspend CLAVER" in text(page)
    campus = registry.find_campus("CLAVER")
    assert campus is not None
    with campus_context(campus):
        assert User.objects.get().username == "boss"


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        ({"code": "9X"}, 400, "2-16 letters and digits"),
        ({"code": "malimono"}, 409, "exists"),
        ({"code": "public"}, 400, ""),
        ({"name": "a\u202eb"}, 400, "Control characters"),
        ({"hosts": "not a host!"}, 400, "is not a host name"),
        ({"hosts": "malimono.localhost"}, 409, "leads to another site"),
        ({"hosts": " ".join(f"h{number}.localhost" for number in range(11))}, 400, "At most 10"),
        ({"timezone": "Mars/Base"}, 400, "time zone"),
        ({"password": "short"}, 400, "10 characters"),
        ({"username": ""}, 400, "a username and a password"),
        ({"username": "<script>"}, 400, ""),
        ({"name": ""}, 400, "required"),
    ],
)
def test_an_unusable_campus_is_said_at_its_field(cast: Cast, change: dict[str, str], status: int, said: str) -> None:
    answer = signed_in().post("/admin/campuses/new/", {**NEW, **FIRST, **change})

    assert (answer.status_code, said in text(answer)) == (status, True), text(answer)
    with public_context():
        assert not Campus.objects.filter(code="CLAVER").exists()


def test_a_campus_is_suspended_opened_archived_and_changed(cast: Cast, http: Http) -> None:
    browser, pk = signed_in(), cast.malimono.campus.id
    there = f"/admin/campuses/{pk}/"

    assert browser.post(f"{there}suspend/", {"reason": ""}).status_code == 400
    assert browser.post(f"{there}archive/", {"reason": "now"}).status_code == 409  # it takes two decisions
    assert browser.post(f"{there}suspend/", {"reason": "typhoon"}).status_code == 302
    assert http.get("auth/me/", by=cast.malimono.student).status_code == 403
    assert http.get("auth/me/", by=cast.delcarmen.student).status_code == 200
    page = text(browser.get(there))
    assert ("typhoon" in page, "Reactivate MALIMONO" in page, "Archive MALIMONO" in page, "Suspend MALIMONO" in page) == (
        True, True, True, False,
    )  # fmt: skip
    assert browser.post(f"{there}reactivate/", {"reason": "over"}).status_code == 302
    assert http.get("auth/me/", by=cast.malimono.student).status_code == 200
    changed = {"name": "Malimono Main", "hosts": "malimono.localhost\nmm.localhost", "timezone": "Asia/Manila"}
    assert browser.post(f"{there}change/", changed).status_code == 302
    assert "Malimono Main" in text(browser.get("/admin/campuses/?q=mali"))
    assert "Malimono Main" not in text(browser.get("/admin/campuses/?q=carmen"))
    browser.post(f"{there}change/", {**changed, "name": "Malimono Campus", "hosts": "malimono.localhost"})
    who = cast.super_admin.id
    assert audited("campus.suspended") == [(who, "typhoon")]
    assert audited("campus.ready") == [(who, "over")]
    browser.post(f"{there}suspend/", {"reason": "first"})
    assert browser.post(f"{there}archive/", {"reason": "closed"}).status_code == 302
    assert audited("campus.archived") == [(who, "closed")]
    assert browser.get(f"/admin/campuses/{uuid4()}/").status_code == 404
    assert browser.post(f"/admin/campuses/{uuid4()}/suspend/", {"reason": "x"}).status_code == 404


def test_an_event_is_called_by_the_clock_of_campuses_and_called_off(cast: Cast) -> None:
    browser = signed_in()
    body = {
        "title": "University <b>Day</b>", "description": "All of us", "venue": "Everywhere", "zone": "Asia/Manila",
        "starts_at": "2026-12-01T08:00", "ends_at": "2026-12-01T17:00", "campuses": ["MALIMONO", "SNSU"],
    }  # fmt: skip
    backwards = browser.post("/admin/events/new/", {**body, "ends_at": "2026-12-01T07:00"})
    nowhere = browser.post("/admin/events/new/", {**body, "campuses": ["NOWHERE"]})
    far = browser.post("/admin/events/new/", {**body, "starts_at": "1899-01-01T08:00"})
    assert [one.status_code for one in (backwards, nowhere, far)] == [400, 400, 400]

    called = browser.post("/admin/events/new/", body)

    assert called.status_code == 302, text(called)
    with public_context():
        event = FederatedEvent.objects.get()
        told = OutboxMessage.objects.filter(kind="shared_apps.federation.tasks.hold_event")
        assert event.starts_at == datetime(2026, 12, 1, 0, tzinfo=UTC)
        assert sorted(message.payload["host"] for message in told) == ["MALIMONO", "SNSU"]
    page = browser.get(called["Location"])
    assert "<b>Day" not in page.content.decode()
    assert "University &lt;b&gt;Day" in page.content.decode()
    assert browser.post(f"{called['Location']}cancel/", {}).status_code == 400
    assert browser.post(f"{called['Location']}cancel/", {"reason": "typhoon"}).status_code == 302
    assert "typhoon" in text(browser.get(called["Location"]))
    assert audited("federation.called") == [(cast.super_admin.id, "")]
    assert audited("federation.cancelled") == [(cast.super_admin.id, "typhoon")]


def test_an_event_of_a_campus_is_shown_and_is_not_the_university_s_to_call_off(cast: Cast) -> None:
    make_shared_event(cast.malimono, cast.delcarmen, seats=5)
    browser = signed_in()
    with public_context():
        pk = FederatedEvent.objects.get().pk

    page = text(browser.get(f"/admin/events/{pk}/"))
    assert ("Invited campuses" in page, "Call it off" in page) == (True, False)
    assert browser.post(f"/admin/events/{pk}/cancel/", {"reason": "x"}).status_code == 409
    assert "Intercampus Games" in text(browser.get("/admin/events/?kind=hosted"))
    assert "Intercampus Games" not in text(browser.get("/admin/events/?kind=university"))


def fill(number: int) -> None:
    """Write ``number`` of everything that lists show, past every service."""
    at = now()
    with owner_context():
        Visit.objects.bulk_create(
            Visit(
                event_id=uuid7(), person_id=uuid4(), host="MALIMONO", home="SNSU" if one % 2 else "MALIMONO",
                attendance_id=uuid7(), session_id=uuid7(), event_title=f"Games {one}", status="present",
                first_in_at=at, created_at=at, updated_at=at,
            ) for one in range(number)
        )  # fmt: skip
        Run.objects.bulk_create(
            Run(
                name="close_sessions", site="MALIMONO", begins_at=at - timedelta(minutes=one), sent_at=at,
                expires_at=at, state="done" if one % 3 else "failed", finished_at=at, started_at=at, count=1,
                error="" if one % 3 else "OperationalError: <deadlock>",
            ) for one in range(number)
        )  # fmt: skip
        OutboxMessage.objects.bulk_create(
            OutboxMessage(
                kind="shared_apps.federation.tasks.hold_event", created_at=at, due_at=at,
                attempts=MOST_ATTEMPTS if one % 2 else 1, payload={"host": "SNSU"},
            ) for one in range(number)
        )  # fmt: skip
        SealHead.objects.bulk_create(
            SealHead(event_id=uuid7(), campus="MALIMONO", number=1, digest=b"x" * 32, sealed_at=at)
            for _ in range(number)
        )


def test_lists_are_narrowed_and_leafed_through(cast: Cast) -> None:
    browser = signed_in()
    fill(120)

    ledger = browser.get("/admin/ledger/")
    assert ("After" in text(ledger), "Before" in text(ledger)) == (True, False)
    last = text(browser.get("/admin/ledger/?page=3"))
    assert ("After" in last, "Before" in last) == (False, True)
    home = text(browser.get("/admin/ledger/?home=snsu"))
    assert {int(number) % 2 for number in re.findall(r"Games (\d+)", home)} == {1}
    failed = browser.get("/admin/runs/?state=failed&campus=malimono&name=close_sessions")
    assert text(failed).count("OperationalError") == 40
    assert "<deadlock>" not in failed.content.decode()
    assert "OperationalError" not in text(browser.get("/admin/runs/?campus=SNSU"))
    assert text(browser.get("/admin/messages/?state=given+up")).count("hold_event") == 50
    assert text(browser.get("/admin/messages/?state=done")).count("hold_event") == 0
    audit = text(browser.get(f"/admin/audit/?actor={cast.super_admin.id}&action=user.signed"))
    assert ("Sol Aquino" in audit, "user.signed_in" in audit, "user.created" in audit) == (True, True, False)


def test_unusable_questions_are_refused(cast: Cast) -> None:
    browser = signed_in()
    for path in (
        "ledger/?person=1", "ledger/?page=0", "ledger/?page=999999", "ledger/?host=%00", "ledger/?status=gone",
        "audit/?actor=%27%20OR%201=1", "runs/?state=x", "runs/?campus=" + "x" * 17, "messages/?state=x", "events/?kind=x",
    ):  # fmt: skip
        assert browser.get(f"/admin/{path}").status_code == 400, path
    assert browser.get("/admin/campuses/?q=%00%27").status_code == 200
    for path in ("ledger/", "audit/", "runs/", "messages/", ""):
        assert browser.post(f"/admin/{path}").status_code == 405, path


def ask(browser: Browser, path: str) -> list[str]:
    """Return the statements of one page, each sent from where the public site stands."""
    sent: list[str] = []

    def keep(execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
        standing = current_standing()
        assert standing is not None
        assert standing.login == public_login(), standing
        sent.append(str(sql))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(keep):
        assert browser.get(path).status_code == 200
    return sent


def test_pages_ask_the_same_of_few_rows_and_many_and_open_no_campus(cast: Cast) -> None:
    browser = signed_in()
    pages = (
        "/admin/",
        "/admin/campuses/",
        "/admin/ledger/",
        "/admin/audit/",
        "/admin/runs/",
        "/admin/messages/",
        "/admin/events/",
    )
    fill(1)
    few = {page: ask(browser, page) for page in pages}
    fill(130)
    with owner_context():
        Campus.objects.bulk_create(
            Campus(code=f"X{one}", name=f"Campus {one}", schema_name=f"c_x{one}", state="archived") for one in range(60)
        )

    many = {page: ask(browser, page) for page in pages}

    assert {page: len(sent) for page, sent in many.items()} == {page: len(sent) for page, sent in few.items()}
    assert len(many["/admin/"]) <= 8
    assert not [sql for sent in many.values() for sql in sent if re.search(r"\bc_[a-z]+\.", sql.replace("c_x", ""))]


def test_the_first_page_says_what_somebody_should_look_at(cast: Cast) -> None:
    browser = signed_in()
    at = now()
    assert "Somebody should look" not in text(browser.get("/admin/"))
    with owner_context():
        Campus.objects.filter(code="SNSU").update(schema_version=1, provisioning_error="migration: <b>no</b> room")
        Run.objects.bulk_create(
            Run(
                name="stuck-messages", site="MALIMONO", begins_at=at - timedelta(minutes=10 * age), sent_at=at,
                expires_at=at, state="done", started_at=at, finished_at=at, count=count,
            ) for age, count in ((0, 3), (1, 7))
        )  # fmt: skip
        Run.objects.create(
            name="close_sessions", site="DELCARMEN", begins_at=at, sent_at=at, expires_at=at, state="failed", error="x"
        )
        OutboxMessage.objects.create(kind="a.b", created_at=at, due_at=at, attempts=MOST_ATTEMPTS)
        SealHead.objects.create(event_id=uuid7(), campus="DELCARMEN", number=1, digest=b"x" * 32, sealed_at=at)

    answer = browser.get("/admin/")
    page = text(answer)
    assert "waits for migrations; migration:" in page
    assert "<b>no</b>" not in answer.content.decode()
    assert "has given up 3 messages" in page
    assert "Failed runs 1" in page
    assert "Messages given up 4 3 of them at campuses" in page
    assert f"{at:%d %b %Y} {at:%H:%M:%S}" in page


def test_campuses_are_shown_with_what_they_tell_of_themselves(cast: Cast) -> None:
    browser, at = signed_in(), now()
    year = {"people_own": 1234, "people_visiting": 56, "people_away": 7}
    for site, figures in ((cast.malimono, year), (cast.delcarmen, None)):  # Del Carmen: too few to be told
        with site.here():
            store_roll_ups(
                rows=[
                    Told("year", date(2026, 1, 1), "", figures),
                    Told("year", date(2026, 1, 1), "CITE", {"people_own": 45678}),
                    Told("month", date(2026, 1, 1), "", {"people_own": 34567}),
                ],
                at=at,
            )  # fmt: skip

    glance, campuses = text(browser.get("/admin/")), text(browser.get("/admin/campuses/"))

    assert "People who came 1,234 at their campus, in twelve months" in glance
    assert "People at other campuses 7 in twelve months" in glance
    assert "1,234 56" in campuses
    assert "45,678" not in glance + campuses
    assert "34,567" not in glance + campuses
