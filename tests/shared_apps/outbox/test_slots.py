"""Periodic work happens once a slot, on each site by itself, whatever the number of beats."""

import threading
from datetime import UTC, datetime, timedelta

from django.db import connections

from shared_apps.common.clock import now
from shared_apps.federation.models import Reconciliation
from shared_apps.outbox.models import OutboxMessage, Slot
from shared_apps.outbox.services import KEPT_FOR, forget_finished_messages, take_slot
from tenant_apps.attendance.tasks import reconcile_on_schedule
from tenants.context import public_context
from tests.cast import Cast

HOUR = timedelta(hours=1)


def test_a_slot_is_taken_once_by_whoever_is_first(cast: Cast) -> None:
    at = datetime(2026, 3, 2, 8, 59, 59, tzinfo=UTC)
    gate, taken = threading.Barrier(8), []

    def beat() -> None:
        with public_context():
            gate.wait()
            taken.append(take_slot(name="work", every=HOUR, at=at))
        connections.close_all()

    threads = [threading.Thread(target=beat) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(taken) == [False] * 7 + [True]
    with public_context():
        assert Slot.objects.get().begins_at == datetime(2026, 3, 2, 8, tzinfo=UTC)
        assert take_slot(name="work", every=HOUR, at=at + timedelta(seconds=1))
        assert take_slot(name="other work", every=HOUR, at=at)
    with cast.malimono.here():
        assert take_slot(name="work", every=HOUR, at=at)


def test_old_slots_are_forgotten(cast: Cast) -> None:
    at = now()
    with cast.malimono.here():
        take_slot(name="work", every=HOUR, at=at - KEPT_FOR - 2 * HOUR)
        take_slot(name="work", every=HOUR, at=at)

        assert forget_finished_messages(at=at) == 1
        assert Slot.objects.count() == 1


def test_two_beats_ask_for_one_reconciliation(cast: Cast) -> None:
    with public_context():
        reconcile_on_schedule.run()
        reconcile_on_schedule.run()

        assert Reconciliation.objects.count() == 1
        assert OutboxMessage.objects.filter(kind="tenant_apps.attendance.tasks.reconcile").count() == 1
