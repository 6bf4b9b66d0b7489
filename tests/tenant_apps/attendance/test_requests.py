"""events/attendance-requests/: who asks, who decides, and what comes of it."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction

from shared_apps.audit.models import AuditEntry
from shared_apps.common.clock import now
from shared_apps.federation.models import Visit, VisitChange
from shared_apps.outbox.models import Slot
from tenant_apps.attendance.errors import AlreadyDecided
from tenant_apps.attendance.models import Attendance, AttendanceRequest, Correction, Scan
from tenant_apps.attendance.rules.requests import (
    ASK_WITHIN,
    DECIDE_WITHIN,
    RequestKind,
    Untimely,
    is_overdue,
    refuse_time,
)
from tenant_apps.attendance.services.requests import (
    approve_request,
    decline_request,
    remind_of_overdue_requests,
)
from tenant_apps.events.models import Event, Session
from tenant_apps.notifications.models import Notice
from tests.cast import Cast, Http, Person, Site
from tests.factories import make_event, make_shared_event, pass_of
from tests.shared_apps.federation.sharing import hold_everywhere
from tests.tenant_apps.attendance.test_races import together

PATH = "events/attendance-requests/"
START = datetime.fromisoformat("2026-03-02T08:00:00+00:00")
END = START + timedelta(hours=2)


def codes(answer: Any) -> list[str]:
    return [error["code"] for error in answer.json().get("errors", [])]


def session_of(site: Site, event: Event) -> Session:
    with site.here():
        return event.sessions.order_by("starts_at").first()


def excuse(event: Event, session: Session | None = None, **more: Any) -> dict[str, Any]:
    body = {"kind": "excuse", "event_id": str(event.pk), "category": "medical", "reason": "A fever", **more}
    return body | ({"session_id": str(session.pk)} if session else {})


def correction(event: Event, session: Session, **more: Any) -> dict[str, Any]:
    return {
        "kind": "correction", "event_id": str(event.pk), "session_id": str(session.pk), "status": "present",
        "reason": "The gate had no power", **more,
    }  # fmt: skip


def asked(http: Http, body: dict[str, Any], *, by: Person) -> str:
    answer = http.post(PATH, body, by=by)
    assert answer.status_code == 201, answer.content
    return f"{PATH}{answer.json()['id']}/"


def close(site: Site, session: Session, *absent: Person) -> None:
    """Close a session as closing does: those who did not come are absent."""
    with site.here():
        Session.objects.filter(pk=session.pk).update(closed_at=now())
        for person in absent:
            Attendance.objects.create(
                event_id=session.event_id, session=session, user=person.user, status="absent", method="none",
                created_at=now(), updated_at=now(),
            )  # fmt: skip


def status_of(site: Site, person: Person, session: Session) -> tuple[str, str] | None:
    with site.here():
        return (
            Attendance.objects.filter(session=session, user=person.user).values_list("status", "decided_status").first()
        )


@pytest.mark.parametrize(
    ("kind", "at", "expected"),
    [
        (RequestKind.EXCUSE, START - timedelta(days=90), None),
        (RequestKind.EXCUSE, END + ASK_WITHIN, None),
        (RequestKind.EXCUSE, END + ASK_WITHIN + timedelta(seconds=1), Untimely.TOO_LATE),
        (RequestKind.CORRECTION, START - timedelta(seconds=1), Untimely.TOO_EARLY),
        (RequestKind.CORRECTION, START, None),
        (RequestKind.CORRECTION, END + ASK_WITHIN, None),
        (RequestKind.CORRECTION, END + ASK_WITHIN + timedelta(seconds=1), Untimely.TOO_LATE),
    ],
)
def test_when_one_may_ask(kind: str, at: datetime, expected: Untimely | None) -> None:
    assert refuse_time(kind, starts_at=START, ends_at=END, at=at) == expected


@pytest.mark.parametrize(
    ("state", "after", "expected"), [("open", 0, False), ("open", 1, True), ("approved", 1, False)]
)
def test_overdue(state: str, after: int, expected: bool) -> None:
    assert is_overdue(state, decide_by=START, at=START + timedelta(seconds=after)) is expected


def test_a_correction_is_asked_for_decided_and_read_by_both(cast: Cast, http: Http) -> None:
    site = cast.malimono
    event = make_event(site)
    session = session_of(site, event)
    path = asked(http, correction(event, session, evidence="Photo at the registrar's"), by=site.student)

    waiting = http.get(f"{PATH}to-decide/", by=site.organizer).json()["results"]
    approved = http.post(f"{path}approve/", {"reason": "Seen on the photo"}, by=site.organizer)
    seen = http.get(path, by=site.student).json()
    history = http.get(f"events/attendance/{seen['attendance']}/history/", by=site.student).json()

    assert [row["display_name"] for row in waiting] == ["Ana Reyes"]
    assert (approved.status_code, approved.json()["state"]) == (200, "approved")
    assert seen["decision_reason"] == "Seen on the photo"
    assert seen["decided_by"] == str(site.organizer.id)
    assert [(one["kind"], one["by_name"], one["reason"], one["details"]["to_status"]) for one in history] == [
        ("correction", "Olga Santos", "Seen on the photo", "present")
    ]
    with site.here():
        attendance = Attendance.objects.get()
        assert (attendance.status, attendance.decided_status, attendance.method) == ("present", "present", "none")
        assert attendance.first_in_at == session.starts_at
        assert Scan.objects.count() == 0
        assert list(Notice.objects.values_list("user_id", "kind")) == [(site.student.id, "request.decided")]
        actions = list(AuditEntry.objects.filter(target_type="attendance_request").values_list("action", "reason"))
        assert actions == [("request.made", ""), ("request.approved", "Seen on the photo")]
        assert not AuditEntry.objects.filter(reason__contains="power").exists()
    with cast.delcarmen.here():
        assert AttendanceRequest.objects.count() == Attendance.objects.count() == 0


def test_what_a_scan_said_is_changed_by_a_decision_and_stays_readable(cast: Cast, http: Http) -> None:
    site = cast.malimono
    event = make_event(site, starts=-60)
    session = session_of(site, event)
    body = {"event_id": str(event.pk), "user_id": str(site.student.id), "reason": "no phone"}
    assert (
        http.post("events/attendance/mark_attendance/", body, by=site.scanner).json()["attendance"]["status"] == "late"
    )
    path = asked(http, correction(event, session), by=site.student)

    http.post(f"{path}approve/", {}, by=site.admin)
    pk = http.get(path, by=site.admin).json()["attendance"]
    history = http.get(f"events/attendance/{pk}/history/", by=site.admin).json()

    assert status_of(site, site.student, session) == ("present", "present")
    assert [one["kind"] for one in history] == ["scan", "correction"]
    assert (history[0]["reason"], history[0]["by"], history[0]["details"]["code"]) == (
        "no phone", str(site.scanner.id), "recorded",
    )  # fmt: skip
    assert history[1]["details"] == {"from_status": "late", "to_status": "present"}
    with site.here():
        assert Attendance.objects.get().first_in_at > session.starts_at  # what the scan said of the coming stays


@pytest.mark.parametrize("status", ["present", "late", "excused"])
def test_a_request_may_be_granted_as_something_else(cast: Cast, http: Http, status: str) -> None:
    site = cast.malimono
    event = make_event(site)
    session = session_of(site, event)
    path = asked(http, correction(event, session), by=site.student)

    assert http.post(f"{path}approve/", {"status": status}, by=site.organizer).status_code == 200

    assert status_of(site, site.student, session) == (status, status)
    with site.here():
        assert (Attendance.objects.get().first_in_at is None) == (status == "excused")


def test_an_excuse_before_the_event_is_kept_for_closing(cast: Cast, http: Http) -> None:
    site = cast.malimono
    event = make_event(site, starts=60 * 24 * 30)
    path = asked(http, excuse(event, category="representing_school"), by=site.student)

    assert http.post(f"{path}approve/", {}, by=site.organizer).json()["state"] == "approved"

    with site.here():
        assert Attendance.objects.count() == Correction.objects.count() == 0
        assert AttendanceRequest.objects.get().session_id is None


def test_an_excuse_after_closing_excuses_at_once_but_for_who_came(cast: Cast, http: Http) -> None:
    site = cast.malimono
    event = make_event(site, sessions=3, apart=1, starts=-10)
    with site.here():
        first, second, third = event.sessions.order_by("starts_at")
    body = {"event_id": str(event.pk), "session_id": str(second.pk), "user_id": str(site.student.id)}
    assert http.post("events/attendance/mark_attendance/", body, by=site.scanner).status_code == 201
    close(site, first, site.student, site.friend)
    close(site, second)
    path = asked(http, excuse(event), by=site.student)

    http.post(f"{path}approve/", {}, by=site.organizer)

    assert status_of(site, site.student, first) == (
        "excused",
        "",
    )  # as closing writes it: a late scan makes it presence
    assert status_of(site, site.student, second)[0] in {"present", "late"}
    assert status_of(site, site.student, third) is None
    assert status_of(site, site.friend, first) == ("absent", "")
    with site.here():
        assert list(Correction.objects.values_list("from_status", "to_status")) == [("absent", "excused")]


def test_a_scan_that_arrives_after_the_excuse_is_presence(cast: Cast, http: Http) -> None:
    """Taken without a network, sent when the session was closed and the absence excused: they were there after all."""
    site = cast.malimono
    event = make_event(site)
    session = session_of(site, event)
    close(site, session, site.student)
    path = asked(http, excuse(event, session), by=site.student)
    assert http.post(f"{path}approve/", {}, by=site.organizer).status_code == 200
    body = {
        "event_id": str(event.pk), "session_id": str(session.pk), "user_id": str(site.student.id),
        "captured_at": (now() - timedelta(minutes=5)).isoformat(),
    }  # fmt: skip

    answer = http.post("events/attendance/mark_attendance/", body, by=site.scanner)

    assert answer.status_code == 201, answer.content
    assert status_of(site, site.student, session) == ("present", "")


def test_declined_needs_a_reason_and_changes_nothing(cast: Cast, http: Http) -> None:
    site = cast.malimono
    event = make_event(site)
    path = asked(http, correction(event, session_of(site, event)), by=site.student)

    empty = http.post(f"{path}decline/", {}, by=site.organizer)
    declined = http.post(f"{path}decline/", {"reason": "Nobody saw you"}, by=site.organizer)
    again = [http.post(f"{path}{what}/", {"reason": "x"}, by=site.admin) for what in ("approve", "decline")]

    assert (empty.status_code, declined.json()["state"]) == (400, "declined")
    assert [(one.status_code, codes(one)) for one in again] == [(409, ["already_decided"])] * 2
    with site.here():
        assert Attendance.objects.count() == Correction.objects.count() == 0
        assert Notice.objects.get().text.endswith("was declined.")


@pytest.mark.parametrize("who", ["organizer", "admin"])
def test_nobody_decides_on_their_own(cast: Cast, http: Http, who: str) -> None:
    site = cast.malimono
    event = make_event(site)
    asker = getattr(site, who)
    path = asked(http, correction(event, session_of(site, event)), by=asker)

    answers = [http.post(f"{path}{what}/", {"reason": "me"}, by=asker) for what in ("approve", "decline")]
    waiting = http.get(f"{PATH}to-decide/", by=asker).json()["count"]

    assert [(one.status_code, codes(one)) for one in answers] == [(403, ["own_request"])] * 2
    assert waiting == 0
    with site.here():
        assert AttendanceRequest.objects.get().state == "open"
        assert Attendance.objects.count() == 0


def test_strangers_to_a_request_find_nothing(cast: Cast, http: Http) -> None:
    site = cast.malimono
    event = make_event(site)
    path = asked(http, excuse(event), by=site.student)
    nowhere = http.get(f"{PATH}{uuid4()}/", by=site.student)

    reads = [
        http.get(path, by=site.friend),
        http.get(path, by=site.other_organizer),
        http.get(path, by=cast.delcarmen.admin),
        http.post(f"{path}withdraw/", by=site.friend),
        http.post(f"{path}withdraw/", by=site.admin),
        http.post(f"{path}approve/", {}, by=site.other_organizer),
        http.post(f"{path}decline/", {"reason": "no"}, by=cast.delcarmen.admin),
    ]
    lists = [
        http.get(f"{PATH}to-decide/", by=who).json()["count"] for who in (site.other_organizer, cast.delcarmen.admin)
    ]
    own = [http.get(PATH, by=who).json()["count"] for who in (site.student, site.friend, site.organizer)]

    assert {(one.status_code, one.content) for one in reads} == {(404, nowhere.content)}
    assert (lists, own) == ([0, 0], [1, 0, 0])
    assert http.get(f"{PATH}to-decide/", by=site.student).status_code == 403


def test_one_request_about_a_thing_is_open_at_a_time(cast: Cast, http: Http) -> None:
    site = cast.malimono
    event = make_event(site)
    session = session_of(site, event)
    path = asked(http, excuse(event), by=site.student)

    again = http.post(PATH, excuse(event), by=site.student)
    other_kind = http.post(PATH, correction(event, session), by=site.student)
    of_session = http.post(PATH, excuse(event, session), by=site.student)
    withdrawn = http.post(f"{path}withdraw/", by=site.student)
    twice = http.post(f"{path}withdraw/", by=site.student)
    afresh = http.post(PATH, excuse(event), by=site.student)

    assert (again.status_code, codes(again)) == (409, ["request_open"])
    assert [one.status_code for one in (other_kind, of_session, afresh)] == [201, 201, 201]
    assert (withdrawn.json()["state"], codes(twice)) == ("withdrawn", ["already_decided"])


@pytest.mark.parametrize(
    ("change", "attr", "code"),
    [
        ({"kind": "holiday"}, "kind", "invalid_choice"),
        ({"category": "beach"}, "category", "invalid_choice"),
        ({"category": None}, "category", "null"),
        ({"status": "present"}, "status", "not_allowed"),
        ({"kind": "correction"}, "status", "required"),
        ({"reason": ""}, "reason", "blank"),
        ({"reason": "x" * 2001}, "reason", "max_length"),
        ({"reason": "a\x07b"}, "reason", "control_characters"),
        ({"evidence": "\u202egnp.exe"}, "evidence", "control_characters"),
        ({"event_id": 7}, "event_id", "invalid"),
        ({"session_id": "x"}, "session_id", "invalid"),
        ({"user_id": "me"}, "user_id", "unknown_field"),
        ({"state": "approved"}, "state", "unknown_field"),
    ],
)
def test_unusable_bodies_are_named(cast: Cast, http: Http, change: dict, attr: str, code: str) -> None:
    event = make_event(cast.malimono)

    answer = http.post(PATH, {**excuse(event), **change}, by=cast.malimono.student)

    assert answer.status_code == 400
    assert (answer.json()["errors"][0]["attr"], answer.json()["errors"][0]["code"]) == (attr, code)


@pytest.mark.parametrize(
    ("event", "body", "status", "code"),
    [
        ({"starts": 60}, correction, 422, "asked_too_early"),
        ({"starts": -60 * 24 * 8}, correction, 422, "asked_too_late"),
        ({"starts": -60 * 24 * 8}, excuse, 422, "asked_too_late"),
        ({"status": "cancelled"}, excuse, 422, "event_not_held"),
        ({"status": "draft"}, excuse, 404, "not_found"),
        ({"status": "completed"}, excuse, 201, None),
    ],
)
def test_when_and_of_what_one_may_ask(
    cast: Cast, http: Http, event: dict, body: Callable[..., dict], status: int, code: str | None
) -> None:
    made = make_event(cast.malimono, **event)

    answer = http.post(PATH, body(made, session_of(cast.malimono, made)), by=cast.malimono.student)

    assert (answer.status_code, codes(answer)) == (status, [code] if code else [])


def test_sessions_of_other_events_and_of_other_campuses_are_unknown(cast: Cast, http: Http) -> None:
    site = cast.malimono
    event, other, away = make_event(site), make_event(site), make_event(cast.delcarmen)

    answers = [
        http.post(PATH, excuse(event, session_of(site, other)), by=site.student),
        http.post(PATH, excuse(event, session_of(cast.delcarmen, away)), by=site.student),
        http.post(PATH, excuse(away), by=site.student),
        http.post(PATH, correction(event, session_of(site, event)) | {"session_id": None}, by=site.student),
    ]
    excused = http.post(PATH, correction(event, session_of(site, event), status="excused"), by=site.student)

    assert (excused.status_code, codes(excused)) == (400, ["invalid_choice"])
    assert [(one.status_code, codes(one)) for one in answers] == [(404, ["not_found"])] * 3 + [
        (400, ["session_needed"])
    ]


def test_an_excuse_for_a_whole_event_is_no_presence(cast: Cast, http: Http) -> None:
    site = cast.malimono
    path = asked(http, excuse(make_event(site)), by=site.student)

    answer = http.post(f"{path}approve/", {"status": "present"}, by=site.organizer)

    assert (answer.status_code, codes(answer)) == (400, ["session_needed"])
    with site.here():
        assert AttendanceRequest.objects.get().state == "open"


def test_what_waits_is_listed_by_urgency_and_the_cost_does_not_grow(cast: Cast, http: Http) -> None:
    site = cast.malimono
    events = [make_event(site, title=f"Event {number}") for number in range(12)]
    asked(http, excuse(events[0]), by=site.student)

    def cost(path: str, by: Person) -> int:
        before = connection.statements
        assert http.get(path, by=by).status_code == 200
        return connection.statements - before

    few = cost(f"{PATH}to-decide/", site.admin), cost(PATH, site.student)
    for event in events[1:]:
        asked(http, excuse(event), by=site.student)
    with site.here():
        late = AttendanceRequest.objects.get(event=events[5])
        AttendanceRequest.objects.filter(pk=late.pk).update(decide_by=now() - timedelta(minutes=1))

    assert (cost(f"{PATH}to-decide/", site.admin), cost(PATH, site.student)) == few
    first = http.get(f"{PATH}to-decide/", by=site.admin).json()
    overdue = http.get(f"{PATH}to-decide/", by=site.admin, overdue="true").json()["results"]
    assert (first["count"], first["results"][0]["id"], first["results"][0]["is_overdue"]) == (12, str(late.pk), True)
    assert [row["id"] for row in overdue] == [str(late.pk)]
    for query, count in (
        ({"overdue": "false"}, 11), ({"kind": "correction"}, 0), ({"event": str(events[3].pk)}, 1),
        ({"state": "approved"}, 0),
    ):  # fmt: skip
        assert http.get(f"{PATH}to-decide/", by=site.admin, **query).json()["count"] == count
    assert http.get(f"{PATH}to-decide/", by=site.admin, overdue="perhaps").status_code == 400


def test_two_who_decide_at_once_one_wins(cast: Cast, http: Http) -> None:
    site = cast.malimono
    event = make_event(site)
    session = session_of(site, event)
    path = asked(http, correction(event, session), by=site.student)
    with site.here():
        pk = AttendanceRequest.objects.get().pk

    def decide(number: int) -> None:
        with site.here():
            by = (site.organizer, site.admin)[number % 2].user
            if number % 3:
                approve_request(by=by, at=now(), request_id=pk, status=None, reason="")
            else:
                decline_request(by=by, at=now(), request_id=pk, reason="no")

    raised = together(8, decide)

    assert len(raised) == 7
    assert all(isinstance(error, AlreadyDecided) for error in raised)
    state = http.get(path, by=site.student).json()["state"]
    with site.here():
        assert Notice.objects.count() == 1
        assert Correction.objects.count() == Attendance.objects.count() == (state == "approved")


def test_an_excuse_and_closing_at_once_leave_nobody_absent(cast: Cast, http: Http) -> None:
    """Closing locks the session, and then reads the approved excuses: a decision waits for it, and sees that it closed."""
    site = cast.malimono
    event = make_event(site)
    session = session_of(site, event)
    asked(http, excuse(event, session), by=site.student)
    with site.here():
        pk = AttendanceRequest.objects.get().pk
    is_locked, is_decided = threading.Event(), threading.Event()

    def work(number: int) -> None:
        with site.here():
            if number:
                assert is_locked.wait(20)
                approve_request(by=site.admin.user, at=now(), request_id=pk, status=None, reason="")
                is_decided.set()
                return
            with transaction.atomic():
                Session.objects.select_for_update(no_key=True).get(pk=session.pk)
                assert not AttendanceRequest.objects.filter(session=session, state="approved").exists()
                is_locked.set()
                is_decided.wait(1)  # in vain: it waits for this transaction
                Attendance.objects.create(
                    event_id=session.event_id, session=session, user=site.student.user, status="absent", method="none",
                    created_at=now(), updated_at=now(),
                )  # fmt: skip
                Session.objects.filter(pk=session.pk).update(closed_at=now())

    assert together(2, work) == []
    assert status_of(site, site.student, session) == ("excused", "")


def test_those_who_decide_are_told_once_of_what_is_overdue(cast: Cast, http: Http) -> None:
    site = cast.malimono
    event = make_event(site)
    asked(http, excuse(event), by=site.student)
    asked(http, excuse(event), by=site.organizer)
    at = now() + DECIDE_WITHIN

    with site.here():
        assert remind_of_overdue_requests(at=at - timedelta(hours=2)) == 0
        assert remind_of_overdue_requests(at=at + timedelta(hours=30)) == 2  # a beat that was away misses none
        assert remind_of_overdue_requests(at=at + timedelta(hours=30, seconds=1)) == 0  # the same turn
        assert remind_of_overdue_requests(at=at + timedelta(hours=32)) == 0
        told = Notice.objects.filter(kind="request.overdue").values_list("user_id", flat=True)
        assert sorted(told) == sorted([site.organizer.id, site.admin.id, site.admin.id])
    with cast.delcarmen.here():
        assert remind_of_overdue_requests(at=at + timedelta(hours=30)) == 0
        assert Notice.objects.count() == 0


def test_a_reminder_that_dies_is_given_by_the_next(cast: Cast, http: Http) -> None:
    site = cast.malimono
    asked(http, excuse(make_event(site)), by=site.student)
    at = now() + DECIDE_WITHIN + timedelta(hours=1)

    with site.here():
        with pytest.raises(RuntimeError), transaction.atomic():
            remind_of_overdue_requests(at=at)
            raise RuntimeError("killed")
        assert Slot.objects.count() == Notice.objects.count() == 0
        assert remind_of_overdue_requests(at=at) == 1


# --- Staff correct directly -----------------------------------------------------------------------


def test_staff_correct_with_a_reason_and_nobody_their_own(cast: Cast, http: Http) -> None:
    site = cast.malimono
    event = make_event(site)
    session = session_of(site, event)
    close(site, session, site.student, site.organizer, site.admin)
    with site.here():
        ids = {row.user_id: f"events/attendance/{row.pk}/" for row in Attendance.objects.all()}
    of_ana = ids[site.student.id]

    answers = [
        http.post(f"{of_ana}correct/", {"status": "present"}, by=site.organizer),
        http.post(f"{of_ana}correct/", {"status": "void", "reason": "x"}, by=site.organizer),
        http.post(f"{of_ana}correct/", {"status": "present", "reason": "x"}, by=site.other_organizer),
        http.post(f"{of_ana}correct/", {"status": "present", "reason": "x"}, by=cast.delcarmen.admin),
        http.post(f"{of_ana}correct/", {"status": "present", "reason": "x"}, by=site.student),
        http.post(f"{of_ana}correct/", {"status": "absent", "reason": "x"}, by=site.admin),
    ]
    own = [
        http.post(f"{ids[who.id]}{what}/", {"reason": "me", **more}, by=who)
        for who in (site.organizer, site.admin)
        for what, more in (("correct", {"status": "present"}), ("undo", {}))
    ]
    corrected = http.post(f"{of_ana}correct/", {"status": "late", "reason": "Seen at ten"}, by=site.organizer)

    assert [one.status_code for one in answers] == [400, 400, 404, 404, 403, 409]
    assert codes(answers[-1]) == ["status_unchanged"]
    assert [(one.status_code, codes(one)) for one in own] == [(403, ["own_record"])] * 4
    assert (corrected.status_code, corrected.json()["status"]) == (200, "late")
    assert status_of(site, site.student, session) == ("late", "late")
    with site.here():
        assert Correction.objects.get().reason == "Seen at ten"
        assert AuditEntry.objects.filter(action="attendance.corrected").count() == 1


def test_history_is_for_whoever_may_read_the_attendance(cast: Cast, http: Http) -> None:
    site = cast.malimono
    session = session_of(site, make_event(site))
    close(site, session, site.student)
    with site.here():
        path = f"events/attendance/{Attendance.objects.get().pk}/history/"

    answers = [
        http.get(path, by=who)
        for who in (
            site.student, site.organizer, site.admin, site.friend, site.other_organizer, cast.delcarmen.admin, site.scanner,
        )
    ]  # fmt: skip

    assert [one.status_code for one in answers] == [200, 200, 200, 404, 404, 404, 403]


def test_who_marks_themselves_is_seen_in_the_list(cast: Cast, http: Http) -> None:
    site = cast.malimono
    event = make_event(site)
    for person, by in ((site.organizer, site.organizer), (site.student, site.organizer), (site.friend, site.scanner)):
        body = {"event_id": str(event.pk), "user_id": str(person.id)}
        assert http.post("events/attendance/mark_attendance/", body, by=by).status_code == 201

    def found(**query: str) -> dict[str, bool]:
        rows = http.get("events/attendance/", by=site.admin, **query).json()["results"]
        return {row["display_name"]: row["marked_by_self"] for row in rows}

    assert found() == {"Olga Santos": True, "Ana Reyes": False, "Ben Cruz": False}
    assert found(marked_by_self="true") == {"Olga Santos": True}
    assert found(marked_by_self="false") == {"Ana Reyes": False, "Ben Cruz": False}


# --- The ledger follows ---------------------------------------------------------------------------


def test_presence_decided_at_a_shared_event_counts_and_an_excuse_does_not(cast: Cast, http: Http) -> None:
    host, guest = cast.malimono, cast.delcarmen
    event = make_shared_event(host, guest)
    session = session_of(host, event)
    path = asked(http, correction(event, session, status="late"), by=host.student)

    assert http.post(f"{path}approve/", {}, by=host.organizer).status_code == 200
    with host.here():
        visit = Visit.objects.get()
        assert (visit.status, visit.person_id, visit.home) == ("late", host.student.user.person_id, "MALIMONO")
        attendance = Attendance.objects.get()
        assert (visit.attendance_id, visit.first_in_at) == (attendance.pk, session.starts_at)
    excused = http.post(
        f"events/attendance/{attendance.pk}/correct/", {"status": "excused", "reason": "ill"}, by=host.admin
    )

    assert excused.status_code == 200
    with host.here():
        assert Visit.objects.get().status == "void"
        assert list(VisitChange.objects.values_list("from_status", "to_status")) == [("late", "void")]


def test_who_is_counted_at_another_campus_is_not_counted_again(cast: Cast, http: Http) -> None:
    """A university-wide event is held at several campuses; one of them counts a person."""
    host, other = cast.malimono, cast.delcarmen
    _, events = hold_everywhere(cast, host, other)
    body = {"event_id": str(events["DELCARMEN"].pk), "pass": pass_of(host.student)}
    answer = http.post("events/attendance/mark_attendance/", body, by=other.scanner)
    assert answer.status_code == 201, answer.content
    event = events["MALIMONO"]
    path = asked(http, correction(event, session_of(host, event)), by=host.student)

    refused = http.post(f"{path}approve/", {}, by=host.admin)

    assert (refused.status_code, codes(refused)) == (409, ["counted_elsewhere"])
    with host.here():
        assert Attendance.objects.count() == Correction.objects.count() == 0
        assert AttendanceRequest.objects.get().state == "open"


def test_the_named_constraints_hold(cast: Cast) -> None:
    site = cast.malimono
    event = make_event(site)
    values: dict[str, Any] = {
        "kind": "excuse", "event": event, "user": site.student.user, "wanted_status": "excused", "reason": "x",
        "requested_at": now(), "decide_by": now(),
    }  # fmt: skip
    with site.here():
        AttendanceRequest.objects.create(**values)
        for change, name in (
            ({}, "attendance_request_open_once"),
            ({"kind": "wish", "state": "declined"}, "attendance_request_kind_known"),
            ({"state": "lost"}, "attendance_request_state_known"),
            ({"reason": "", "state": "declined"}, "attendance_request_has_reason"),
        ):
            with pytest.raises(IntegrityError, match=name), transaction.atomic():
                AttendanceRequest.objects.create(**{**values, **change})
