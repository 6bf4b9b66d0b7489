"""live/: whoever may see it is told what happens, once, whatever breaks between; nobody else is told anything."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from shared_apps.accounts.services.tokens import revoke_tokens
from shared_apps.common.clock import now
from shared_apps.common.ids import uuid7
from tenant_apps.events.models import Event
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
