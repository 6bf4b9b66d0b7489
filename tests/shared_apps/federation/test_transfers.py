"""Students who change campus: one identity, one active account, nothing counted twice, the history moves along."""

from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError, connection, transaction

from config.celery import app
from shared_apps.accounts.models import AccessToken, Profile, SignInName, User
from shared_apps.accounts.services.tokens import issue_token
from shared_apps.audit.models import AuditEntry
from shared_apps.campuses.services import backup_campus, restore_campus
from shared_apps.common.clock import now
from shared_apps.federation.errors import AlreadyRegistered, WrongTransferState
from shared_apps.federation.models import FederatedEvent, FederatedRegistration, Invitation, Transfer, Visit
from shared_apps.federation.services import registrations, transfers
from shared_apps.federation.services.reconciliations import Difference
from shared_apps.outbox.models import OutboxMessage
from shared_apps.outbox.services import MOST_ATTEMPTS, relay_due_messages
from tenant_apps.attendance.models import Attendance
from tenant_apps.attendance.selectors.attendance import list_presences
from tenant_apps.attendance.services.reconciling import reconcile_hosts
from tenant_apps.events.models import Event
from tenants import registry
from tenants.context import owner_context, public_context
from tenants.models import Campus, RevokedPass
from tests.cast import Cast, Http, Person, Site
from tests.factories import make_event, make_shared_event, pass_of
from tests.shared_apps.accounts.test_rosters import bring_in
from tests.shared_apps.accounts.test_users import error_of
from tests.shared_apps.federation.test_revocation import scan
from tests.tenant_apps.attendance.test_races import together

PATH = "federation/transfers/"
NAMES = {"username": "ana.r", "email": "ana.r@example.edu", "student_id": "2025-0777"}


def offer(http: Http, person: Person, to: Site, **changes: Any) -> Any:
    assert person.site is not None
    body = {"user_id": str(person.id), "destination": to.campus.code, "reason": "The family moves", **changes}
    return http.post(PATH, body, by=person.site.admin)


def accept(http: Http, transfer_id: str, at: Site, **names: str) -> Any:
    return http.post(f"{PATH}{transfer_id}/accept/", names, by=at.admin)


def deliver(*sites: Site, later: timedelta = timedelta(0)) -> int:
    """Carry what is due and run it, as relay and worker do; return how many messages that were."""
    app.loader.import_default_modules()
    carried: list[tuple[str, str, UUID, dict[str, Any]]] = []
    relay_due_messages(
        campuses=[site.campus for site in sites], at=now() + later, publish=lambda *message: carried.append(message)
    )
    for kind, site, message_id, payload in carried:
        task = app.tasks[kind]
        task.push_request(headers={"campus": site})
        try:
            task(message_id=str(message_id), **payload)
        finally:
            task.pop_request()
    return len(carried)


def account(site: Site, person: Person) -> User | None:
    """Return the person's account at a campus."""
    with site.here():
        return User.objects.select_related("profile").filter(person_id=person.user.person_id).first()


def at_home(site: Site, person: Person) -> Person:
    """Return the person as somebody of that campus, signed in."""
    user = account(site, person)
    assert user is not None
    with site.here():
        return Person(user=user, site=site, token=issue_token(user=user, label="", at=now()).text)


def move(http: Http, person: Person, to: Site, **names: str) -> Person:
    """Bring somebody to another campus, to the end; return them there."""
    offered = offer(http, person, to)
    assert offered.status_code == 201, offered.content
    accepted = accept(http, offered.json()["id"], to, **names)
    assert accepted.status_code == 200, accepted.content
    deliver(to)
    return at_home(to, person)


def ledger(person: Person) -> list[tuple[str, str, str]]:
    with public_context():
        rows = Visit.objects.filter(person_id=person.user.person_id).order_by("created_at")
        return list(rows.values_list("host", "home", "status"))


def two_sessions(http: Http, host: Site, event: Event) -> list[str]:
    """Add a session to the event; return the ids of both, which are open now."""
    times = {"starts_at": now().isoformat(), "ends_at": (now() + timedelta(hours=1)).isoformat()}
    assert http.post(f"events/events/{event.pk}/sessions/", times, by=host.admin).status_code == 201
    with host.here():
        return [str(session.pk) for session in event.sessions.order_by("starts_at", "id")]


def differences(cast: Cast) -> list[Difference]:
    """Compare the ledger with every host."""
    return [one for _, found in reconcile_hosts(at=now(), repair=False) for one in found or ()]


def transcript(http: Http, person: Person) -> list[tuple[str, str, str]]:
    answer = http.get("federation/transcript/", by=person)
    assert answer.status_code == 200, answer.content
    return [(entry["event_title"], entry["host"], entry["home"]) for entry in answer.json()["entries"]]


def set_state(site: Site, state: str) -> None:
    with owner_context():
        Campus.objects.filter(pk=site.campus.id).update(state=state)
    registry.forget()


# --- The journey ------------------------------------------------------------------------------------


def test_a_student_moves_keeps_one_identity_and_is_counted_once(cast: Cast, http: Http) -> None:
    origin, destination, host, ana = cast.malimono, cast.delcarmen, cast.snsu, cast.malimono.student
    local, visited = make_event(origin, title="At home"), make_shared_event(host, origin, destination, title="Away")
    old_pass = pass_of(ana)
    assert scan(http, origin, local, old_pass) == scan(http, host, visited, old_pass) == (201, "recorded")

    offered = offer(http, ana, destination)
    incoming = http.get(PATH, by=destination.admin, direction="incoming", state="offered").json()
    taken = accept(http, offered.json()["id"], destination)
    accepted = accept(http, offered.json()["id"], destination, **NAMES)

    assert (offered.status_code, offered.json()["state"], offered.json()["direction"]) == (201, "offered", "outgoing")
    assert [row["id"] for row in incoming["results"]] == [offered.json()["id"]]
    row = incoming["results"][0]
    assert (row["direction"], row["user"], row["display_name"]) == ("incoming", None, "Ana Reyes")
    assert row["person"] == {
        "username": "ana", "email": "ana@example.edu", "student_id": "2024-0001", "first_name": "Ana",
        "last_name": "Reyes", "department": "CITE", "program": "BSIT", "year_level": 2, "section": "A",
    }  # fmt: skip
    assert error_of(taken)[:2] == (400, "name_taken")
    assert error_of(taken)[2] in NAMES
    assert (accepted.status_code, accepted.json()["state"]) == (200, "accepted")
    new = account(destination, ana)
    assert new is not None
    assert (new.username, new.student_id, new.first_name, new.role) == ("ana.r", "2025-0777", "Ana", "student")
    assert (new.profile.program, str(new.pk)) == ("BSIT", accepted.json()["user"])
    assert not new.has_usable_password()

    # Not closed yet: both accounts are there, and the ledger knows that they are one person.
    assert account(origin, ana).is_active
    assert scan(http, host, visited, pass_of(at_home(destination, ana))) == (200, "duplicate")

    assert deliver(destination) == 1

    old = account(origin, ana)
    assert (old.is_active, old.moved_to) == (False, "DELCARMEN")
    assert http.get("auth/me/", by=ana).status_code == 401
    assert scan(http, origin, local, old_pass) == (422, "person_inactive")
    assert scan(http, host, visited, old_pass) == (422, "pass_revoked")
    closed = http.get(f"{PATH}{offered.json()['id']}/", by=origin.admin).json()
    assert (closed["state"], closed["user"], closed["display_name"]) == ("closed", str(ana.id), "Ana Reyes")

    # At the destination: sign in, a pass, the transcript; nothing of it is attendance.
    secret = "quite-another-secret"
    http.patch(f"accounts/users/{new.pk}/", {"password": secret}, by=destination.admin)
    signed_in = http.post("auth/login/", {"username": "2025-0777", "password": secret}, at=destination)
    ana_now = Person(user=new, site=destination, token=signed_in.json()["token"])
    assert transcript(http, ana_now) == [("At home", "MALIMONO", "MALIMONO"), ("Away", "SNSU", "MALIMONO")]
    assert http.get("events/attendance/", by=ana_now).json()["count"] == 0
    assert http.get("events/attendance/", by=ana_now, away="true").json()["count"] == 0

    # The new pass counts what is new and nothing twice.
    new_pass = http.get("accounts/users/me/pass/", by=ana_now).json()["pass"]
    assert scan(http, host, visited, new_pass) == (200, "duplicate")
    assert ledger(ana) == [("SNSU", "MALIMONO", "present")]
    assert scan(http, destination, make_event(destination), new_pass) == (201, "recorded")
    again = make_shared_event(host, destination, title="New")
    assert scan(http, host, again, new_pass) == (201, "recorded")
    assert ledger(ana)[1:] == [("SNSU", "DELCARMEN", "present")]

    for site, actions in ((origin, {"transfer.offered", "user.moved_away", "transfer.closed"}),
                          (destination, {"transfer.accepted", "user.created"})):  # fmt: skip
        with site.here():
            assert actions <= set(AuditEntry.objects.values_list("action", flat=True))


def test_counted_before_the_move_is_counted_at_no_other_campus(cast: Cast, http: Http) -> None:
    origin, destination, other, ana = cast.malimono, cast.delcarmen, cast.snsu, cast.malimono.student
    local = {site.host: make_event(site, title="Everywhere Day") for site in (origin, destination, other)}
    with public_context():
        common = FederatedEvent.objects.create(
            kind="university", participants=["DELCARMEN", "MALIMONO", "SNSU"], title="Everywhere Day",
            starts_at=now(), ends_at=now() + timedelta(hours=2), created_at=now(), updated_at=now(),
        )  # fmt: skip
    for site in (origin, destination, other):
        with site.here():
            Event.objects.update(federated_event_id=common.pk)
    assert scan(http, origin, local[origin.host], pass_of(ana)) == (201, "recorded")

    ana_now = move(http, ana, destination, **NAMES)

    for site in (destination, other):
        assert scan(http, site, local[site.host], pass_of(ana_now)) == (422, "already_counted_elsewhere")
    assert ledger(ana) == [("MALIMONO", "MALIMONO", "present")]


def test_a_visitor_who_moves_to_the_host_is_who_they_were(cast: Cast, http: Http) -> None:
    home, host, ana = cast.malimono, cast.delcarmen, cast.malimono.student
    event = make_shared_event(host, home)
    first, second = two_sessions(http, host, event)
    assert scan(http, host, event, pass_of(ana), session_id=first) == (201, "recorded")

    ana_now = move(http, ana, host, **NAMES)
    new_pass = pass_of(ana_now)

    assert scan(http, host, event, new_pass, session_id=first) == (200, "duplicate")
    assert scan(http, host, event, new_pass, session_id=second) == (201, "recorded")
    assert ledger(ana) == [("DELCARMEN", "MALIMONO", "present")]

    # The credit follows what is left of it, whoever they were when it was recorded.
    with host.here():
        as_visitor = Attendance.objects.get(visitor__isnull=False)
    http.post(f"events/attendance/{as_visitor.pk}/undo/", {"reason": "wrong"}, by=host.admin)
    assert ledger(ana) == [("DELCARMEN", "MALIMONO", "present")]
    assert scan(http, host, event, new_pass, session_id=first) == (201, "recorded")
    assert scan(http, host, event, new_pass, session_id=first) == (200, "duplicate")
    with host.here():
        assert Attendance.objects.exclude(status="void").count() == 2
    assert differences(cast) == []


def test_what_was_undone_before_the_move_may_be_counted_after_it(cast: Cast, http: Http) -> None:
    home, host, ana = cast.malimono, cast.delcarmen, cast.malimono.student
    event = make_shared_event(host, home)
    scan(http, host, event, pass_of(ana))
    with host.here():
        undone = Attendance.objects.get()
    http.post(f"events/attendance/{undone.pk}/undo/", {"reason": "wrong"}, by=host.admin)

    ana_now = move(http, ana, host, **NAMES)

    assert scan(http, host, event, pass_of(ana_now)) == (201, "recorded")
    assert ledger(ana) == [("DELCARMEN", "MALIMONO", "void"), ("DELCARMEN", "DELCARMEN", "present")]
    assert transcript(http, ana_now) == []


def test_there_and_back_again_is_the_same_account_and_a_whole_history(cast: Cast, http: Http) -> None:
    a, b, c, ana = cast.malimono, cast.delcarmen, cast.snsu, cast.malimono.student
    scan(http, a, make_event(a, title="A1"), pass_of(ana))
    first_pass = pass_of(ana)
    there = move(http, ana, b, **NAMES)
    scan(http, b, make_event(b, title="B1"), pass_of(there))

    back = move(http, there, a)

    assert (back.id, back.user.is_active, back.user.moved_to) == (ana.id, True, "")
    assert back.user.pass_serial == 2
    assert (back.user.username, back.user.student_id) == ("ana", "2024-0001")
    away = make_shared_event(c, a, b)
    assert scan(http, c, away, first_pass) == (422, "pass_revoked")
    assert scan(http, c, away, pass_of(there)) == (422, "pass_revoked")
    assert scan(http, c, away, pass_of(back)) == (201, "recorded")
    # What is A's own is not in A's transcript.
    assert transcript(http, back) == [("B1", "DELCARMEN", "DELCARMEN")]
    own = http.get("events/attendance/", by=back).json()["results"]
    assert [row["event_title"] for row in own] == ["Intercampus Games", "A1"]

    again = move(http, back, b)
    assert again.id == there.id
    assert [title for title, _, _ in transcript(http, again)] == ["A1", "Intercampus Games"]
    last = move(http, again, c, **NAMES)
    assert [title for title, _, _ in transcript(http, last)] == ["A1", "B1", "Intercampus Games"]
    active = [site.host for site in (a, b, c) if account(site, ana).is_active]
    assert active == [c.host]


def test_names_may_be_given_to_whoever_comes_back_and_the_rest_follows_them(cast: Cast, http: Http) -> None:
    a, b, ana = cast.malimono, cast.delcarmen, cast.malimono.student
    there = move(http, ana, b, **NAMES)
    http.patch(f"accounts/users/{there.id}/", {"last_name": "Reyes-Cruz", "year_level": 3}, by=b.admin)
    offered = offer(http, there, a).json()["id"]

    taken = accept(http, offered, a, student_id="2024-0002")
    accepted = accept(http, offered, a, student_id="2026-0001")

    assert error_of(taken) == (400, "name_taken", "student_id")
    assert accepted.status_code == 200, accepted.content
    back = account(a, ana)
    assert (back.username, back.student_id, back.last_name) == ("ana", "2026-0001", "Reyes-Cruz")
    assert (back.profile.year_level, back.profile.program) == (3, "BSIT")


# --- Refusals ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "code", "attr"),
    [
        ({"destination": "NOWHERE"}, "unknown_campus", "destination"),
        ({"destination": "MALIMONO"}, "own_campus", "destination"),
        ({"destination": "malimono"}, "own_campus", "destination"),
        ({"destination": ""}, "blank", "destination"),
        ({"destination": "x" * 17}, "max_length", "destination"),
        ({"reason": ""}, "blank", "reason"),
        ({"reason": "a\nb"}, "control_characters", "reason"),
        ({"user_id": 1}, "invalid", "user_id"),
        ({"person_id": str(uuid4())}, "unknown_field", "person_id"),
        ({"transcript": []}, "unknown_field", "transcript"),
    ],
)
def test_unusable_offers_are_named(cast: Cast, http: Http, changes: dict, code: str, attr: str) -> None:
    assert error_of(offer(http, cast.malimono.student, cast.delcarmen, **changes)) == (400, code, attr)
    with public_context():
        assert not Transfer.objects.exists()


@pytest.mark.parametrize("state", ["provisioning", "suspended", "archived"])
def test_nobody_is_offered_to_a_campus_that_is_not_ready(cast: Cast, http: Http, state: str) -> None:
    set_state(cast.delcarmen, state)

    answer = offer(http, cast.malimono.student, cast.delcarmen)

    assert error_of(answer) == (400, "unknown_campus", "destination")


def test_only_active_students_of_this_campus_move(cast: Cast, http: Http) -> None:
    home, there = cast.malimono, cast.delcarmen
    http.patch(f"accounts/users/{home.friend.id}/", {"is_active": False}, by=home.admin)

    for person in (home.organizer, home.scanner, home.admin, home.friend):
        assert error_of(offer(http, person, there)) == (400, "not_transferable", "user_id")
    foreign = offer(http, home.student, there, user_id=str(cast.snsu.student.id))
    nobody = offer(http, home.student, there, user_id=str(uuid4()))
    assert foreign.status_code == 404
    assert foreign.content == nobody.content


def test_one_transfer_at_a_time(cast: Cast, http: Http) -> None:
    ana = cast.malimono.student
    offered = offer(http, ana, cast.delcarmen).json()["id"]

    assert error_of(offer(http, ana, cast.snsu))[:2] == (409, "transfer_open")

    accept(http, offered, cast.delcarmen, **NAMES)
    onward = offer(http, at_home(cast.delcarmen, ana), cast.snsu)
    assert error_of(onward)[:2] == (409, "transfer_open")
    deliver(cast.delcarmen)
    assert offer(http, at_home(cast.delcarmen, ana), cast.snsu).status_code == 201


@pytest.mark.parametrize("who", ["origin", "destination"])
def test_an_offer_is_taken_back_or_declined_and_forgets_the_person(cast: Cast, http: Http, who: str) -> None:
    origin, destination, ana = cast.malimono, cast.delcarmen, cast.malimono.student
    by = origin.admin if who == "origin" else destination.admin
    offered = offer(http, ana, destination).json()["id"]

    assert error_of(http.post(f"{PATH}{offered}/cancel/", {}, by=by)) == (400, "required", "reason")
    cancelled = http.post(f"{PATH}{offered}/cancel/", {"reason": "A mistake"}, by=by)

    body = cancelled.json()
    assert (cancelled.status_code, body["state"], body["cancel_reason"]) == (200, "cancelled", "A mistake")
    assert (body["person"], body["cancelled_by"]) == (None, by.site.campus.code)
    seen = http.get(f"{PATH}{offered}/", by=destination.admin).json()
    assert (seen["display_name"], seen["user"]) == (None, None)
    for answer in (accept(http, offered, destination, **NAMES),
                   http.post(f"{PATH}{offered}/cancel/", {"reason": "Again"}, by=by)):  # fmt: skip
        assert error_of(answer)[:2] == (409, "wrong_transfer_state")
    assert account(destination, ana) is None
    assert account(origin, ana).is_active
    assert deliver(origin, destination) == 0
    with by.site.here():
        assert AuditEntry.objects.get(action="transfer.cancelled").reason == "A mistake"
    assert offer(http, ana, destination).status_code == 201


def test_rows_that_another_campus_forges_move_nobody_and_keep_nobody_from_moving(cast: Cast, http: Http) -> None:
    ana, rogue = cast.malimono.student, cast.snsu
    values = {
        "person_id": ana.user.person_id, "origin": "SNSU", "destination": "MALIMONO", "reason": "x",
        "person": {"username": "x", "first_name": "Forged", "last_name": "", "email": "", "student_id": None,
                   "department": "", "program": "", "year_level": None, "section": ""},
        "requested_by_id": uuid4(), "created_at": now(), "updated_at": now(),
    }  # fmt: skip
    with rogue.here():
        forged = Transfer.objects.create(**values)

    assert error_of(accept(http, str(forged.pk), cast.malimono))[:2] == (409, "already_here")
    with rogue.here():
        Transfer.objects.update(
            state="closed", accepted_at=now(), closed_at=now(),
            transcript=[{"event_title": "Forged", "session_name": "", "host": "SNSU", "home": "SNSU",
                         "status": "present", "first_in_at": now().isoformat(), "last_out_at": None}],
        )  # fmt: skip
        Transfer.objects.create(**values)
    assert transcript(http, ana) == []
    ana_now = move(http, ana, cast.delcarmen, **NAMES)
    assert transcript(http, ana_now) == []
    assert account(cast.malimono, ana).first_name == "Ana"


def test_what_was_accepted_is_neither_accepted_nor_cancelled_again(cast: Cast, http: Http) -> None:
    offered = offer(http, cast.malimono.student, cast.delcarmen).json()["id"]
    accept(http, offered, cast.delcarmen, **NAMES)

    for _ in range(2):
        answers = [accept(http, offered, cast.delcarmen, username="another")]
        answers += [
            http.post(f"{PATH}{offered}/cancel/", {"reason": "No"}, by=site.admin)
            for site in (cast.malimono, cast.delcarmen)
        ]
        assert {error_of(answer)[:2] for answer in answers} == {(409, "wrong_transfer_state")}
        deliver(cast.delcarmen)


def test_the_origin_does_not_accept_for_the_destination(cast: Cast, http: Http) -> None:
    offered = offer(http, cast.malimono.student, cast.delcarmen).json()["id"]

    assert error_of(accept(http, offered, cast.malimono))[:2] == (403, "not_the_destination")


def test_a_third_campus_and_everybody_but_admins_see_nothing(cast: Cast, http: Http) -> None:
    offered = offer(http, cast.malimono.student, cast.delcarmen).json()["id"]
    third = cast.snsu.admin

    def calls(transfer_id: str) -> list:
        return [
            http.get(f"{PATH}{transfer_id}/", by=third),
            http.post(f"{PATH}{transfer_id}/accept/", NAMES, by=third),
            http.post(f"{PATH}{transfer_id}/cancel/", {"reason": "Mine"}, by=third),
        ]

    assert http.get(PATH, by=third).json()["count"] == 0
    for theirs, nowhere in zip(calls(offered), calls(str(uuid4())), strict=True):
        assert (theirs.status_code, theirs.content) == (404, nowhere.content)
    for who in ("student", "organizer", "scanner"):
        for site in (cast.malimono, cast.delcarmen):
            person = getattr(site, who)
            assert http.get(PATH, by=person).status_code == 403
            assert http.post(f"{PATH}{offered}/accept/", NAMES, by=person).status_code == 403
    assert http.get(PATH, at=cast.malimono).status_code == 401
    assert http.get(f"{PATH}{offered}/", by=cast.malimono.admin).json()["state"] == "offered"


def test_filters_and_the_number_of_statements(cast: Cast, http: Http) -> None:
    ana, ben = cast.malimono.student, cast.malimono.friend
    offer(http, ana, cast.delcarmen)
    offer(http, ben, cast.snsu)
    offer(http, cast.delcarmen.student, cast.malimono)

    def found(**query: str) -> list[tuple[str, str]]:
        rows = http.get(PATH, by=cast.malimono.admin, **query).json()["results"]
        return [(row["origin"], row["destination"]) for row in rows]

    def statements(**query: str) -> int:
        before = connection.statements
        assert http.get(PATH, by=cast.malimono.admin, **query).status_code == 200
        return connection.statements - before

    outgoing = [("MALIMONO", "SNSU"), ("MALIMONO", "DELCARMEN")]
    assert found(direction="outgoing") == outgoing
    assert found(direction="incoming") == [("DELCARMEN", "MALIMONO")]
    assert found(state="closed") == []
    assert found() == [("DELCARMEN", "MALIMONO"), *outgoing]
    assert statements(page_size="1") == statements() == 3  # token, count, page
    assert error_of(http.get(PATH, by=cast.malimono.admin, direction="up"))[1:] == ("invalid_choice", "direction")


def test_a_transcript_is_one_s_own_or_an_admin_s_to_read(cast: Cast, http: Http) -> None:
    origin, destination, ana = cast.malimono, cast.delcarmen, cast.malimono.student
    scan(http, origin, make_event(origin), pass_of(ana))
    ana_now = move(http, ana, destination, **NAMES)

    def ask(by: Person, user: object) -> Any:
        return http.get("federation/transcript/", by=by, user=str(user))

    answer = ask(destination.admin, ana_now.id).json()
    assert (answer["origin"], [entry["status"] for entry in answer["entries"]]) == ("MALIMONO", ["present"])
    assert answer["closed_at"].endswith("+08:00")
    assert answer["entries"][0]["first_in_at"].endswith("+08:00")
    assert answer == ask(ana_now, ana_now.id).json()
    nothing = {"origin": None, "closed_at": None, "entries": []}
    assert http.get("federation/transcript/", by=destination.student).json() == nothing
    assert ask(destination.admin, destination.student.id).json() == nothing
    refused = [ask(destination.student, ana_now.id), ask(destination.organizer, ana_now.id),
               ask(origin.admin, ana_now.id), ask(destination.admin, uuid4())]  # fmt: skip
    assert {(one.status_code, one.content) for one in refused} == {(404, refused[0].content)}
    assert error_of(ask(destination.admin, "x")) == (400, "invalid", "user")
    assert http.get("federation/transcript/", by=destination.scanner).status_code == 403


def test_only_a_transfer_brings_back_whoever_has_moved(cast: Cast, http: Http) -> None:
    home, ana = cast.malimono, cast.malimono.student
    move(http, ana, cast.delcarmen, **NAMES)

    answer = http.patch(f"accounts/users/{ana.id}/", {"is_active": True}, by=home.admin)
    done = bring_in(home, "student_id,is_active\n2024-0001,yes\n")
    harmless = http.patch(f"accounts/users/{ana.id}/", {"last_name": "Reyes-Lim"}, by=home.admin)

    assert error_of(answer)[:2] == (409, "moved_away")
    assert [result["code"] for result in done.results] == ["moved_away"]
    assert (harmless.status_code, harmless.json()["moved_to"]) == (200, "DELCARMEN")
    assert not account(home, ana).is_active


# --- Registrations ----------------------------------------------------------------------------------


def test_places_are_given_up_at_the_origin_and_taken_anew(cast: Cast, http: Http) -> None:
    origin, destination, host, ana, ben = (
        cast.malimono, cast.delcarmen, cast.snsu, cast.malimono.student, cast.malimono.friend,
    )  # fmt: skip
    coming, used = make_shared_event(host, origin, destination), make_shared_event(host, origin, destination)
    http.patch(f"events/events/{coming.pk}/", {"campus_seats": {"MALIMONO": 1}}, by=host.admin)
    with origin.here():
        for person, event in ((ana, coming), (ben, coming), (ana, used)):
            registrations.register(by=person.user, at=now(), event_id=event.pk)
    scan(http, host, used, pass_of(ana))

    ana_now = move(http, ana, destination, **NAMES)

    with host.here():
        places = FederatedRegistration.objects.values_list("event_id", "person_id", "home", "state")
        assert set(places) == {
            (coming.pk, ben.user.person_id, "MALIMONO", "registered"),
            (used.pk, ana.user.person_id, "MALIMONO", "registered"),
        }
        assert Invitation.objects.get(event_id=coming.pk, campus="MALIMONO").taken == 1
    with destination.here():
        place, is_new = registrations.register(by=ana_now.user, at=now(), event_id=coming.pk)
        assert (is_new, place.home, place.state) == (True, "DELCARMEN", "registered")
        with pytest.raises(AlreadyRegistered):
            registrations.register(by=ana_now.user, at=now(), event_id=used.pk)
    assert scan(http, host, used, pass_of(ana_now)) == (200, "duplicate")
    assert differences(cast) == []


# --- Faults and races -------------------------------------------------------------------------------


def test_an_origin_that_is_away_is_closed_later_however_long_it_takes(cast: Cast, http: Http) -> None:
    origin, destination, ana = cast.malimono, cast.delcarmen, cast.malimono.student
    offered = offer(http, ana, destination).json()["id"]
    set_state(origin, "suspended")
    assert accept(http, offered, destination, **NAMES).status_code == 200

    assert [deliver(destination, later=timedelta(days=day)) for day in range(MOST_ATTEMPTS + 2)] == [1] * 10
    assert account(origin, ana).is_active
    set_state(origin, "ready")
    with owner_context():
        Campus.objects.filter(pk=origin.campus.id).update(schema_version=0)
    registry.forget()
    assert deliver(destination, later=timedelta(days=20)) == 1
    assert account(origin, ana).is_active
    with owner_context():
        Campus.objects.filter(pk=origin.campus.id).update(schema_version=destination.campus.schema_version)
    registry.forget()

    assert deliver(destination, later=timedelta(days=30)) == 1
    assert deliver(destination, later=timedelta(days=40)) == 0
    assert not account(origin, ana).is_active
    assert http.get(f"{PATH}{offered}/", by=destination.admin).json()["state"] == "closed"


def test_a_message_that_comes_twice_closes_once(cast: Cast, http: Http) -> None:
    origin, destination, ana = cast.malimono, cast.delcarmen, cast.malimono.student
    scan(http, origin, make_event(origin), pass_of(ana))
    ana_now = move(http, ana, destination, **NAMES)
    with destination.here():
        assert OutboxMessage.objects.exclude(finished_at=None).update(finished_at=None, attempts=0, due_at=now()) == 1

    assert deliver(destination) == 1

    with origin.here():
        assert AuditEntry.objects.filter(action__in=["transfer.closed", "user.moved_away"]).count() == 2
    with destination.here():
        assert not OutboxMessage.objects.filter(finished_at=None).exists()
    assert len(transcript(http, ana_now)) == 1


def test_a_worker_that_died_after_closing_is_followed_by_one_that_says_so(cast: Cast, http: Http) -> None:
    origin, destination, ana = cast.malimono, cast.delcarmen, cast.malimono.student
    offered = offer(http, ana, destination).json()["id"]
    accept(http, offered, destination, **NAMES)

    def close(_: int) -> None:
        with origin.here():
            transfers.close_transfer(at=now(), transfer_id=UUID(offered), list_presences=list_presences)

    assert together(8, close) == []
    assert deliver(destination) == 1

    with origin.here():
        assert AuditEntry.objects.filter(action="transfer.closed").count() == 1
        assert list(RevokedPass.objects.values_list("home", "through_serial")) == [("MALIMONO", 1)]
    with destination.here():
        assert not OutboxMessage.objects.filter(finished_at=None).exists()


def test_nothing_is_closed_before_it_was_accepted_or_by_another_campus(cast: Cast, http: Http) -> None:
    origin, destination, ana = cast.malimono, cast.delcarmen, cast.malimono.student
    offered = UUID(offer(http, ana, destination).json()["id"])

    def close(site: Site) -> bool:
        with site.here():
            return transfers.close_transfer(at=now(), transfer_id=offered, list_presences=list_presences)

    assert not close(origin)
    accept(http, str(offered), destination, **NAMES)
    assert not close(destination)
    assert not close(cast.snsu)
    assert close(origin)


def test_accepted_eight_times_at_once_it_is_one_account(cast: Cast, http: Http) -> None:
    destination, ana = cast.delcarmen, cast.malimono.student
    offered = UUID(offer(http, ana, destination).json()["id"])

    def work(number: int) -> None:
        with destination.here():
            names = {**NAMES, "username": f"ana{number}"}
            transfers.accept_transfer(by=destination.admin.user, at=now(), transfer_id=offered, names=names)

    raised = together(8, work)

    assert [type(error) for error in raised] == [WrongTransferState] * 7
    with destination.here():
        assert User.objects.filter(person_id=ana.user.person_id).count() == 1
        assert OutboxMessage.objects.count() == 1
        assert User.objects.count() == 8


def test_accepting_against_cancelling_has_one_winner(cast: Cast, http: Http) -> None:
    origin, destination, ana = cast.malimono, cast.delcarmen, cast.malimono.student
    offered = UUID(offer(http, ana, destination).json()["id"])

    def work(number: int) -> None:
        if number % 2:
            with destination.here():
                transfers.accept_transfer(by=destination.admin.user, at=now(), transfer_id=offered, names=NAMES)
        else:
            with origin.here():
                transfers.cancel_transfer(by=origin.admin.user, at=now(), transfer_id=offered, reason="No")

    raised = together(8, work)

    assert [type(error) for error in raised] == [WrongTransferState] * 7
    with origin.here():
        state = Transfer.objects.get().state
    assert (state == "accepted") == (account(destination, ana) is not None)


def test_offered_eight_times_at_once_it_is_one_transfer(cast: Cast) -> None:
    home, ana = cast.malimono, cast.malimono.student

    def work(number: int) -> None:
        destination = "DELCARMEN" if number % 2 else "SNSU"
        with home.here():
            transfers.offer_transfer(
                by=home.admin.user, at=now(), user_id=ana.id, destination=destination, reason="Moves"
            )

    assert [type(error).__name__ for error in together(8, work)] == ["TransferOpen"] * 7


def test_a_campus_restored_to_a_day_before_the_person_still_lets_them_go(cast: Cast, http: Http) -> None:
    origin, destination, ana = cast.malimono, cast.delcarmen, cast.malimono.student
    offered = offer(http, ana, destination).json()["id"]
    accept(http, offered, destination, **NAMES)
    with owner_context(origin.campus.schema_name):
        for owned in (AccessToken, Profile, SignInName):
            owned.objects.filter(user_id=ana.id).delete()
        User.objects.filter(pk=ana.id)._raw_delete("default")  # Django's would look into the public admin's log

    deliver(destination)

    assert http.get(f"{PATH}{offered}/", by=destination.admin).json()["state"] == "closed"


# --- What the database itself refuses ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ({}, "federation_transfer_one_open"),
        ({"person_id": uuid4(), "destination": "MALIMONO"}, "federation_transfer_moves"),
        ({"person_id": uuid4(), "state": "accepted"}, "federation_transfer_facts_by_state"),
        ({"person_id": uuid4(), "state": "closed", "accepted_at": now()}, "federation_transfer_facts_by_state"),
        ({"person_id": uuid4(), "transcript": []}, "federation_transfer_facts_by_state"),
        ({"person_id": uuid4(), "state": "lost"}, "federation_transfer_facts_by_state"),
    ],
)
def test_constraints_of_transfers(cast: Cast, changes: dict, constraint: str) -> None:
    values = {
        "person_id": cast.malimono.student.user.person_id, "origin": "MALIMONO", "destination": "SNSU", "reason": "x",
        "requested_by_id": uuid4(), "created_at": now(), "updated_at": now(),
    }  # fmt: skip
    with owner_context():
        Transfer.objects.create(**values)
        with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
            Transfer.objects.create(**{**values, **changes})


def test_nobody_is_active_where_they_moved_away_from(cast: Cast) -> None:
    with cast.malimono.here(), pytest.raises(IntegrityError, match="accounts_user_active_at_one_campus"):
        User.objects.filter(username="ana").update(moved_to="SNSU")


def back_up(site: Site, file: Path) -> None:
    backup_campus(by=None, at=now(), campus=site.campus, file=file, on_progress=lambda _: None)


def restore(site: Site, file: Path) -> None:
    restore_campus(by=None, at=now(), campus=site.campus, file=file, on_progress=lambda _: None)


def repair(cast: Cast) -> list[tuple[str, str, bool]]:
    found = [one for _, each in reconcile_hosts(at=now(), repair=True) for one in each or ()]
    return [(one.host, one.kind.value, one.repaired) for one in found]


def test_an_origin_that_was_restored_closes_the_account_again(cast: Cast, http: Http, tmp_path: Path) -> None:
    home, there, ana = cast.malimono, cast.delcarmen, cast.malimono.student
    back_up(home, tmp_path / "origin")
    move(http, ana, there, **NAMES)
    restore(home, tmp_path / "origin")
    reopened = account(home, ana)
    assert reopened is not None
    assert reopened.is_active

    assert [one.kind for one in differences(cast)] == ["transfer"]
    assert repair(cast) == [("MALIMONO", "transfer", True)]

    closed = account(home, ana)
    assert closed is not None
    assert (closed.is_active, closed.moved_to) == (False, "DELCARMEN")
    assert differences(cast) == []


def test_a_destination_that_was_restored_enters_the_person_again(cast: Cast, http: Http, tmp_path: Path) -> None:
    home, there, ana = cast.malimono, cast.delcarmen, cast.malimono.student
    back_up(there, tmp_path / "destination")
    offered = offer(http, ana, there)
    assert accept(http, offered.json()["id"], there, **NAMES).status_code == 200
    restore(there, tmp_path / "destination")  # the message that closes the move is lost with it
    assert account(there, ana) is None

    assert repair(cast) == [("DELCARMEN", "transfer", True)]
    deliver(there)

    entered, closed = account(there, ana), account(home, ana)
    assert entered is not None
    assert closed is not None
    assert (entered.username, entered.is_active, closed.is_active) == ("ana.r", True, False)
    assert http.get("federation/transcript/", by=at_home(there, ana)).status_code == 200
    assert differences(cast) == []
