"""Any order of what people do, what fails and what is tried again keeps the ledger and the hosts equal.

Through HTTP, as scanners, students and admins do it. The model is what was answered: whoever was told that a person
counts is right for ever, until it is undone.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from shared_apps.campuses.services import reactivate_campus, suspend_campus
from shared_apps.common.clock import now
from shared_apps.common.ids import uuid7
from shared_apps.federation.models import Invitation, Visit
from shared_apps.federation.services.university import call_event, cancel_event, common_event
from shared_apps.federation.services.university import change_event as change_common_event
from tenant_apps.attendance.models import Attendance
from tenant_apps.attendance.services import verdicts
from tenant_apps.attendance.services.reconciling import reconcile_hosts
from tenant_apps.events.models import Event
from tenant_apps.events.services.editing import create_event
from tenant_apps.events.services.following import follow_common_event
from tenants import registry
from tenants.context import owner_context, public_context
from tests.cast import Cast, Http, Site
from tests.factories import pass_of
from tests.shared_apps.federation.sharing import disagreements

MARK = "events/attendance/mark_attendance/"
CRASHES = (None, "before commit", "connection lost", "message", "answer lost")


class Crash(Exception):
    """The process dies here."""


@contextmanager
def crashing(how: str | None) -> Iterator[None]:
    """Let the first federated scan in the block die in that way."""
    if how is None:
        yield
        return

    class Dying:
        @staticmethod
        @contextmanager
        def atomic() -> Iterator[None]:
            with transaction.atomic():
                yield
                if how == "before commit":
                    raise Crash
                if how == "connection lost":
                    with connection.cursor() as cursor:
                        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
            if how == "answer lost":
                raise Crash

    def add_nothing(**_: Any) -> None:
        raise Crash

    with pytest.MonkeyPatch.context() as patch:
        if how == "message":
            patch.setattr(verdicts, "add_message", add_nothing)
        else:
            patch.setattr(verdicts, "transaction", Dying)
        yield


def forget_events(cast: Cast) -> None:
    """Empty what an example has left; the people stay."""
    with owner_context(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT schemaname || '.' || tablename FROM pg_tables WHERE (schemaname = 'public' OR schemaname LIKE 'c\\_%') "
            "AND (tablename LIKE 'federation\\_%' OR tablename LIKE 'events\\_%' OR tablename LIKE 'attendance\\_%' "
            "OR tablename LIKE 'outbox\\_%' OR tablename LIKE 'audit\\_%')"
        )
        cursor.execute(f"TRUNCATE {', '.join(row[0] for row in cursor.fetchall())} CASCADE")  # certificates too
    for site in (cast.malimono, cast.delcarmen):
        set_state(site, "ready")


def set_state(site: Site, state: str) -> None:
    change = {"ready": reactivate_campus, "suspended": suspend_campus}[state]
    with public_context():
        change(by=None, at=now(), campus_id=site.campus.id, reason="model")
    registry.forget()
    registry.get_snapshot()  # inside a transaction the old one would be believed


class LedgerMachine(RuleBasedStateMachine):
    """Del Carmen hosts an event of two sessions; Malimono and Del Carmen hold a university-wide one."""

    cast: ClassVar[Cast]
    done: ClassVar[dict[str, int]] = {}

    @initialize(seats=st.sampled_from([None, 1, 2]))
    def begin(self, seats: int | None) -> None:
        cast, moment = self.cast, now()
        forget_events(cast)
        self.http = Http()
        self.sites = {site.campus.code: site for site in (cast.malimono, cast.delcarmen, cast.snsu)}
        self.people = [
            cast.malimono.student, cast.malimono.friend, cast.delcarmen.student, cast.snsu.student, cast.snsu.friend,
        ]  # fmt: skip
        self.passes = [pass_of(person) for person in self.people]
        self.suspended: set[str] = set()
        self.sent: list[tuple[Site, dict[str, Any], Any]] = []
        # (federated event, person) -> (host, {session: attendance id})
        self.counted: dict[tuple[UUID, UUID], tuple[str, dict[str, str]]] = {}
        times = {"starts_at": moment - timedelta(minutes=5), "ends_at": moment + timedelta(hours=3)}
        with cast.delcarmen.here():
            hosted = create_event(
                by=cast.delcarmen.admin.user, at=moment, title="Games", sessions=[times, times], is_multi_campus=True,
                allowed_campuses=["MALIMONO"], campus_seats={"MALIMONO": seats},
            )  # fmt: skip
        with public_context():
            self.common = call_event(
                by=cast.super_admin.user, at=moment, title="University Day", campuses=["MALIMONO", "DELCARMEN"],
                starts_at=moment - timedelta(minutes=5), ends_at=moment + timedelta(hours=3),
            )  # fmt: skip
        # By name: the site, its own event, the federated event.
        self.events = {"games": (cast.delcarmen, hosted.pk, hosted.pk)}
        self.follow()
        for site in (cast.malimono, cast.delcarmen):
            with site.here():
                local = Event.objects.get(federated_event_id=self.common.pk).pk
            self.events[f"day at {site.campus.code}"] = (site, local, self.common.pk)
        self.sessions = {}
        for name, (site, local, _) in self.events.items():
            with site.here():
                self.sessions[name] = [str(row.pk) for row in Event.objects.get(pk=local).sessions.order_by("id")]
        # Most of what there is to see needs open events; closing them is a rule.
        for name in self.events:
            self.change(name, "publish", {})

    # --- What people do ---------------------------------------------------------------------------------------------
    def change(self, name: str, verb: str, body: dict[str, Any]) -> Any:
        site, local, _ = self.events[name]
        return self.http.post(f"events/events/{local}/{verb}/", body, by=site.admin)

    @rule(who=st.integers(0, 4), again=st.booleans())
    def register_or_withdraw(self, who: int, again: bool) -> None:
        person, event_id = self.people[who], self.events["games"][1]
        if again:
            answer = self.http.post(f"federation/registrations/{event_id}/withdraw/", by=person)
        else:
            answer = self.http.post("federation/registrations/", {"event_id": str(event_id)}, by=person)
        if person.site.campus.code in self.suspended:
            assert answer.status_code == 403
        assert answer.status_code < 500, answer.content

    @rule(
        name=st.sampled_from(["games", "games", "day at MALIMONO", "day at DELCARMEN"]), who=st.integers(0, 4),
        session=st.integers(0, 1), direction=st.sampled_from(["in", "in", "in", "out"]), crash=st.sampled_from(CRASHES),
    )  # fmt: skip
    def scan(self, name: str, who: int, session: int, direction: str, crash: str | None) -> None:
        site, local, _ = self.events[name]
        sessions = self.sessions[name]
        body = {
            "event_id": str(local), "pass": self.passes[who], "direction": direction, "scan_id": str(uuid7()),
            "session_id": sessions[session % len(sessions)],
        }  # fmt: skip
        with crashing(crash):
            answer = self.http.post(MARK, body, by=site.scanner)
        if answer.status_code >= 500:
            self.note(f"crash: {crash}")
            answer = self.http.post(MARK, body, by=site.scanner)
        self.take(name, who, body, answer)

    @rule(
        name=st.sampled_from(["games", "day at MALIMONO", "day at DELCARMEN"]), first=st.integers(0, 4),
        crash=st.sampled_from(CRASHES),
    )  # fmt: skip
    def everybody_comes(self, name: str, first: int, crash: str | None) -> None:
        for number in range(first, first + 3):
            self.scan(name=name, who=number % 5, session=number, direction="in", crash=crash)

    def take(self, name: str, who: int, body: dict[str, Any], answer: Any) -> None:
        """Believe what was answered."""
        site, _, shared = self.events[name]
        host, person = site.campus.code, self.people[who]
        assert answer.status_code in {200, 201, 403, 404, 422}, answer.content
        if host in self.suspended:
            assert (answer.status_code, answer.json()["errors"][0]["code"]) == (403, "campus_suspended")
            return
        if answer.status_code == 404:
            return
        self.sent.append((site, body, answer))
        said = answer.json()
        self.note(said["code"])
        if said["code"] != "recorded":
            return
        key = (shared, person.user.person_id)
        assert said["home_campus"] == person.site.campus.code
        counted_at, attended = self.counted.setdefault(key, (host, {}))
        assert counted_at == host, "counted at two campuses"
        attended[said["attendance"]["session"]] = said["attendance"]["id"]

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def say_it_again(self, data: st.DataObject) -> None:
        site, body, first = data.draw(st.sampled_from(self.sent[-8:]))
        again = self.http.post(MARK, body, by=site.scanner)
        if site.campus.code not in self.suspended:
            assert (again.status_code, again.content) == (first.status_code, first.content)

    @precondition(lambda self: self.counted)
    @rule(data=st.data())
    def undo(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.counted, key=str)))
        host, attended = self.counted[key]
        session = data.draw(st.sampled_from(sorted(attended)))
        site = self.sites[host]
        answer = self.http.post(f"events/attendance/{attended[session]}/undo/", {"reason": "wrong"}, by=site.admin)
        assert answer.status_code == (403 if host in self.suspended else 200), answer.content
        if answer.status_code == 200:
            self.note("undone")
            del attended[session]
            if not attended:
                del self.counted[key]

    @rule(
        allowed=st.sampled_from([["MALIMONO"], ["MALIMONO", "SNSU"], ["SNSU"], []]),
        seats=st.sampled_from([None, 0, 1, 2, 3]),
    )  # fmt: skip
    def invite(self, allowed: list[str], seats: int | None) -> None:
        site, local, _ = self.events["games"]
        body = {"allowed_campuses": allowed, "campus_seats": dict.fromkeys(allowed, seats)}
        answer = self.http.patch(f"events/events/{local}/", body, by=site.admin)
        assert answer.status_code in {200, 400, 403, 409}, answer.content
        self.note(f"invite: {answer.status_code}")

    @rule(
        name=st.sampled_from(["games", "day at MALIMONO", "day at DELCARMEN"]),
        verb=st.sampled_from(["publish"] * 8 + ["complete", "cancel"]),
    )
    def open_or_close(self, name: str, verb: str) -> None:
        answer = self.change(name, verb, {"reason": "model"} if verb == "cancel" else {})
        assert answer.status_code in {200, 403, 409}, answer.content

    @rule(cancels=st.sampled_from([False, False, False, True]))
    def change_what_is_common(self, cancels: bool) -> None:
        with public_context():
            by, at, event_id = self.cast.super_admin.user, now(), self.common.pk
            if cancels:
                self.common = cancel_event(by=by, at=at, event_id=event_id, reason="rain")
            elif self.common.status == "published":
                changes = {"title": f"Day {at:%f}"}
                self.common = change_common_event(by=by, at=at, event_id=event_id, changes=changes)
        self.follow()

    def follow(self) -> None:
        for site in (self.cast.malimono, self.cast.delcarmen):
            with site.here():
                follow_common_event(common=common_event(self.common), at=now())

    @rule(code=st.sampled_from(["MALIMONO", "DELCARMEN"]))
    def suspend_or_reactivate(self, code: str) -> None:
        self.suspended ^= {code}
        set_state(self.sites[code], "suspended" if code in self.suspended else "ready")

    @rule()
    def reconcile(self) -> None:
        """There is never anything to mend."""
        assert [found for _, found in reconcile_hosts(at=now(), repair=True) if found] == []

    # --- What is always true ----------------------------------------------------------------------------------------
    @invariant()
    def the_ledger_says_what_was_answered(self) -> None:
        if not hasattr(self, "counted"):
            return
        home = {person.user.person_id: person.site.campus.code for person in self.people}
        with public_context():
            visits = list(Visit.objects.exclude(status="void").values_list("event_id", "person_id", "host", "home"))
            bounds = list(Invitation.objects.values_list("seats", "taken"))
        wanted = [(event, person, host, home[person]) for (event, person), (host, _) in self.counted.items()]
        assert sorted(visits, key=str) == sorted(wanted, key=str)
        assert all(seats is None or taken <= seats for seats, taken in bounds)

    def teardown(self) -> None:
        if not hasattr(self, "counted"):
            return
        assert disagreements(self.cast) == []
        for code, site in self.sites.items():
            with site.here():
                present = Attendance.objects.exclude(status="void").values_list("pk", flat=True)
                told = {id_ for host, attended in self.counted.values() if host == code for id_ in attended.values()}
                assert {str(pk) for pk in present} == told

    def note(self, what: str) -> None:
        """Count what was reached, so that a model in which nothing happens is noticed."""
        self.done[what] = self.done.get(what, 0) + 1


def run(cast: Cast, *, examples: int, steps: int) -> dict[str, int]:
    machine = type("Machine", (LedgerMachine,), {"cast": cast, "done": {}})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples, stateful_step_count=steps, deadline=None, database=None, print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip
    return machine.done


@pytest.mark.timeout(900)
def test_ledger_and_hosts_stay_equal(cast: Cast) -> None:
    done = run(cast, examples=12, steps=25)

    assert done["recorded"] > 0, done


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_ledger_and_hosts_stay_equal_for_long(cast: Cast) -> None:
    done = run(cast, examples=80, steps=50)

    reached = {
        "recorded", "duplicate", "undone", "already_counted_elsewhere", "campus_not_invited", "seats_taken",
        "not_checked_in", "crash: before commit", "crash: connection lost", "crash: message", "crash: answer lost",
    }  # fmt: skip
    assert reached <= set(done), done
