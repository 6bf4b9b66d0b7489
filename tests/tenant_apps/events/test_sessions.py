"""Sessions: what they ask, many at once, completing and reopening."""

from datetime import timedelta

import pytest
from django.db import connection

from shared_apps.audit.models import AuditEntry
from shared_apps.common.clock import now
from shared_apps.federation.models import FederatedEvent
from shared_apps.outbox.models import OutboxMessage
from tenant_apps.events.models import Event, Session
from tests.cast import Cast, Http, Site
from tests.factories import make_event, make_session, make_shared_event

MARK = "events/attendance/mark_attendance/"
POLICY = {"requires_check_out": True, "missing_check_out": "left", "allows_re_entry": False, "minimum_stay": 90}
MORNING = {"starts_at": "2026-12-01T08:00:00", "ends_at": "2026-12-01T12:00:00"}
SLOTS = [
    {"name": "AM", "starts": "08:00", "ends": "12:00", "opens_minutes_before": 30, **POLICY},
    {"name": "PM", "starts": "13:00", "ends": "17:00", "late_after_minutes": 10, "closes_minutes_after": 20},
]


def errors(answer) -> set[tuple[str, str | None]]:
    return {(error["code"], error["attr"]) for error in answer.json()["errors"]}


def policy_of(row: dict) -> dict:
    return {name: row[name] for name in POLICY}


@pytest.fixture
def draft(cast: Cast, http: Http) -> str:
    """The path of a draft with one session on the first of December, 08:00 to 12:00."""
    answer = http.post(
        "events/events/", {"title": "Week", "sessions": [{**MORNING, **POLICY}]}, by=cast.malimono.organizer
    )
    assert answer.status_code == 201, answer.content
    assert policy_of(answer.json()["sessions"][0]) == POLICY
    return f"events/events/{answer.json()['id']}/"


def test_what_a_session_asks_is_created_changed_and_listed(cast: Cast, http: Http, draft: str) -> None:
    by = cast.malimono.organizer
    added = http.post(f"{draft}sessions/", {**MORNING, "minimum_stay": 240}, by=by)
    path = f"{draft}sessions/{added.json()['id']}/"
    changed = http.patch(path, {**POLICY, "minimum_stay": None}, by=by)
    too_long = http.patch(path, {"minimum_stay": 241}, by=by)
    shorter = http.patch(path, {"minimum_stay": 60, "ends_at": "2026-12-01T08:59:00"}, by=by)
    listed = http.get(f"{draft}sessions/", by=by).json()

    assert policy_of(added.json()) == {
        "requires_check_out": False, "missing_check_out": "stayed", "allows_re_entry": True, "minimum_stay": 240,
    }  # fmt: skip
    assert policy_of(changed.json()) == {**POLICY, "minimum_stay": None}
    assert errors(too_long) == errors(shorter) == {("stay_too_long", "minimum_stay")}
    assert [policy_of(row) for row in listed] == [POLICY, {**POLICY, "minimum_stay": None}]
    assert listed[0]["closed_at"] is None


@pytest.mark.parametrize(
    "change",
    [{"minimum_stay": 0}, {"minimum_stay": -1}, {"minimum_stay": 10**9}, {"minimum_stay": "x"}, {"closed_at": None},
     {"missing_check_out": "gone"}, {"requires_check_out": "perhaps"}, {"allows_re_entry": None}],
)  # fmt: skip
def test_unusable_policies_are_refused(cast: Cast, http: Http, draft: str, change: dict) -> None:
    answer = http.post(f"{draft}sessions/", {**MORNING, **change}, by=cast.malimono.organizer)

    assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, next(iter(change)))


@pytest.mark.parametrize("change", [{"requires_check_out": True}, {"allows_re_entry": False}, {"minimum_stay": 5}])
def test_what_a_session_asks_stays_once_somebody_was_recorded_or_it_was_closed(
    cast: Cast, http: Http, change: dict
) -> None:
    campus = cast.malimono
    event = make_event(campus, sessions=2, apart=600)
    with campus.here():
        recorded, closed = event.sessions.order_by("starts_at")
        Session.objects.filter(pk=closed.pk).update(closed_at=now())
    body = {"event_id": str(event.pk), "session_id": str(recorded.pk), "student_id": "2024-0001"}
    assert http.post(MARK, body, by=campus.scanner).status_code == 201
    path = f"events/events/{event.pk}/sessions/"

    of_recorded = http.patch(f"{path}{recorded.pk}/", change, by=campus.organizer)
    of_closed = http.patch(f"{path}{closed.pk}/", change, by=campus.organizer)
    removed = http.delete(f"{path}{closed.pk}/", by=campus.organizer)
    renamed = http.patch(f"{path}{closed.pk}/", {"name": "Evening"}, by=campus.organizer)

    assert errors(of_recorded) == {("session_has_attendance", None)}
    assert errors(of_closed) == errors(removed) == {("session_is_closed", None)}
    assert renamed.status_code == 200
    with campus.here():
        assert Session.objects.get(pk=closed.pk).closed_at is not None


def test_a_pattern_makes_mornings_and_afternoons(cast: Cast, http: Http, draft: str) -> None:
    by = cast.malimono.organizer
    pattern = {"first_day": "2026-12-02", "last_day": "2026-12-09", "weekdays": ["wed", "fri"], "slots": SLOTS}

    shown = http.post(f"{draft}sessions/bulk/", {"pattern": pattern, "dry_run": True}, by=by)
    before = http.get(draft, by=by).json()
    made = http.post(f"{draft}sessions/bulk/", {"pattern": pattern}, by=by)
    after = http.get(draft, by=by).json()

    assert (shown.status_code, made.status_code) == (200, 201), made.content
    assert len(before["sessions"]) == 1
    assert [row["id"] for row in shown.json()["sessions"]] == [None] * 6
    plain = [{**row, "id": None} for row in made.json()["sessions"]]
    assert plain == shown.json()["sessions"]
    assert [row["starts_at"][5:16] for row in plain] == [
        f"12-{day}T{clock}" for day in ("02", "04", "09") for clock in ("08:00", "13:00")
    ]
    morning, afternoon = plain[:2]
    assert (morning["opens_at"][11:16], morning["late_after"][11:16], morning["closes_at"][11:16]) == (
        "07:30", "08:15", "12:00",
    )  # fmt: skip
    assert (afternoon["late_after"][11:16], afternoon["closes_at"][11:16]) == ("13:10", "17:20")
    assert policy_of(morning) == POLICY
    assert after["ends_at"] == "2026-12-09T17:00:00+08:00"
    assert made.json()["warnings"] == []
    with cast.malimono.here():
        assert AuditEntry.objects.get(action="event.sessions_added").changes["sessions"] == [
            row["id"] for row in made.json()["sessions"]
        ]
    with cast.delcarmen.here():
        assert Session.objects.count() == 0


def test_overlaps_are_allowed_and_named(cast: Cast, http: Http, draft: str) -> None:
    by = cast.malimono.organizer
    sessions = [
        {"name": "Same", **MORNING},
        {"name": "Soon", "starts_at": "2026-12-01T12:30:00", "ends_at": "2026-12-01T13:30:00"},
        {"name": "Far", "starts_at": "2026-12-05T12:30:00", "ends_at": "2026-12-05T13:30:00"},
    ]

    made = http.post(f"{draft}sessions/bulk/", {"sessions": sessions}, by=by)

    assert made.status_code == 201, made.content
    found = [(row["code"], [one["name"] for one in row["sessions"]]) for row in made.json()["warnings"]]
    assert found == [
        ("sessions_overlap", ["", "Same"]), ("both_open", ["", "Soon"]), ("both_open", ["Same", "Soon"]),
    ]  # fmt: skip


def test_all_or_none_with_an_error_for_each(cast: Cast, http: Http, draft: str) -> None:
    by = cast.malimono.organizer
    backwards = {"starts_at": MORNING["ends_at"], "ends_at": MORNING["starts_at"]}
    bulk = f"{draft}sessions/bulk/"

    listed = http.post(bulk, {"sessions": [MORNING, backwards, {**MORNING, "minimum_stay": 999}]}, by=by)
    malformed = http.post(bulk, {"sessions": [MORNING, {"starts_at": "soon"}, {**MORNING, "x": 1}]}, by=by)
    pattern = {"first_day": "2026-12-02", "count": 2, "slots": [SLOTS[0], {**SLOTS[1], "minimum_stay": 241}]}
    repeated = http.post(bulk, {"pattern": pattern}, by=by)
    many = http.post(bulk, {"pattern": {**pattern, "count": 25, "slots": SLOTS}}, by=by)

    assert errors(listed) == {("invalid_times", "sessions.1.starts_at"), ("stay_too_long", "sessions.2.minimum_stay")}
    assert errors(malformed) == {
        ("invalid", "sessions.1.starts_at"), ("required", "sessions.1.ends_at"), ("unknown_field", "sessions.2.x"),
    }  # fmt: skip
    assert errors(repeated) == {("stay_too_long", "pattern.slots.1.minimum_stay")}
    assert errors(many) == {("too_many_sessions", None)}
    with cast.malimono.here():
        assert Session.objects.count() == 1


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"count": 2}, "last_day_or_count"),
        ({"last_day": None}, "null"),
        ({"last_day": "2026-11-30"}, "no_days"),
        ({"last_day": "2100-01-01"}, "out_of_range"),
        ({"first_day": "0001-01-01"}, "out_of_range"),
        ({"first_day": "9999-12-31"}, "out_of_range"),
        ({"first_day": "2000-01-02", "last_day": "2099-12-01"}, "too_many_sessions"),
        ({"weekdays": ["monday"]}, "invalid_choice"),
        ({"weekdays": ["mon"] * 8}, "max_length"),
        ({"slots": []}, "empty"),
        ({"slots": [{"starts": "8", "ends": "12:00"}]}, "invalid"),
        ({"slots": [{"starts": "08:00", "ends": "25:00"}]}, "invalid"),
        ({"slots": [{"starts": "08:00", "ends": "12:00", "opens_minutes_before": 10**9}]}, "max_value"),
        ({"slots": [{"starts": "08:00", "ends": "12:00", "opens_minutes_before": 2880}]}, "invalid_times"),
        ({"zone": "UTC"}, "unknown_field"),
    ],
)
def test_unusable_patterns_are_refused(cast: Cast, http: Http, draft: str, change: dict, code: str) -> None:
    pattern = {"first_day": "2026-12-01", "last_day": "2026-12-02", "slots": SLOTS, **change}

    answer = http.post(f"{draft}sessions/bulk/", {"pattern": pattern}, by=cast.malimono.organizer)

    assert answer.status_code == 400, answer.content
    assert code in {error["code"] for error in answer.json()["errors"]}, answer.content


def test_only_who_runs_it_adds_many(cast: Cast, http: Http, draft: str) -> None:
    campus = cast.malimono
    event = make_event(campus)
    body = {"sessions": [MORNING]}

    assert http.post(f"{draft}sessions/bulk/", body, by=campus.other_organizer).status_code == 404
    assert http.post(f"events/events/{event.pk}/sessions/bulk/", body, by=campus.other_organizer).status_code == 403
    assert http.post(f"{draft}sessions/bulk/", body, by=campus.student).status_code == 403
    assert http.post(f"{draft}sessions/bulk/", body, by=campus.admin).status_code == 201
    neither = http.post(f"{draft}sessions/bulk/", {}, by=campus.organizer)
    assert errors(neither) == {("sessions_or_pattern", "sessions")}


def test_many_sessions_cost_as_many_statements_as_two(cast: Cast, http: Http, draft: str) -> None:
    def statements(count: int) -> int:
        before = connection.statements
        pattern = {"first_day": "2026-12-02", "count": count, "slots": [SLOTS[0]]}
        assert http.post(f"{draft}sessions/bulk/", {"pattern": pattern}, by=cast.malimono.organizer).status_code == 201
        return connection.statements - before

    assert statements(2) == statements(40)


def test_completing_closes_what_is_over_by_a_message_and_locks(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event = make_event(campus, starts=-300)
    path = f"events/events/{event.pk}/"

    completed = http.post(f"{path}complete/", by=campus.organizer)
    scan = http.post(MARK, {"event_id": str(event.pk), "student_id": "2024-0001"}, by=campus.scanner)
    bulk = http.post(f"{path}sessions/bulk/", {"sessions": [MORNING]}, by=campus.organizer)

    assert completed.status_code == 200, completed.content
    assert errors(scan) == {("event_completed", None)}
    assert errors(bulk) == {("event_closed", None)}
    with campus.here():
        message = OutboxMessage.objects.get(kind="tenant_apps.attendance.tasks.close_event_sessions")
        assert message.payload == {"event_id": str(event.pk)}


def test_completing_before_all_sessions_began_needs_a_reason(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event = make_event(campus, sessions=2, apart=600)
    path = f"events/events/{event.pk}/complete/"

    refused = http.post(path, by=campus.organizer)
    empty = http.post(path, {"reason": ""}, by=campus.organizer)
    done = http.post(path, {"reason": "Typhoon"}, by=campus.organizer)

    assert errors(refused) == errors(empty) == {("sessions_not_over", None)}
    assert done.json()["status"] == "completed"
    with campus.here():
        assert AuditEntry.objects.get(action="event.completed").reason == "Typhoon"


def test_reopening_needs_a_reason_and_lets_scans_in(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event, closed_at = make_event(campus), now()
    path = f"events/events/{event.pk}/"
    early = http.post(f"{path}reopen/", {"reason": "x"}, by=campus.organizer)
    http.post(f"{path}complete/", by=campus.organizer)
    with campus.here():
        Session.objects.update(closed_at=closed_at)

    without = [http.post(f"{path}reopen/", body, by=campus.organizer) for body in ({}, {"reason": ""})]
    other = http.post(f"{path}reopen/", {"reason": "please"}, by=campus.other_organizer)
    student = http.post(f"{path}reopen/", {"reason": "please"}, by=campus.student)
    foreign = http.post(f"{path}reopen/", {"reason": "please"}, by=cast.delcarmen.admin)
    reopened = http.post(f"{path}reopen/", {"reason": "The scanner of gate 2 was late"}, by=campus.organizer)
    scan = http.post(MARK, {"event_id": str(event.pk), "student_id": "2024-0001"}, by=campus.scanner)

    assert errors(early) == {("wrong_event_status", None)}
    assert [answer.status_code for answer in without] == [400, 400]
    assert [answer.status_code for answer in (other, student, foreign)] == [403, 403, 404]
    assert (reopened.json()["status"], reopened.json()["completed_at"]) == ("published", None)
    assert scan.status_code == 201
    with campus.here():
        assert AuditEntry.objects.get(action="event.reopened").reason == "The scanner of gate 2 was late"
        assert Session.objects.get().closed_at == closed_at


@pytest.mark.parametrize("status", ["draft", "published", "cancelled"])
def test_only_completed_events_reopen(cast: Cast, http: Http, status: str) -> None:
    event = make_event(cast.malimono, status=status)

    answer = http.post(f"events/events/{event.pk}/reopen/", {"reason": "x"}, by=cast.malimono.organizer)

    assert errors(answer) == {("wrong_event_status", None)}


def test_the_shared_copy_follows(cast: Cast, http: Http) -> None:
    campus, guest = cast.malimono, cast.delcarmen
    event = make_shared_event(campus, guest)

    def seen() -> str:
        return http.get(f"events/events/{event.pk}/", by=guest.student).json()["status"]

    http.post(f"events/events/{event.pk}/complete/", by=campus.organizer)
    completed = seen()
    http.post(f"events/events/{event.pk}/reopen/", {"reason": "again"}, by=campus.organizer)

    assert (completed, seen()) == ("completed", "published")


def test_a_university_wide_event_that_was_called_off_stays_closed(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    begins = now() - timedelta(hours=1)
    body = {
        "title": "Day", "starts_at": begins.isoformat(), "ends_at": (begins + timedelta(hours=8)).isoformat(),
        "campuses": [campus.campus.code],
    }  # fmt: skip
    common = http.post("federation/events/", body, by=cast.super_admin).json()["id"]
    event = _hold(campus, common)
    assert http.post(f"events/events/{event.pk}/complete/", by=campus.organizer).status_code == 200
    cancel = http.post(f"federation/events/{common}/cancel/", {"reason": "Typhoon"}, by=cast.super_admin)

    reopened = http.post(f"events/events/{event.pk}/reopen/", {"reason": "again"}, by=campus.organizer)

    assert cancel.status_code == 200, cancel.content
    assert errors(reopened) == {("wrong_event_status", None)}


def _hold(site: Site, common: str) -> Event:
    """Make the campus's own event of a university-wide one, as the task would."""
    with site.here():
        shared = FederatedEvent.objects.get(pk=common)
        event = Event.objects.create(
            title=shared.title, status="published", organizer=site.organizer.user, starts_at=shared.starts_at,
            ends_at=shared.ends_at, is_multi_campus=True, federated_event_id=shared.pk,
        )  # fmt: skip
        make_session(event, shared.starts_at)
    return event
