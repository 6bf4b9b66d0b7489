"""Processes killed and connections cut while visitors are scanned at two hosts: everybody once, and both sides agree."""

import os
import random
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import transaction

from shared_apps.campuses.services import reactivate_campus, suspend_campus
from shared_apps.common.clock import now
from shared_apps.common.ids import uuid7
from shared_apps.federation import tasks
from shared_apps.federation.models import Visit
from shared_apps.federation.services.university import call_event
from shared_apps.federation.tasks import hold_event
from shared_apps.outbox.models import OutboxMessage
from shared_apps.outbox.services import CAMPUS_RESTS, LEASE, relay_due_messages
from tenant_apps.attendance import tasks as attendance_tasks
from tenant_apps.attendance.models import Attendance, Scan, Visitor
from tenant_apps.attendance.rules.scans import Method
from tenant_apps.attendance.services.recording import record_scan
from tenant_apps.attendance.services.verdicts import ScanRequest
from tenant_apps.attendance.tasks import learn_visitor_name
from tenant_apps.events.models import Event, Session
from tenants import registry
from tenants.context import campus_context, public_context
from tenants.registry import find_campus
from tests.cast import Cast, Site
from tests.factories import make_shared_event, pass_of
from tests.faults.harm import Killer, cutting, scan_through
from tests.live import LiveServer, live_server
from tests.shared_apps.federation.sharing import disagreements, enrol, hold_everywhere, passes
from tests.tenant_apps.attendance.test_races import together

MARK = "/api/v1/events/attendance/mark_attendance/"


# --- Web and database ------------------------------------------------------------------------------------------------
def scan_everywhere_under(cast: Cast, server: LiveServer, *, people: int, doors: int, harm: Callable[[], None]) -> None:
    """Show everybody at every door of two hosts, each scan repeated until it is answered, while ``harm`` is done."""
    hosts = (cast.malimono, cast.delcarmen)
    _, events = hold_everywhere(cast, *hosts, cast.snsu)
    crowd = [*enrol(cast.malimono, people), *enrol(cast.delcarmen, people), *enrol(cast.snsu, people)]
    texts = passes(crowd)
    answered: dict[str, tuple[str, str, str]] = {}
    lock, trouble = threading.Lock(), []

    def door(number: int) -> None:
        host = hosts[number % 2]
        for text in random.Random(number // 2).sample(texts, len(texts)):
            scan_id = str(uuid7())
            body = {"event_id": str(events[host.campus.code].pk), "pass": text, "scan_id": scan_id}
            until = time.monotonic() + 60
            while time.monotonic() < until:
                status, answer = server.send("POST", MARK, body, host=host.host, token=host.scanner.token)
                if status in {200, 201, 422}:
                    with lock:
                        answered[scan_id] = (host.campus.code, text, answer["code"])
                    break
                if status not in {0, 503}:
                    trouble.append(f"{status} {answer}")
                time.sleep(0.05)
            else:
                trouble.append("never answered")

    scan_through(server, door=door, doors=doors, harm=harm)

    assert trouble == []
    assert len(answered) == len(texts) * doors
    won: dict[str, str] = {}
    for host, text, code in answered.values():
        if code == "recorded":
            assert text not in won, "counted twice"
            won[text] = host
    assert set(won) == set(texts)
    for host, text, code in answered.values():
        assert (code == "already_counted_elsewhere") == (won[text] != host)
    with public_context():
        visits = {visit.person_id: (visit.host, visit.home) for visit in Visit.objects.all()}
    assert visits == {
        person.user.person_id: (won[text], person.site.campus.code) for person, text in zip(crowd, texts, strict=True)
    }
    for host in hosts:
        with host.here():
            stored = {str(scan_id): code for scan_id, code in Scan.objects.values_list("scan_id", "code")}
            assert Attendance.objects.count() == sum(code == host.campus.code for code in won.values())
        assert stored == {
            scan_id: code for scan_id, (where, _, code) in answered.items() if where == host.campus.code
        }  # fmt: skip
    assert disagreements(cast) == []


@pytest.mark.slow
def test_web_processes_killed_while_visitors_are_scanned_at_two_hosts(cast: Cast, tmp_path: Path) -> None:
    with live_server(tmp_path / "web.log") as server:
        kill_one = Killer(server)
        scan_everywhere_under(cast, server, people=12, doors=6, harm=kill_one)
        assert kill_one.killed["worker"] >= 1


@pytest.mark.slow
@pytest.mark.skipif("EAS_TEST_SUPERUSER_URL" not in os.environ, reason="needs the embedded server's superuser")
def test_database_connections_cut_while_visitors_are_scanned_at_two_hosts(cast: Cast, tmp_path: Path) -> None:
    with cutting("malimono|delcarmen") as cut_all, live_server(tmp_path / "web.log") as server:
        scan_everywhere_under(cast, server, people=12, doors=6, harm=cut_all)
    assert cut_all.cuts >= 5


# --- Relays and workers ----------------------------------------------------------------------------------------------
class Broker:
    """Keeps what relays bring, as often as they bring it."""

    def __init__(self) -> None:
        self.got: list[tuple[str, str, UUID, dict[str, Any]]] = []

    def publish(self, kind: str, site: str, message_id: UUID, payload: dict[str, Any]) -> None:
        self.got.append((kind, site, message_id, payload))


def relay(cast: Cast, broker: Broker, at: Any) -> int:
    campuses = [cast.malimono.campus, cast.delcarmen.campus, cast.snsu.campus]
    return relay_due_messages(campuses=campuses, at=at, publish=broker.publish)


def work(delivery: tuple[str, str, UUID, dict[str, Any]]) -> None:
    """Run one delivery as a worker does: in the site that its envelope names."""
    kind, site, message_id, payload = delivery
    task = {hold_event.name: hold_event, learn_visitor_name.name: learn_visitor_name}[kind]
    campus = find_campus(site) if site != "public" else None
    with campus_context(campus) if campus else public_context():
        task.run(message_id=str(message_id), **payload)


def unfinished(site: Site | None) -> int:
    with site.here() if site else public_context():
        return OutboxMessage.objects.filter(finished_at__isnull=True).count()


def call(cast: Cast) -> UUID:
    moment = now()
    with public_context():
        return call_event(
            by=cast.super_admin.user, at=moment, title="University Day", starts_at=moment,
            ends_at=moment + timedelta(hours=2), campuses=["MALIMONO", "DELCARMEN", "SNSU"],
        ).pk  # fmt: skip


def visit(host: Site, home: Site) -> UUID:
    event = make_shared_event(host, home)
    with host.here():
        record_scan(
            by=host.scanner.user, at=now(),
            scan=ScanRequest(event_id=event.pk, method=Method.PASS, value=pass_of(home.student)),
        )  # fmt: skip
    return home.student.user.person_id


def test_messages_carried_by_four_relays_and_run_by_many_workers_have_one_effect(cast: Cast) -> None:
    event_id = call(cast)
    person_id = visit(cast.delcarmen, cast.malimono)
    broker, moment = Broker(), now()

    assert together(4, lambda _: relay(cast, broker, moment)) == []
    assert len(broker.got) == 4  # three campuses to tell, one name to ask for
    relay(cast, broker, moment + LEASE)  # nobody has said that it is done: carried again
    assert len(broker.got) == 8

    assert together(16, lambda number: work(broker.got[number % 8])) == []

    for site in (cast.malimono, cast.delcarmen, cast.snsu):
        with site.here():
            event = Event.objects.get(federated_event_id=event_id)
            assert Session.objects.filter(event=event).count() == 1
    with cast.delcarmen.here():
        assert list(Visitor.objects.values_list("person_id", "display_name")) == [(person_id, "Ana Reyes")]
    assert [unfinished(site) for site in (None, cast.malimono, cast.delcarmen, cast.snsu)] == [0, 0, 0, 0]
    assert relay(cast, broker, moment + 100 * LEASE) == 0


@pytest.mark.parametrize("step", ["claim_message", "finish_message"])
def test_a_message_whose_worker_died_is_carried_again(cast: Cast, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    class Killed(BaseException):
        pass

    def die(**_: Any) -> None:
        raise Killed

    event_id = call(cast)
    visit(cast.delcarmen, cast.malimono)
    broker, moment = Broker(), now()
    relay(cast, broker, moment)
    with monkeypatch.context() as patch:
        for module in (tasks, attendance_tasks):
            patch.setattr(module, step, die)
        for delivery in broker.got:
            with pytest.raises(Killed):
                work(delivery)
    with cast.delcarmen.here():
        assert Visitor.objects.get().display_name is None  # the name goes with the message, or not at all
    assert relay(cast, broker, moment + LEASE - timedelta(seconds=1)) == 0
    broker.got.clear()

    assert relay(cast, broker, moment + LEASE) == 4
    for delivery in broker.got:
        work(delivery)

    for site in (cast.malimono, cast.delcarmen, cast.snsu):
        with site.here():
            assert Event.objects.filter(federated_event_id=event_id).count() == 1
    with cast.delcarmen.here():
        assert Visitor.objects.get().display_name == "Ana Reyes"
    assert [unfinished(site) for site in (None, cast.malimono, cast.delcarmen, cast.snsu)] == [0, 0, 0, 0]


def test_a_suspended_campus_gets_the_event_when_it_is_back(cast: Cast) -> None:
    def set_state(change: Any) -> None:
        with public_context():
            change(by=None, at=now(), campus_id=cast.delcarmen.campus.id, reason="test")
        registry.forget()

    event_id = call(cast)
    set_state(suspend_campus)
    broker, moment = Broker(), now()
    relay(cast, broker, moment)
    for delivery in broker.got:
        work(delivery)
    with cast.delcarmen.here():
        assert not Event.objects.exists()
    assert unfinished(None) == 1
    set_state(reactivate_campus)
    broker.got.clear()

    relay(cast, broker, moment + CAMPUS_RESTS + timedelta(minutes=1))
    for delivery in broker.got:
        work(delivery)

    with cast.delcarmen.here():
        assert Event.objects.get().federated_event_id == event_id
    assert unfinished(None) == 0


def test_a_scan_that_was_rolled_back_asks_for_no_name(cast: Cast) -> None:
    """The message is part of the scan: without the one there is not the other."""
    host, home = cast.delcarmen, cast.malimono
    event = make_shared_event(host, home)
    scan = ScanRequest(event_id=event.pk, method=Method.PASS, value=pass_of(home.student), scan_id=uuid4())

    class Killed(BaseException):
        pass

    with host.here():
        with pytest.raises(Killed), transaction.atomic():
            record_scan(by=host.scanner.user, at=now(), scan=scan)
            raise Killed
        assert not Scan.objects.exists()
        assert not OutboxMessage.objects.exists()
        assert record_scan(by=host.scanner.user, at=now(), scan=scan).status == 201
        assert OutboxMessage.objects.count() == 1
    assert disagreements(cast) == []
