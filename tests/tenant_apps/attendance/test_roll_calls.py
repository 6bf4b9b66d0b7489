"""events/attendance/roll-call/: the whole section in one call."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from shared_apps.accounts.models import Profile, User
from shared_apps.common.clock import now
from tenant_apps.attendance.models import Attendance, Scan
from tenant_apps.events.models import Event
from tests.cast import Cast, Http, Site
from tests.factories import make_event, make_session
from tests.isolation.world import codes

ROLL = "events/attendance/roll-call/"
SECTION = {"program": "bsit", "year_level": 2, "section": "a"}


def call(http: Http, site: Site, event: Event, by: Any = None, **more: Any) -> Any:
    body = {"roll_call_id": str(uuid4()), "event_id": str(event.pk), **more}
    return http.post(ROLL, body, by=by or site.organizer)


def counts(answer: Any) -> tuple[int, ...]:
    assert answer.status_code == 200, answer.content
    body = answer.json()
    return tuple(body[name] for name in ("recorded", "duplicate", "refused", "failed", "left_out"))


def rows(site: Site) -> tuple[int, int]:
    with site.here():
        return Attendance.objects.count(), Scan.objects.count()


def fill_section(site: Site, number: int, *, section: str = "B") -> None:
    """Put ``number`` more students into a section."""
    with site.here():
        begin = User.objects.count()
        users = User.objects.bulk_create(
            User(username=f"s{begin + one}", student_id=f"S-{begin + one}", first_name="S", last_name=f"L{one:03}",
                 role="student") for one in range(number)
        )  # fmt: skip
        Profile.objects.bulk_create(Profile(user=user, program="BSIT", section=section) for user in users)


def test_a_group_is_recorded_but_for_those_who_are_not_there(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event = make_event(campus, starts=-30)
    with campus.here():
        User.objects.filter(pk=campus.other_organizer.id).update(role="student", is_active=False)
        Profile.objects.filter(user_id=campus.other_organizer.id).update(program="BSIT", year_level=2, section="A")
    at = (now() - timedelta(minutes=20)).isoformat()

    answer = call(
        http, campus, event, group=SECTION, at=at, reason="Names called", **{"except": [str(campus.friend.id)]}
    )

    assert counts(answer) == (1, 0, 0, 0, 1)
    (ana,) = answer.json()["results"]
    assert (ana["user"], ana["student_id"], ana["display_name"]) == (str(campus.student.id), "2024-0001", "Ana Reyes")
    assert (ana["outcome"], ana["code"], ana["status"]) == ("recorded", "recorded", "present")
    assert ana["rules"][-1] == {"rule": "first_time", "held": True}
    with campus.here():
        scan = Scan.objects.get()
        assert (scan.door, scan.method, scan.reason, scan.time_corrected) == (
            "roll_call", "user", "Names called", False,
        )  # fmt: skip
        assert scan.operator_id == campus.organizer.id
        assert Attendance.objects.get().user_id == campus.student.id
    assert rows(cast.delcarmen) == (0, 0)


def test_the_same_call_again_records_nothing_and_answers_the_same(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event = make_event(campus)
    fixed = {"roll_call_id": str(uuid4()), "group": SECTION}

    first = call(http, campus, event, **fixed)
    second = call(http, campus, event, **fixed)
    other_reason = call(http, campus, event, **fixed, reason="another")
    new_call = call(http, campus, event, group=SECTION)
    leave = call(http, campus, event, **fixed, direction="out")

    assert counts(first) == (2, 0, 0, 0, 0)
    assert second.json() == first.json()
    assert counts(other_reason) == (0, 0, 0, 2, 0)
    assert {row["code"] for row in other_reason.json()["results"]} == {"scan_id_reused"}
    assert counts(new_call) == (0, 2, 0, 0, 0)
    assert counts(leave) == (2, 0, 0, 0, 0)
    assert rows(campus) == (2, 6)


def test_a_ticked_list_names_people_either_way(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event = make_event(campus)
    people = [
        {"student_id": "2024-0001"},
        {"user_id": str(campus.student.id)},
        {"student_id": "9999"},
        {"user_id": str(cast.delcarmen.friend.id)},
        {"student_id": "2024-0002", "is_there": False},
    ]

    dry = call(http, campus, event, people=people, dry_run=True)
    assert rows(campus) == (0, 0)
    real = call(http, campus, event, people=people)

    assert counts(dry) == counts(real) == (1, 0, 2, 0, 1)
    assert [row["code"] for row in real.json()["results"]] == ["recorded", "unknown_person", "unknown_person"]
    assert dry.json()["results"][0]["attendance"] is None
    assert real.json()["results"][1]["student_id"] == "9999"
    assert rows(campus) == (1, 3)


def test_organizers_call_at_events_they_run_admins_at_all(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event, foreign = make_event(campus), make_event(cast.delcarmen)
    draft = make_event(campus, status="draft", organizer=campus.other_organizer)
    done = make_event(campus, status="completed")
    other_session = make_event(campus)
    with campus.here():
        other_session = str(other_session.sessions.get().pk)

    def said(answer: Any) -> tuple[int, list[str]]:
        return answer.status_code, codes(answer)

    assert said(call(http, campus, event, by=campus.student, group=SECTION)) == (403, ["permission_denied"])
    assert said(call(http, campus, event, by=campus.other_organizer, group=SECTION)) == (403, ["not_your_event"])
    assert said(call(http, campus, draft, group=SECTION)) == (404, ["not_found"])
    assert said(call(http, campus, foreign, by=campus.admin, group=SECTION)) == (404, ["not_found"])
    assert said(call(http, campus, event, group=SECTION, session_id=other_session)) == (404, ["not_found"])
    refused = call(http, campus, done, group=SECTION)
    assert counts(refused) == (0, 0, 2, 0, 0)
    assert {row["code"] for row in refused.json()["results"]} == {"event_completed"}
    assert counts(call(http, campus, event, by=campus.admin, group=SECTION)) == (2, 0, 0, 0, 0)
    assert rows(cast.delcarmen) == (0, 0)
    for by, wanted, status in ((campus.other_organizer, event, 403), (campus.admin, foreign, 404)):
        assert http.get(ROLL, by=by, event_id=str(wanted.pk)).status_code == status


def test_calls_that_cannot_be_meant(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event = make_event(campus)
    ana = str(campus.student.id)
    hour = timedelta(hours=1)
    bad: list[tuple[dict[str, Any], str, str]] = [
        ({}, "people", "name_people"),
        ({"group": SECTION, "people": [{"user_id": ana}]}, "people", "name_people"),
        ({"group": {}}, "group", "empty_row"),
        ({"group": {"section": "A", "floor": 1}}, "group.floor", "unknown_field"),
        ({"people": []}, "people", "min_length"),
        ({"people": [{"user_id": ana}] * 501}, "people", "max_length"),
        ({"people": [{}]}, "people.0.user_id", "identify_person"),
        ({"people": [{"user_id": ana, "student_id": "1"}]}, "people.0.user_id", "identify_person"),
        ({"people": [{"user_id": ana}], "except": [ana]}, "except", "only_with_group"),
        ({"people": [{"user_id": ana}, {"student_id": "2024-0001", "is_there": False}]}, "people", "named_twice"),
        ({"group": SECTION, "except": [str(campus.admin.id)]}, "except", "not_in_group"),
        ({"group": SECTION, "except": ["x"]}, "except.0", "invalid"),
        ({"group": SECTION, "at": (now() + hour).isoformat()}, "at", "unusable_moment"),
        ({"group": SECTION, "at": (now() - 13 * hour).isoformat()}, "at", "unusable_moment"),
        ({"group": SECTION, "roll_call_id": 1}, "roll_call_id", "invalid"),
    ]
    for body, attr, code in bad:
        answer = call(http, campus, event, **body)
        found = [(error["attr"].removesuffix(".non_field_errors"), error["code"]) for error in answer.json()["errors"]]
        assert (answer.status_code, found) == (400, [(attr, code)]), (body, answer.content)
    for query in ({}, {"event_id": "x"}, {"event_id": str(event.pk), "year_level": "x"}, {"event_id": str(event.pk), "sektion": "A"}):  # fmt: skip
        assert http.get(ROLL, by=campus.organizer, **query).status_code == 400
    assert rows(campus) == (0, 0)


def test_the_sheet_says_who_they_are_and_what_they_have(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event = make_event(campus)
    with campus.here():
        second = make_session(event, now() + timedelta(days=1))
        Event.objects.filter(pk=event.pk).update(audience=[{"section": "A"}])
    fill_section(campus, 2)
    call(http, campus, event, people=[{"user_id": str(campus.student.id)}])
    asked = {"by": campus.organizer, "event_id": str(event.pk)}

    sheet = http.get(ROLL, **asked, **SECTION).json()
    expected = http.get(ROLL, **asked).json()
    tomorrow = http.get(ROLL, **asked, session_id=str(second.pk)).json()
    other = http.get(ROLL, **asked, section="B").json()

    assert (sheet["event"], sheet["count"]) == (str(event.pk), 2)
    assert [person["display_name"] for person in sheet["people"]] == ["Ben Cruz", "Ana Reyes"]
    assert [[row["status"] for row in person["attendance"]] for person in sheet["people"]] == [[], ["present"]]
    assert expected == sheet
    assert [person["attendance"] for person in tomorrow["people"]] == [[], []]
    assert [person["display_name"] for person in other["people"]] == ["S L000", "S L001"]


def test_the_number_of_statements_does_not_grow_with_people(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event = make_event(campus)
    costs: list[tuple[int, int]] = []
    for more in (2, 100):
        fill_section(campus, more)
        with campus.here(), CaptureQueriesContext(connection) as calling:
            called = call(http, campus, event, group={"section": "B"})
        with campus.here(), CaptureQueriesContext(connection) as reading:
            sheet = http.get(ROLL, by=campus.organizer, event_id=str(event.pk), section="b")
        assert counts(called) == (more, 0 if more == 2 else 2, 0, 0, 0)
        assert sheet.json()["count"] == len(called.json()["results"])
        costs.append((len(calling), len(reading)))

    assert costs[0] == costs[1]
    assert costs[0][0] <= 14
    assert costs[0][1] <= 6


@pytest.mark.parametrize("missing", [0, 1])
def test_a_group_that_is_too_large_says_how_many_it_has(cast: Cast, http: Http, missing: int) -> None:
    campus = cast.malimono
    event = make_event(campus)
    fill_section(campus, 501)
    body: dict[str, Any] = {"group": {"section": "B"}}
    if missing:
        with campus.here():
            body["except"] = [str(User.objects.filter(student_id__startswith="S-").first().pk)]  # type: ignore[union-attr]

    answer = call(http, campus, event, **body)

    assert (answer.status_code, codes(answer)) == (422, ["too_many_people"])
    assert "501" in answer.json()["errors"][0]["detail"]
    assert rows(campus) == (0, 0)
