"""live/: whoever may see it is told what happens, once, whatever breaks between; nobody else is told anything."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from http.client import HTTPException
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection

from shared_apps.accounts.services.tokens import revoke_tokens
from shared_apps.common.clock import now
from shared_apps.common.ids import uuid7
from tenant_apps.events.models import Event
from tenants.context import owner_context
from tests.cast import Cast, Http, Person, Site
from tests.factories import make_event, make_shared_event, pass_of
from tests.live import Listener, LiveProcess, Message, live_process

MARK = "events/attendance/mark_attendance/"


@pytest.fixture
def live(cast: Cast, tmp_path: Path) -> Iterator[LiveProcess]:
    with live_process(tmp_path / "live.log") as process:
        yield process


def follow(live: LiveProcess, what: str, person: Person, *, after: str = "") -> Listener:
    assert person.site is not None
    headers = {"Last-Event-ID": after} if after else {}
    return live.open(what, host=person.site.host, token=person.token, headers=headers)


def mark(http: Http, site: Site, event: Event, **who: Any) -> Any:
    return http.post(MARK, {"event_id": str(event.pk), **who}, by=site.scanner)


def told(message: Message | None) -> list[tuple[str, str | None]]:
    """Return code and name of the scans of a message."""
    assert message is not None
    return [(scan["code"], (scan["person"] or {}).get("display_name")) for scan in message.data["scans"]]


def test_an_organizer_sees_arrivals_refusals_and_corrections(cast: Cast, http: Http, live: LiveProcess) -> None:
    here, there = cast.malimono, cast.delcarmen
    event, elsewhere = make_event(here), make_event(there)
    other = make_event(here, title="Another")
    mark(http, here, event, user_id=str(here.friend.id))
    listener = follow(live, f"events/{event.pk}/", here.organizer)
    abroad = follow(live, f"events/{elsewhere.pk}/", there.organizer)
    mine = follow(live, "me/", here.student)

    first = listener.next()
    assert (listener.status, listener.answer.headers["Content-Type"]) == (200, "text/event-stream")
    assert first is not None
    assert (first.event, first.data["scans"]) == ("snapshot", [])
    assert [(row["name"], row["present"]) for row in first.data["sessions"]] == [("Session 1", 1)]
    assert abroad.next().event == mine.next().event == "snapshot"  # type: ignore[union-attr]

    mark(http, here, other, user_id=str(here.student.id))
    marked = mark(http, here, event, user_id=str(here.student.id)).json()
    message = listener.next()
    assert told(message) == [("recorded", "Ana Reyes")]
    assert message is not None
    scan = message.data["scans"][0]
    assert (scan["id"], scan["person"]["student_id"], scan["status"]) == (marked["scan"]["id"], "2024-0001", "present")
    assert message.data["sessions"][0]["present"] == 2
    own = mine.collect("scans", 2)
    assert {scan["event"] for scan in own} == {str(event.pk), str(other.pk)}
    assert not {"person", "operator"} & set(own[0])

    mark(http, here, event, student_id="1999-0000")
    assert told(listener.next()) == [("unknown_person", None)]
    undone = http.post(
        f"events/attendance/{marked['attendance']['id']}/undo/", {"reason": "mistake"}, by=here.organizer
    )
    assert undone.status_code == 200
    message = listener.next()
    assert message is not None
    assert [row["to_status"] for row in message.data["corrections"]] == ["void"]
    assert message.data["sessions"][0]["present"] == 1
    assert [row["to_status"] for row in mine.collect("corrections", 1)] == ["void"]

    mark(http, there, elsewhere, user_id=str(there.friend.id))
    assert told(abroad.next()) == [("recorded", "Ben Cruz")]  # the first it was told since it began


def test_nobody_else_opens_a_stream(cast: Cast, live: LiveProcess) -> None:
    here, there = cast.malimono, cast.delcarmen
    path = f"events/{make_event(here).pk}/"
    foreign = f"events/{make_event(there).pk}/"
    cases = [
        (path, here, None, 401, "not_authenticated"),
        (path, here, there.organizer, 401, "not_authenticated"),
        (path, here, cast.super_admin, 401, "not_authenticated"),
        (path, here, here.student, 403, "permission_denied"),
        (path, here, here.scanner, 403, "permission_denied"),
        ("me/", here, here.kiosk, 403, "permission_denied"),
        (path, here, here.other_organizer, 404, "not_found"),
        (foreign, here, here.admin, 404, "not_found"),
        (f"events/{uuid4()}/", here, here.admin, 404, "not_found"),
        ("nowhere/", here, here.admin, 404, "not_found"),
    ]
    for what, site, person, status, code in cases:
        asked = live.open(what, host=site.host, token=person.token if person else None)
        assert (asked.status, asked.json()["errors"][0]["code"]) == (status, code), (what, code)
    strange = live.open(path, host="nobody.example", token=here.admin.token)
    assert (strange.status, strange.json()["errors"][0]["code"]) == (404, "unknown_host")
    named = live.open(path, host=here.host, token=here.admin.token, headers={"X-Campus-Context": "DELCARMEN"})
    assert (named.status, named.json()["errors"][0]["code"]) == (403, "campus_mismatch")
    page = {"Origin": "http://localhost:5173"}
    assert live.open(path, host=here.host, token="x", headers=page).answer.headers["access-control-allow-origin"]
    api = live.open("../auth/me/", host=here.host, token=here.admin.token)
    assert api.status == 404  # the API is not served here


@pytest.mark.slow
def test_what_came_while_one_was_away_is_told_once(cast: Cast, http: Http, live: LiveProcess) -> None:
    here = cast.malimono
    event = make_event(here)
    path = f"events/{event.pk}/"
    first = follow(live, path, here.organizer)
    assert first.next().event == "snapshot"  # type: ignore[union-attr]
    mark(http, here, event, user_id=str(here.student.id))
    first.collect("scans", 1)
    first.close()

    live.kill()
    scans = [{"event_id": str(event.pk), "scan_id": str(uuid7()), "student_id": f"1999-{n:04}"} for n in range(500)]
    sent = http.post("events/attendance/batch/", {"scans": scans}, by=here.scanner)
    assert sent.status_code == 200
    live.wait()

    again = follow(live, path, here.organizer, after=first.id)
    mark(http, here, event, user_id=str(here.friend.id))
    rows = again.collect("scans", 501)
    assert {row["code"] for row in rows[:500]} == {"unknown_person"}
    assert rows[500]["person"]["display_name"] == "Ben Cruz"
    for unusable in ("nonsense", "1-2-3", "9" * 18 + f"-{int(now().timestamp())}-"):
        fresh = follow(live, path, here.admin, after=unusable)
        assert fresh.next().event == "snapshot"  # type: ignore[union-attr]
        fresh.close()


def test_a_visit_is_seen_at_the_host_and_by_the_student_at_home(cast: Cast, http: Http, live: LiveProcess) -> None:
    host, home = cast.malimono, cast.delcarmen
    event = make_shared_event(host, home)
    at_host = follow(live, f"events/{event.pk}/", host.organizer)
    at_home = follow(live, "me/", home.student)
    friend = follow(live, "me/", home.friend)
    namesake = follow(live, "me/", host.student)
    for listener in (at_host, at_home, friend, namesake):
        assert listener.next().event == "snapshot"  # type: ignore[union-attr]

    assert mark(http, host, event, **{"pass": pass_of(home.student)}).status_code == 201
    scan = at_host.collect("scans", 1)[0]
    assert (scan["home_campus"], scan["outcome"]) == ("DELCARMEN", "recorded")
    visit = at_home.collect("visits", 1)[0]
    assert (visit["campus"], visit["event_title"], visit["status"]) == ("MALIMONO", "Intercampus Games", "present")
    # The next thing each of the others hears of is their own.
    for site, student, listener in ((home, home.friend, friend), (host, host.student, namesake)):
        own = make_event(site)
        mark(http, site, own, user_id=str(student.id))
        news = listener.next()
        assert news is not None
        assert ([row["event"] for row in news.data["scans"]], news.data["visits"]) == ([str(own.pk)], [])


def test_a_right_that_is_lost_ends_the_stream(cast: Cast, http: Http, live: LiveProcess) -> None:
    here = cast.malimono
    event = make_event(here)
    path = f"events/{event.pk}/"
    organizer, admin, student = (
        follow(live, path, here.organizer), follow(live, path, here.admin), follow(live, "me/", here.student)
    )  # fmt: skip
    for listener in (organizer, admin, student):
        assert listener.next().event == "snapshot"  # type: ignore[union-attr]

    with here.here():
        Event.objects.filter(pk=event.pk).update(organizer=here.other_organizer.user)
        revoke_tokens(user=here.student.user, at=now())
    assert end_of(organizer) == "not_found"
    assert end_of(student) == "not_authenticated"
    suspended = http.post(f"campus/campuses/{here.campus.id}/suspend/", {"reason": "fees"}, by=cast.super_admin)
    assert suspended.status_code == 200, suspended.content
    assert end_of(admin) == "campus_suspended"


def test_a_person_has_few_streams_and_gets_their_places_back(cast: Cast, live: LiveProcess) -> None:
    me = cast.malimono.student
    open_now = [follow(live, "me/", me) for _ in range(6)]
    refused = follow(live, "me/", me)
    assert (refused.status, refused.json()["errors"][0]["code"]) == (429, "too_many_streams")
    assert refused.answer.headers["Retry-After"]
    assert follow(live, "me/", cast.malimono.friend).status == 200
    for listener in open_now:
        listener.close()
    until = now() + timedelta(seconds=15)
    while follow(live, "me/", me).status == 429:
        assert now() < until


def end_of(listener: Listener) -> str:
    """Return the code with which a stream ends; it is closed after that."""
    message = listener.next()
    assert message is not None
    assert message.event == "end"
    assert listener.next() is None
    return str(message.data["errors"][0]["code"])


@pytest.mark.slow
def test_streams_have_no_connections_of_their_own_and_end_with_the_process(cast: Cast, live: LiveProcess) -> None:
    sites = (cast.malimono, cast.delcarmen, cast.snsu)
    before = count_connections()
    listeners = [
        follow(live, "me/", person)
        for site in sites
        for person in (site.student, site.friend, site.organizer, site.admin)
        for _ in range(6)
    ]
    for listener in listeners:
        assert listener.next().event == "snapshot"  # type: ignore[union-attr]
    assert len(listeners) == 72
    # Eight threads at most, for each login that is in use.
    assert count_connections() - before <= 8 * 4

    live.stop()
    for listener in listeners:
        with suppress(OSError, HTTPException):
            assert listener.next() is None
    assert "Traceback" not in live.log.read_text()


def count_connections() -> int:
    with owner_context(), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
        return int(cursor.fetchone()[0])
