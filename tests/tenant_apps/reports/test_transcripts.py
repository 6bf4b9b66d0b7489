"""A student's own participation, and visits by host and home."""

from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import uuid4

from shared_apps.common.clock import now
from tenant_apps.attendance.models import Attendance
from tenant_apps.attendance.services.corrections import undo_attendance
from tests.cast import Cast, Http, Person, Site
from tests.factories import make_event, make_shared_event, pass_of
from tests.shared_apps.federation.test_transfers import NAMES, accept, at_home, deliver, offer


def scan(http: Http, at: Site, event: Any, who: Person) -> None:
    body = {"event_id": str(event.pk), "pass": pass_of(who)}
    answer = http.post("events/attendance/mark_attendance/", body, by=at.scanner)
    assert answer.status_code == 201, answer.content


def test_a_transcript_has_what_was_here_and_on_visits(cast: Cast, http: Http) -> None:
    home, host = cast.malimono, cast.delcarmen
    own = make_event(home, title="At home")
    undone = make_event(home, title="Undone")
    away = make_shared_event(host, home, title="Games")
    for at, event in ((home, own), (home, undone), (host, away)):
        scan(http, at, event, home.student)
    scan(http, home, own, home.friend)
    with home.here():
        row = Attendance.objects.get(event=undone)
        undo_attendance(by=home.admin.user, at=now(), attendance_id=row.pk, reason="A mistake")
        Attendance.objects.create(
            event=undone, session=undone.sessions.get(), user_id=home.friend.id, status="absent", method="none",
            created_at=now(), updated_at=now(),
        )  # fmt: skip

    answer = http.get("reports/transcript/", by=home.student)

    assert answer.status_code == 200, answer.content
    found = answer.json()
    assert (found["display_name"], found["student_id"]) == ("Ana Reyes", "2024-0001")
    counts = {name: found[name] for name in ("here", "away", "before", "absent", "excused")}
    assert counts == {"here": 1, "away": 1, "before": 0, "absent": 0, "excused": 0}
    assert {(entry["event_title"], entry["host"], entry["home"]) for entry in found["entries"]} == {
        ("At home", "MALIMONO", "MALIMONO"),
        ("Games", "DELCARMEN", "MALIMONO"),
    }
    friend = http.get("reports/transcript/", by=home.friend).json()
    assert (friend["here"], friend["away"], friend["absent"]) == (1, 0, 1)
    assert http.get("reports/transcript/", by=home.student, since=now().isoformat()).json()["entries"] == []
    # Ana of Del Carmen has another life, with the same name and student number.
    assert http.get("reports/transcript/", by=host.student).json()["entries"] == []

    assert http.get("reports/transcript/", by=home.admin, user=home.student.id).json()["entries"] == found["entries"]
    for who, user in (
        (home.friend, home.student.id), (home.organizer, home.student.id), (home.admin, host.student.id),
        (host.admin, home.student.id), (home.admin, uuid4()),
    ):  # fmt: skip
        refused = http.get("reports/transcript/", by=who, user=user)
        assert (refused.status_code, refused.json()["errors"][0]["code"]) == (404, "not_found"), refused.content
    assert http.get("reports/transcript/", by=home.student, user="x").status_code == 400
    assert http.get("reports/transcript/", by=home.student, figure="late").status_code == 400


def test_visits_by_host_and_home(cast: Cast, http: Http) -> None:
    home, host = cast.malimono, cast.delcarmen
    games, fair = (make_shared_event(host, home, title=title) for title in ("Games", "Fair"))
    back = make_shared_event(home, host, title="Back")
    for at, event, who in (
        (host, games, home.student), (host, games, home.friend), (host, fair, home.student), (host, games, host.student),
        (home, back, host.student),
    ):  # fmt: skip
        scan(http, at, event, who)

    def counted(who: Person, **query: Any) -> dict[tuple[str, str], tuple[int, int, int]]:
        answer = http.get("reports/visits/", by=who, **query)
        assert answer.status_code == 200, answer.content
        for line in answer.json():
            parts = urlsplit(line["rows"])
            rows = http.get(parts.path.removeprefix("/api/v1/"), by=who, **dict(parse_qsl(parts.query))).json()
            assert rows["count"] == line["visits"]
        return {(one["host"], one["home"]): (one["visits"], one["people"], one["events"]) for one in answer.json()}

    away, here, at_home = ("DELCARMEN", "MALIMONO"), ("MALIMONO", "DELCARMEN"), ("DELCARMEN", "DELCARMEN")
    assert counted(home.organizer) == {away: (3, 2, 2), here: (1, 1, 1)}
    assert counted(host.admin) == {away: (3, 2, 2), here: (1, 1, 1), at_home: (1, 1, 1)}
    assert counted(home.admin, event=games.pk) == {away: (2, 2, 1)}
    assert counted(home.admin, since=now().isoformat()) == counted(cast.snsu.admin) == {}


def test_whoever_moves_brings_their_transcript_along(cast: Cast, http: Http) -> None:
    origin, destination = cast.malimono, cast.delcarmen
    scan(http, origin, make_event(origin, title="Before"), origin.student)
    moved = accept(http, offer(http, origin.student, destination).json()["id"], destination, **NAMES)
    assert moved.status_code == 200, moved.content
    deliver(origin, destination)
    ana = at_home(destination, origin.student)
    scan(http, destination, make_event(destination, title="After"), ana)

    found = http.get("reports/transcript/", by=ana).json()

    assert [(entry["event_title"], entry["home"], entry["origin"]) for entry in found["entries"]] == [
        ("After", "DELCARMEN", "own"),
        ("Before", "MALIMONO", "before"),
    ]
    assert (found["here"], found["away"], found["before"]) == (1, 0, 1)
