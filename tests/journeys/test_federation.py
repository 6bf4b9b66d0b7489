"""Events of several campuses, through HTTP on three campuses' hosts and the public site."""

from datetime import timedelta
from typing import Any

import pytest

from shared_apps.accounts.services.users import update_user
from shared_apps.campuses.services import archive_campus, reactivate_campus, suspend_campus
from shared_apps.common.clock import now
from shared_apps.federation.models import FederatedRegistration, Invitation, Visit
from shared_apps.federation.tasks import hold_event
from shared_apps.outbox.models import OutboxMessage
from tenant_apps.attendance.models import Attendance, Scan, Visitor
from tenant_apps.attendance.tasks import learn_visitor_name, reconcile
from tenants.context import campus_context, public_context
from tenants.registry import find_campus
from tests.cast import Cast, Http, Person, Site
from tests.factories import make_shared_event, pass_of

MARK = "events/attendance/mark_attendance/"


def scan(http: Http, event_id: Any, who: Person, at: Site, **more: Any) -> Any:
    """Scan the pass of ``who`` at the door of ``at``."""
    return http.post(MARK, {"event_id": str(event_id), "pass": pass_of(who), **more}, by=at.scanner)


def run_messages(site: Site | None, task: Any) -> int:
    """Run ``task`` for every unfinished message of its kind, as relay and worker would; return how many there were."""
    with campus_context(site.campus) if site else public_context():
        messages = list(OutboxMessage.objects.filter(kind=task.name, finished_at__isnull=True))
        for message in messages:
            task.run(message_id=str(message.pk), **message.payload)
    return len(messages)


def codes(answer: Any) -> list[str]:
    return [error["code"] for error in answer.json()["errors"]]


def set_state(change: Any, site: Site) -> None:
    with public_context():
        change(by=None, at=now(), campus_id=site.campus.id, reason="test")


def test_a_student_is_counted_away_and_credited_at_home(cast: Cast, http: Http) -> None:
    host, home, uninvited = cast.delcarmen, cast.malimono, cast.snsu
    event = make_shared_event(host, home)

    # Found at home, marked as federated, with its host; the uninvited campus has nothing.
    listed = http.get("events/events/", by=home.student).json()["results"]
    assert [(row["id"], row["campus"], row["is_federated"], row["organizer"]) for row in listed] == [
        (str(event.pk), "DELCARMEN", True, None)
    ]
    assert http.get("events/events/", by=uninvited.student).json()["count"] == 0
    assert http.post("federation/registrations/", {"event_id": str(event.pk)}, by=home.student).status_code == 201

    answer = scan(http, event.pk, home.student, host)

    body = answer.json()
    assert (answer.status_code, body["home_campus"], body["cross_campus_attendance"]) == (201, "MALIMONO", True)
    assert body["person"] == {"id": str(home.student.user.person_id), "display_name": None, "student_id": None}
    assert scan(http, event.pk, home.student, host).status_code == 200

    # The name is asked for after the commit, and nothing else is.
    assert run_messages(host, learn_visitor_name) == 1
    assert scan(http, event.pk, home.student, host).json()["person"]["display_name"] == "Ana Reyes"
    with host.here():
        visitor = Visitor.objects.get()
        assert {name for name in vars(visitor) if not name.startswith("_")} == {
            "id", "home", "person_id", "display_name", "created_at",
        }  # fmt: skip
        stored = str(list(Scan.objects.values())) + str(list(Attendance.objects.values()))
    assert "2024-0001" not in stored
    assert "@" not in stored

    # At home: in the student's own history, in the campus's list, in its visits; host and home in each row.
    for person in (home.student, home.admin):
        (row,) = http.get("events/attendance/", by=person).json()["results"]
        assert (row["campus"], row["home_campus"], row["event_title"]) == ("DELCARMEN", "MALIMONO", event.title)
        assert (row["user"], row["student_id"]) == (str(home.student.id), "2024-0001")
        assert http.get(f"events/attendance/{row['id']}/", by=person).json() == row
    assert http.get(f"events/attendance/{row['id']}/", by=home.friend).status_code == 404
    assert http.get("events/attendance/", by=home.friend).json()["count"] == 0
    assert http.get("events/attendance/", by=home.admin, user=str(home.friend.id)).json()["count"] == 0
    assert http.get("events/attendance/", by=home.admin, user=str(home.student.id)).json()["count"] == 1
    (away,) = http.get("federation/visits/", by=home.admin, direction="away").json()["results"]
    assert (away["display_name"], away["host"], away["home"]) == ("Ana Reyes", "DELCARMEN", "MALIMONO")
    assert http.get("federation/visits/", by=home.admin, direction="here").json()["count"] == 0

    # At the host: the visitor with a name and no number.
    (here,) = http.get("federation/visits/", by=host.admin, direction="here").json()["results"]
    assert (here["display_name"], here["user"]) == ("Ana Reyes", None)
    (row,) = http.get("events/attendance/", by=host.admin).json()["results"]
    assert (row["display_name"], row["student_id"], row["home_campus"]) == ("Ana Reyes", None, "MALIMONO")

    # Elsewhere: nothing. On the public site: the row, without a name.
    assert http.get("federation/visits/", by=uninvited.admin).json()["count"] == 0
    (ledger,) = http.get("federation/visits/", by=cast.super_admin).json()["results"]
    assert (ledger["host"], ledger["home"]) == ("DELCARMEN", "MALIMONO")
    assert "Ana" not in str(ledger)
    totals = {row["campus"]: row for row in http.get("federation/totals/", by=cast.super_admin).json()}
    assert totals["MALIMONO"] == {"campus": "MALIMONO", "at_home": 0, "away": 1, "visitors": 0, "people": 1}
    assert totals["DELCARMEN"]["visitors"] == 1


def test_an_uninvited_campus_cannot_tell_that_the_event_exists(cast: Cast, http: Http) -> None:
    host, invited, outside = cast.delcarmen, cast.malimono, cast.snsu
    event = make_shared_event(host, invited, title="Hidden Games")
    assert scan(http, event.pk, invited.student, host).status_code == 201
    with host.here():
        session_id = event.sessions.get().pk
        visit_id = Visit.objects.get().id
    nowhere = "01900000-0000-7000-8000-000000000000"

    def both(send: Any) -> None:
        there, not_there = send(str(event.pk), str(session_id), str(visit_id)), send(nowhere, nowhere, nowhere)
        assert there.status_code == not_there.status_code
        assert there.content == not_there.content

    for person in (outside.student, outside.organizer, outside.scanner, outside.admin):
        both(lambda e, s, v, p=person: http.get(f"events/events/{e}/", by=p))
        both(lambda e, s, v, p=person: http.get(f"events/events/{e}/sessions/", by=p))
        both(lambda e, s, v, p=person: http.get(f"federation/events/{e}/", by=p))
        both(lambda e, s, v, p=person: http.get(f"federation/visits/{v}/", by=p))
        both(lambda e, s, v, p=person: http.get("federation/visits/", by=p, event=e))
        both(lambda e, s, v, p=person: http.get("events/attendance/", by=p, event=e))
        both(lambda e, s, v, p=person: http.get(f"events/attendance/{v}/", by=p))
        both(lambda e, s, v, p=person: http.post("federation/registrations/", {"event_id": e}, by=p))
        both(lambda e, s, v, p=person: http.post(f"federation/registrations/{e}/withdraw/", by=p))
        both(lambda e, s, v, p=person: http.patch(f"events/events/{e}/", {"title": "x"}, by=p))
        both(lambda e, s, v, p=person: http.post(f"events/events/{e}/publish/", by=p))
        both(lambda e, s, v, p=person: http.post(MARK, {"event_id": e, "user_id": str(outside.student.id)}, by=p))
        for path in ("events/events/", "federation/events/", "federation/visits/", "events/attendance/"):
            answer = http.get(path, by=person, **({"search": "Hidden"} if path.endswith("events/") else {}))
            assert answer.status_code == 403 or answer.json()["count"] == 0
    # The visitor's own campus is not the uninvited one's to see either: a pass of it is refused, and stored.
    refused = scan(http, event.pk, outside.student, host)
    assert (refused.status_code, codes(refused)) == (403, ["campus_not_invited"])
    with host.here():
        kept = Scan.objects.get(code="campus_not_invited")
    assert (kept.home, kept.person_id) == ("SNSU", outside.student.user.person_id)


def test_changes_reach_every_invited_campus_at_once(cast: Cast, http: Http) -> None:
    host, first, second = cast.delcarmen, cast.malimono, cast.snsu
    event = make_shared_event(host, first, second)
    path = f"events/events/{event.pk}/"

    http.patch(path, {"title": "New name", "venue": "Gym"}, by=host.organizer)
    for site in (first, second):
        seen = http.get(path, by=site.student).json()
        assert (seen["title"], seen["venue"], len(seen["sessions"])) == ("New name", "Gym", 1)

    http.post("federation/registrations/", {"event_id": str(event.pk)}, by=second.student)
    http.patch(path, {"allowed_campuses": ["MALIMONO"]}, by=host.organizer)
    assert http.get(path, by=first.student).status_code == 200
    assert http.get(path, by=second.student).status_code == 404
    assert codes(scan(http, event.pk, second.student, host)) == ["campus_not_invited"]
    (lost,) = http.get("federation/registrations/", by=second.student).json()["results"]
    assert (lost["state"], lost["event_title"]) == ("withdrawn", None)

    assert http.post(f"{path}cancel/", {"reason": "rain"}, by=host.organizer).status_code == 200
    cancelled = http.get(path, by=first.student).json()
    assert (cancelled["status"], cancelled["cancel_reason"]) == ("cancelled", "rain")
    late = http.post("federation/registrations/", {"event_id": str(event.pk)}, by=first.student)
    assert (late.status_code, codes(late)) == (409, ["registration_closed"])

    again = make_shared_event(host, first)
    http.patch(f"events/events/{again.pk}/", {"is_multi_campus": False}, by=host.organizer)
    assert http.get(f"events/events/{again.pk}/", by=first.student).status_code == 404
    assert http.get(f"events/events/{again.pk}/", by=host.student).status_code == 200


@pytest.mark.parametrize(
    ("change", "code", "attr"),
    [
        ({"allowed_campuses": ["NOWHERE"]}, "unknown_campus", "allowed_campuses"),
        ({"allowed_campuses": ["DELCARMEN"]}, "own_campus", "allowed_campuses"),
        ({"allowed_campuses": ["SNSU"]}, "unknown_campus", "allowed_campuses"),  # suspended
        ({"campus_seats": {"SNSU": 3}}, "campus_not_allowed", "campus_seats"),
        ({"campus_seats": {"MALIMONO": -1}}, "min_value", "campus_seats.MALIMONO"),
        ({"allowed_campuses": "MALIMONO"}, "not_a_list", "allowed_campuses"),
    ],
)
def test_unusable_invitations_are_named_and_change_nothing(
    cast: Cast, http: Http, change: dict, code: str, attr: str
) -> None:
    event = make_shared_event(cast.delcarmen, cast.malimono)
    set_state(suspend_campus, cast.snsu)

    answer = http.patch(f"events/events/{event.pk}/", change, by=cast.delcarmen.organizer)

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, code)
    assert answer.json()["errors"][0]["attr"] == attr
    with cast.delcarmen.here():
        assert list(Invitation.objects.values_list("campus", flat=True)) == ["MALIMONO"]


def test_seats_and_waiting_list(cast: Cast, http: Http) -> None:
    host, home = cast.delcarmen, cast.malimono
    event = make_shared_event(host, home, seats=1)
    body = {"event_id": str(event.pk)}

    first = http.post("federation/registrations/", body, by=home.student).json()
    second = http.post("federation/registrations/", body, by=home.friend).json()
    third = http.post("federation/registrations/", body, by=home.organizer).json()
    again = http.post("federation/registrations/", body, by=home.friend)

    assert (first["state"], second["state"], second["waiting_place"]) == ("registered", "waiting", 1)
    assert (third["waiting_place"], again.status_code) == (2, 200)
    assert codes(scan(http, event.pk, home.friend, host)) == ["seats_taken"]
    fewer = http.patch(f"events/events/{event.pk}/", {"campus_seats": {"MALIMONO": 0}}, by=host.organizer)
    assert (fewer.status_code, codes(fewer)) == (409, ["seats_taken"])

    http.post(f"federation/registrations/{event.pk}/withdraw/", by=home.student)
    assert http.get("federation/registrations/", by=home.friend).json()["results"][0]["state"] == "registered"
    http.patch(f"events/events/{event.pk}/", {"campus_seats": {"MALIMONO": 2}}, by=host.organizer)
    assert http.get("federation/registrations/", by=home.organizer).json()["results"][0]["state"] == "registered"

    assert scan(http, event.pk, home.friend, host).status_code == 201
    kept = http.post(f"federation/registrations/{event.pk}/withdraw/", by=home.friend)
    assert (kept.status_code, codes(kept)) == (409, ["already_attended"])
    (shown,) = http.get(f"federation/events/{event.pk}/", by=host.organizer).json()["invitations"]
    assert (shown["campus"], shown["seats"], shown["taken"]) == ("MALIMONO", 2, 2)
    assert http.get(f"federation/events/{event.pk}/", by=home.student).json()["invitations"] == []


def test_a_university_wide_event_counts_a_person_once(cast: Cast, http: Http) -> None:
    hosts = (cast.malimono, cast.delcarmen)
    moment = now()
    body = {
        "title": "University Day", "description": "All of us", "campuses": ["MALIMONO", "DELCARMEN"],
        "starts_at": (moment - timedelta(hours=1)).isoformat(), "ends_at": (moment + timedelta(hours=6)).isoformat(),
    }  # fmt: skip
    called = http.post("federation/events/", body, by=cast.super_admin)
    assert called.status_code == 201, called.content
    event_id = called.json()["id"]
    assert run_messages(None, hold_event) == 2
    assert run_messages(None, hold_event) == 0

    local = {}
    for site in hosts:
        (draft,) = http.get("events/events/", by=site.admin).json()["results"]
        assert (draft["title"], draft["status"], draft["federated_event"]) == ("University Day", "draft", event_id)
        fixed = http.patch(f"events/events/{draft['id']}/", {"title": "Our day"}, by=site.admin)
        assert (fixed.status_code, codes(fixed)) == (409, ["common_field"])
        assert http.patch(f"events/events/{draft['id']}/", {"venue": "Gym"}, by=site.admin).status_code == 200
        outside = http.post(
            f"events/events/{draft['id']}/sessions/",
            {
                "starts_at": (moment + timedelta(days=2)).isoformat(),
                "ends_at": (moment + timedelta(days=3)).isoformat(),
            },
            by=site.admin,
        )
        assert (outside.status_code, codes(outside)) == (400, ["outside_common_times"])
        assert http.post(f"events/events/{draft['id']}/publish/", by=site.admin).status_code == 200
        local[site.campus.code] = draft["id"]
    assert http.get("events/events/", by=cast.snsu.admin).json()["count"] == 0

    # At home, then away: once for all, and the second campus learns nothing.
    at_home = scan(http, local["MALIMONO"], cast.malimono.student, cast.malimono)
    away = scan(http, local["DELCARMEN"], cast.malimono.student, cast.delcarmen)
    assert (at_home.status_code, away.status_code, codes(away)) == (201, 422, ["already_counted_elsewhere"])
    assert away.json()["attendance"] is None
    assert away.json()["first"] is None
    assert codes(scan(http, local["DELCARMEN"], cast.snsu.student, cast.delcarmen)) == ["campus_not_invited"]
    with cast.delcarmen.here():
        assert not Attendance.objects.exists()
        assert not Visitor.objects.exists()

    # Undone at home it may be counted elsewhere.
    (row,) = http.get("events/attendance/", by=cast.malimono.admin).json()["results"]
    undone = http.post(f"events/attendance/{row['id']}/undo/", {"reason": "wrong person"}, by=cast.malimono.admin)
    assert undone.status_code == 200
    assert scan(http, local["DELCARMEN"], cast.malimono.student, cast.delcarmen).status_code == 201
    back = scan(http, local["MALIMONO"], cast.malimono.student, cast.malimono)
    assert codes(back) == ["already_counted_elsewhere"]
    with public_context():
        assert Visit.objects.exclude(status="void").count() == 1

    # What is common changes everywhere; cancelled, it ends everywhere.
    http.patch(f"federation/events/{event_id}/", {"title": "Unity Day"}, by=cast.super_admin)
    narrower = http.patch(f"federation/events/{event_id}/", {"starts_at": moment.isoformat()}, by=cast.super_admin)
    assert (narrower.status_code, codes(narrower)) == (409, ["times_may_only_widen"])
    http.post(f"federation/events/{event_id}/cancel/", {"reason": "typhoon"}, by=cast.super_admin)
    run_messages(None, hold_event)
    for site in hosts:
        seen = http.get(f"events/events/{local[site.campus.code]}/", by=site.student).json()
        assert (seen["title"], seen["status"], seen["cancel_reason"]) == ("Unity Day", "cancelled", "typhoon")


def test_corrections_of_the_host_show_at_home_with_their_history(cast: Cast, http: Http) -> None:
    host, home = cast.delcarmen, cast.malimono
    event = make_shared_event(host, home)
    attendance_id = scan(http, event.pk, home.student, host).json()["attendance"]["id"]

    out = scan(http, event.pk, home.student, host, direction="out")
    assert out.json()["attendance"]["status"] == "left_early"
    (row,) = http.get("events/attendance/", by=home.student).json()["results"]
    assert row["status"] == "left_early"

    http.post(f"events/attendance/{attendance_id}/undo/", {"reason": "scanned a friend's card"}, by=host.admin)
    assert http.get("events/attendance/", by=home.student).json()["count"] == 0
    (void,) = http.get("events/attendance/", by=home.student, status="void").json()["results"]
    detail = http.get(f"federation/visits/{void['id']}/", by=home.student).json()
    assert [(h["from_status"], h["to_status"], h["reason"]) for h in detail["history"]] == [
        ("left_early", "void", "scanned a friend's card")
    ]
    assert http.get(f"federation/visits/{void['id']}/", by=home.friend).status_code == 404

    assert scan(http, event.pk, home.student, host).status_code == 201
    assert http.get("events/attendance/", by=home.student).json()["count"] == 1


def test_the_home_campus_suspended_archived_and_back(cast: Cast, http: Http) -> None:
    host, home = cast.delcarmen, cast.malimono
    event = make_shared_event(host, home)
    shown, friends = pass_of(home.student), pass_of(home.friend)

    def show(text: str) -> Any:
        return http.post(MARK, {"event_id": str(event.pk), "pass": text}, by=host.scanner)

    set_state(suspend_campus, home)
    assert show(shown).status_code == 201
    assert run_messages(host, learn_visitor_name) == 1  # a suspended campus still says what its people are called
    with host.here():
        assert Visitor.objects.get().display_name == "Ana Reyes"
    set_state(archive_campus, home)
    refused = show(friends)
    assert (refused.status_code, codes(refused)) == (422, ["home_archived"])
    with public_context():
        assert Visit.objects.count() == 1


def test_a_suspended_host_loses_no_visit(cast: Cast, http: Http) -> None:
    host, home = cast.delcarmen, cast.malimono
    event = make_shared_event(host, home)
    scan(http, event.pk, home.student, host)

    set_state(suspend_campus, host)
    assert http.get("events/attendance/", by=home.student).json()["count"] == 1
    set_state(reactivate_campus, host)
    assert scan(http, event.pk, home.student, host).status_code == 200


def test_passes_that_are_none(cast: Cast, http: Http) -> None:
    host, home = cast.delcarmen, cast.malimono
    event = make_shared_event(host, home)
    good = pass_of(home.student)
    head, payload, signature = good.split(".")
    flipped = "A" if signature[10] != "A" else "B"
    broken = {
        f"{head}.{payload}.{signature[:10]}{flipped}{signature[11:]}": (422, "pass_forged"),
        f"{head}.{pass_of(home.friend).split('.')[1]}.{signature}": (422, "pass_forged"),
        f"EAS2.{payload}.{signature}": (404, "unknown_pass"),
        "rubbish": (404, "unknown_pass"),
    }
    for text, (status, code) in broken.items():
        answer = http.post(MARK, {"event_id": str(event.pk), "pass": text}, by=host.scanner)
        assert (answer.status_code, codes(answer)) == (status, [code])
    # A local number of the other campus is nobody here, and the host's own person of that number is no visitor.
    own = http.post(MARK, {"event_id": str(event.pk), "student_id": "2024-0001"}, by=host.scanner).json()
    assert (own["home_campus"], own["person"]["id"]) == ("DELCARMEN", str(host.student.id))
    with public_context():
        assert list(Visit.objects.values_list("host", "home")) == [("DELCARMEN", "DELCARMEN")]


def test_an_event_with_attendance_is_not_opened_afterwards(cast: Cast, http: Http) -> None:
    from tests.factories import make_event

    host = cast.delcarmen
    event = make_event(host)
    http.post(MARK, {"event_id": str(event.pk), "student_id": "2024-0001"}, by=host.scanner)

    answer = http.patch(
        f"events/events/{event.pk}/", {"is_multi_campus": True, "allowed_campuses": ["MALIMONO"]}, by=host.organizer
    )

    assert (answer.status_code, codes(answer)) == (409, ["event_has_attendance"])
    assert http.get("events/events/", by=cast.malimono.student).json()["count"] == 0


def test_reconciliation_from_the_public_site_names_and_repairs(cast: Cast, http: Http) -> None:
    host, home = cast.delcarmen, cast.malimono
    event = make_shared_event(host, home, seats=5)
    scan(http, event.pk, home.student, host)
    scan(http, event.pk, host.student, host)
    scan(http, event.pk, host.friend, host)
    from django.db import connection

    from tenants.context import owner_context

    with owner_context(), connection.cursor() as cursor:  # by hand, as a restore would
        cursor.execute("UPDATE federation_visit SET status = 'late' WHERE home = 'MALIMONO'")
        cursor.execute("DELETE FROM federation_visit WHERE person_id = %s", [str(host.student.user.person_id)])
        cursor.execute("DELETE FROM c_delcarmen.attendance_attendance WHERE user_id = %s", [str(host.friend.id)])
        cursor.execute("UPDATE federation_invitation SET taken = 4")

    def run(repair: bool) -> dict:
        asked = http.post("federation/reconciliations/", {"repair": repair}, by=cast.super_admin)
        assert (asked.status_code, asked.json()["state"]) == (202, "queued")
        run_messages(None, reconcile)
        return http.get(f"federation/reconciliations/{asked.json()['id']}/", by=cast.super_admin).json()

    named = run(repair=False)
    assert sorted((row["kind"], row["repaired"]) for row in named["differences"]) == [
        ("missing_attendance", False), ("seats", False), ("status", False), ("uncredited", False),
    ]  # fmt: skip
    assert named["hosts"] == ["DELCARMEN", "MALIMONO", "SNSU"]
    assert all(row["repaired"] for row in run(repair=True)["differences"])
    assert run(repair=False)["count"] == 0
    with host.here():
        assert Attendance.objects.exclude(status="void").count() == 3
        assert Attendance.objects.get(visitor__isnull=False).status == "late"
    with public_context():
        assert Visit.objects.exclude(status="void").count() == 3
        assert FederatedRegistration.objects.count() == Invitation.objects.get().taken == 1


def test_a_deactivated_organizer_and_a_foreign_scanner_record_nothing(cast: Cast, http: Http) -> None:
    host, home = cast.delcarmen, cast.malimono
    event = make_shared_event(host, home)
    body = {"event_id": str(event.pk), "pass": pass_of(home.student)}

    # The home campus's own door is no door of the host.
    assert http.post(MARK, body, by=home.scanner).status_code == 404
    assert http.post(MARK, body, by=home.student).json()["errors"][0]["code"] == "proof_required"
    assert http.post(MARK, body, by=host.other_organizer).json()["errors"][0]["code"] == "not_your_event"
    with host.here():
        update_user(by=host.admin.user, at=now(), user_id=host.scanner.id, changes={"is_active": False})
    assert http.post(MARK, body, by=host.scanner).status_code == 401
    assert find_campus("DELCARMEN") is not None
    with public_context():
        assert not Visit.objects.exists()
