"""Acting in a campus: a grant of the public site, used once, and what may be done with what the campus gives for it."""

import json
import threading
from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.db import IntegrityError, connection, connections, transaction

from shared_apps.accounts.models import ActingToken, User
from shared_apps.accounts.rules import ACTING_TIME
from shared_apps.accounts.services.tokens import begin_acting
from shared_apps.audit.models import AuditEntry
from shared_apps.campuses.models import ActingGrant
from shared_apps.campuses.rules import GRANT_TIME
from shared_apps.common.clock import now
from tenant_apps.attendance.models import Attendance, Correction, Scan
from tenant_apps.events.models import Event
from tenants.context import owner_context, public_context
from tests.cast import Cast, Http, Person, Site
from tests.factories import make_event
from tests.isolation.world import codes, fingerprint

REASON = "Ticket 4711: the gate sees no events"
EVENT = {"title": "Opening", "starts_at": "2026-12-01T08:00:00", "ends_at": "2026-12-01T10:00:00"}


def write_grant(cast: Cast, http: Http, *, at: Site | None = None, **body: Any) -> Any:
    """Write a grant for a campus (default: Malimono); return the answer."""
    path = f"campus/campuses/{(at or cast.malimono).campus.id}/grants/"
    return http.post(path, {"reason": REASON, **body}, by=cast.super_admin)


def begin(cast: Cast, http: Http, *, may_write: bool = False) -> Person:
    """Write a grant for Malimono and exchange it; return the super admin as somebody who acts there."""
    grant = write_grant(cast, http, may_write=may_write).json()["grant"]
    token = http.post("auth/act/", {"grant": grant}, at=cast.malimono).json()["token"]
    return Person(user=cast.super_admin.user, site=cast.malimono, token=token)


def said(answer: Any) -> tuple[int, list[str]]:
    return answer.status_code, codes(answer)


def test_a_super_admin_acts_in_one_campus_and_both_sides_know(cast: Cast, http: Http) -> None:
    written = write_grant(cast, http)
    grant = written.json()
    began = http.post("auth/act/", {"grant": grant["grant"]}, at=grant["host"])
    acting = Person(user=cast.super_admin.user, site=cast.malimono, token=began.json()["token"])
    people = http.get("accounts/users/", by=acting)
    person = http.get(f"accounts/users/{cast.malimono.student.id}/", by=acting)
    elsewhere = [http.get("auth/me/", by=acting, at=site) for site in (cast.delcarmen, "localhost")]
    history = http.get(f"campus/campuses/{cast.malimono.campus.id}/grants/", by=cast.super_admin).json()["results"]

    assert written.status_code == 201, written.content
    assert (grant["host"], grant["reason"], grant["may_write"]) == ("malimono.localhost", REASON, False)
    assert began.status_code == 200, began.content
    assert set(began.json()) == {"token", "expires_at", "may_write", "reason"}
    assert (began.json()["reason"], began.json()["may_write"]) == (REASON, False)
    assert (people.status_code, people.json()["count"], person.status_code) == (200, 7, 200)
    assert [said(answer) for answer in elsewhere] == [(401, ["not_authenticated"])] * 2
    assert [(row["id"], row["super_admin_name"], row["reason"]) for row in history] == [
        (grant["id"], "Sol Aquino", REASON)
    ]
    assert history[0]["exchanged_at"] is not None
    assert "grant" not in history[0]
    with public_context():
        entry = AuditEntry.objects.get(action="campus.acting_granted")
        assert (entry.actor_id, entry.actor_role, entry.reason) == (cast.super_admin.id, "super_admin", REASON)
        assert entry.changes == {"code": "MALIMONO", "grant": grant["id"], "may_write": False}
    with cast.malimono.here():
        entry = AuditEntry.objects.get(action="auth.acting_began")
        assert (entry.actor_id, entry.actor_role, entry.reason) == (cast.super_admin.id, "super_admin", REASON)
        assert entry.changes == {"grant": grant["id"], "may_write": False}
        assert not User.objects.filter(pk=cast.super_admin.id).exists()


def test_without_may_write_nothing_changes(cast: Cast, http: Http) -> None:
    acting = begin(cast, http)
    event = make_event(cast.malimono)
    before = fingerprint("c_malimono")

    answers = [
        http.post("events/events/", EVENT, by=acting),
        http.patch(f"accounts/users/{cast.malimono.student.id}/", {"first_name": "X"}, by=acting),
        http.delete(f"events/events/{event.pk}/", by=acting),
        http.post(f"events/events/{event.pk}/publish/", by=acting, headers={"Idempotency-Key": "k"}),
        http.post("events/attendance/mark_attendance/", {}, by=acting),
    ]

    assert [said(answer) for answer in answers] == [(403, ["acting_read_only"])] * 5
    assert fingerprint("c_malimono") == before


def test_with_may_write_it_is_done_as_a_campus_admin_and_recorded_as_a_super_admin(
    cast: Cast, http: Http, caplog: pytest.LogCaptureFixture
) -> None:
    acting, student = begin(cast, http, may_write=True), str(cast.malimono.student.id)

    created = http.post("events/events/", EVENT, by=acting, headers={"Idempotency-Key": "once"})
    again = http.post("events/events/", EVENT, by=acting, headers={"Idempotency-Key": "once"})
    as_self = http.post("events/events/", {**EVENT, "organizer_id": str(acting.id)}, by=acting)
    event = make_event(cast.malimono)
    marked = http.post("events/attendance/mark_attendance/", {"event_id": str(event.pk), "user_id": student}, by=acting)
    undone = http.post(f"events/attendance/{marked.json()['attendance']['id']}/undo/", {"reason": "mistake"}, by=acting)
    with caplog.at_level("INFO", logger="eas.request"):
        promoted = http.patch(f"accounts/users/{student}/", {"role": "organizer"}, by=acting)

    assert (created.status_code, created.json()["organizer"]) == (201, None)
    assert again.json() == created.json()
    assert said(as_self) == (400, ["organizer_not_found"])
    assert (marked.status_code, undone.status_code, promoted.status_code) == (201, 200, 200)
    assert (caplog.records[-1].actor, caplog.records[-1].role) == (str(cast.super_admin.id), "super_admin")
    with cast.malimono.here():
        assert Event.objects.get(pk=created.json()["id"]).organizer is None
        assert Scan.objects.get().operator_id == Attendance.objects.get().operator_id == cast.super_admin.id
        assert Correction.objects.get().decided_by_id == cast.super_admin.id
        entries = AuditEntry.objects.filter(actor_role="super_admin").order_by("at")
        assert [entry.action for entry in entries] == [
            "auth.acting_began", "event.created", "attendance.undone", "user.changed",
        ]  # fmt: skip
        assert {(entry.actor_id, entry.changes["grant"]) for entry in entries} == {
            (cast.super_admin.id, str(ActingToken.objects.get().grant_id))
        }


def test_whoever_acts_has_no_account_and_no_pass(cast: Cast, http: Http) -> None:
    acting = begin(cast, http, may_write=True)

    answers = [http.get(path, by=acting) for path in ("auth/me/", "auth/tokens/", "accounts/users/me/pass/")]
    answers += [http.post(path, by=acting) for path in ("auth/logout/", "auth/logout-all/", "auth/password/change/")]
    answers += [http.patch("auth/me/", {"phone": "0917"}, by=acting)]
    own = [http.get(f"accounts/{kind}/{acting.id}/", by=acting) for kind in ("users", "profiles")]

    assert [said(answer) for answer in answers] == [(403, ["permission_denied"])] * 7
    assert [said(answer) for answer in own] == [(404, ["not_found"])] * 2


def test_one_who_acts_cannot_be_stored(cast: Cast, http: Http) -> None:
    begin(cast, http, may_write=True)
    with cast.malimono.here():
        acting = ActingToken.objects.get().actor
        with pytest.raises(IntegrityError, match="person_id"), transaction.atomic():
            acting.save(force_insert=True)


@pytest.mark.parametrize("text", ["", "x", "eas_malimono.grant_" + "x" * 43, "other campus", "used", "expired"])
def test_a_grant_that_is_none_has_one_answer(cast: Cast, http: Http, text: str) -> None:
    with time_machine.travel(now() - (GRANT_TIME if text == "expired" else timedelta(0)), tick=False):
        answer = write_grant(cast, http, at=cast.delcarmen if text == "other campus" else None)
    grant = answer.json()["grant"] if " " in text or text in {"used", "expired"} else text
    if text == "used":
        assert http.post("auth/act/", {"grant": grant}, at=cast.malimono).status_code == 200

    refused = http.post("auth/act/", {"grant": grant}, at=cast.malimono)

    assert said(refused) == ((401, ["wrong_grant"]) if text else (400, ["blank"]))
    with cast.malimono.here():
        assert ActingToken.objects.count() == AuditEntry.objects.filter(action="auth.acting_began").count()
        assert ActingToken.objects.count() == (text == "used")
    with public_context():
        assert ActingGrant.objects.filter(exchanged_at__isnull=False).count() == (text == "used")


def test_a_grant_works_once_however_many_try(cast: Cast, http: Http) -> None:
    grant = write_grant(cast, http).json()["grant"]
    gate, answers = threading.Barrier(16), []

    def exchange() -> None:
        try:
            gate.wait()
            answers.append(said(Http().post("auth/act/", {"grant": grant}, at=cast.malimono)))
        except Exception as error:  # noqa: BLE001
            answers.append((0, [repr(error)]))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=exchange) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert Counter((status, *found) for status, found in answers) == {(200,): 1, (401, "wrong_grant"): 15}
    with cast.malimono.here():
        assert ActingToken.objects.count() == 1


def test_a_token_to_act_ends_after_15_minutes(cast: Cast, http: Http) -> None:
    began = now()
    with time_machine.travel(began, tick=False):
        acting = begin(cast, http)
    with time_machine.travel(began + ACTING_TIME - timedelta(seconds=1), tick=False):
        last = http.get("events/events/", by=acting)
    with time_machine.travel(began + ACTING_TIME, tick=False):
        late = http.get("events/events/", by=acting)

    assert timedelta(minutes=15) == ACTING_TIME
    assert last.status_code == 200
    assert said(late) == (401, ["not_authenticated"])


def test_a_suspended_campus_is_not_acted_in(cast: Cast, http: Http) -> None:
    acting, grant = begin(cast, http), write_grant(cast, http).json()["grant"]
    http.post(f"campus/campuses/{cast.malimono.campus.id}/suspend/", {"reason": "test"}, by=cast.super_admin)

    refused = [
        http.get("events/events/", by=acting),
        http.post("auth/act/", {"grant": grant}, at=cast.malimono),
    ]
    new = write_grant(cast, http)

    assert [said(answer) for answer in refused] == [(403, ["campus_suspended"])] * 2
    assert said(new) == (409, ["wrong_campus_state"])
    with public_context():
        assert ActingGrant.objects.filter(exchanged_at__isnull=True).count() == 1


def test_a_grant_wants_a_reason_and_a_campus(cast: Cast, http: Http) -> None:
    nowhere = f"campus/campuses/{uuid4()}/grants/"

    assert said(write_grant(cast, http, reason="")) == (400, ["blank"])
    assert said(write_grant(cast, http, campus="DELCARMEN")) == (400, ["unknown_field"])
    assert said(http.post(nowhere, {"reason": "x"}, by=cast.super_admin)) == (404, ["campus_not_found"])
    assert said(http.get(nowhere, by=cast.super_admin)) == (404, ["campus_not_found"])
    with public_context():
        assert not ActingGrant.objects.exists()


def test_secrets_are_stored_nowhere(cast: Cast, http: Http) -> None:
    path = f"campus/campuses/{cast.malimono.campus.id}/grants/"
    written = http.post(path, {"reason": REASON}, by=cast.super_admin, headers={"Idempotency-Key": "k"}).json()
    token = http.post("auth/act/", {"grant": written["grant"]}, at=cast.malimono).json()["token"]

    stored = ""
    with owner_context(), connection.cursor() as cursor:
        for schema in ("public", "c_malimono"):
            cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", [schema])
            for (table,) in cursor.fetchall():
                cursor.execute(f"SELECT string_agg(t::text, ' ') FROM {schema}.{table} t")
                stored += cursor.fetchone()[0] or ""
    assert REASON in stored
    for secret in (written["grant"], token):
        assert secret not in stored
        assert secret.split("_", 2)[2] not in stored
    history = json.dumps(http.get(path, by=cast.super_admin).json())
    assert written["grant"].split("_", 2)[2] not in history


def test_authenticating_who_acts_is_one_statement(cast: Cast, http: Http) -> None:
    acting = begin(cast, http)
    http.get("auth/tokens/", by=acting)
    before = connection.statements

    refused = http.get("auth/tokens/", by=acting)

    assert refused.status_code == 403
    assert connection.statements - before == 1


def test_the_database_keeps_grants_and_tokens_straight(cast: Cast) -> None:
    moment = now()
    token = {"grant_id": uuid4(), "super_admin_id": uuid4(), "super_admin_name": "S", "reason": "x", "at": moment}
    row = {"super_admin_id": uuid4(), "created_at": moment, "expires_at": moment, "campus": "MALIMONO"}
    with cast.malimono.here():
        begin_acting(**token, may_write=False)
        with pytest.raises(IntegrityError, match="accounts_actingtoken_grant_once"):
            begin_acting(**token, may_write=True)
        stored = ActingToken.objects.get()
        with pytest.raises(IntegrityError, match="accounts_actingtoken_digest_once"):
            ActingToken.objects.create(
                digest=stored.digest, grant_id=uuid4(), super_admin_id=uuid4(), created_at=moment, expires_at=moment
            )
    with public_context():
        ActingGrant.objects.create(digest=b"1", reason="x", **row)
        with pytest.raises(IntegrityError, match="campuses_actinggrant_digest_once"):
            ActingGrant.objects.create(digest=b"1", reason="x", **row)
        with pytest.raises(IntegrityError, match="campuses_actinggrant_has_reason"):
            ActingGrant.objects.create(digest=b"2", reason="", **row)
