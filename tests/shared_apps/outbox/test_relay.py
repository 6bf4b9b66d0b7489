"""Messages leave the transaction that wrote them, once it commits, and are never lost."""

import threading
from collections import Counter
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connections, transaction

from shared_apps.common.clock import now
from shared_apps.outbox import hints
from shared_apps.outbox.models import OutboxMessage
from shared_apps.outbox.services import (
    LEASE,
    MOST_ATTEMPTS,
    add_message,
    claim_message,
    finish_message,
    relay_due_messages,
)
from tenants.context import public_context
from tests.cast import Cast


class Broker:
    """Keeps what it is given; ``away`` makes it refuse, as a broker that is down does."""

    def __init__(self) -> None:
        self.got: list[tuple] = []
        self.away = False

    def publish(self, kind: str, site: str, message_id, payload: dict) -> None:
        if self.away:
            raise ConnectionError
        self.got.append((kind, site, message_id, payload))


@pytest.fixture
def broker() -> Broker:
    return Broker()


def relay(cast: Cast, broker: Broker, at=None) -> int:
    return relay_due_messages(
        campuses=[cast.malimono.campus, cast.delcarmen.campus], at=at or now(), publish=broker.publish
    )


def test_each_message_is_carried_with_the_campus_it_was_written_in(cast: Cast, broker: Broker) -> None:
    for site in (cast.malimono, cast.delcarmen):
        with site.here():
            add_message(kind="a.task", payload={"n": site.campus.code}, at=now())
    with public_context():
        add_message(kind="b.task", payload={}, at=now())

    assert relay(cast, broker) == 3
    assert relay(cast, broker) == 0

    assert {(kind, site) for kind, site, _, _ in broker.got} == {
        ("a.task", "MALIMONO"), ("a.task", "DELCARMEN"), ("b.task", "public"),
    }  # fmt: skip
    assert all(payload.get("n") == site for kind, site, _, payload in broker.got if kind == "a.task")


def test_a_rolled_back_change_leaves_no_message(cast: Cast, broker: Broker) -> None:
    with cast.malimono.here(), pytest.raises(LookupError), transaction.atomic():
        add_message(kind="a.task", payload={}, at=now())
        raise LookupError

    assert relay(cast, broker) == 0


def test_broker_down_means_later_never_lost(cast: Cast, broker: Broker) -> None:
    with cast.malimono.here():
        add_message(kind="a.task", payload={}, at=now())
    broker.away = True
    with pytest.raises(ConnectionError):
        relay(cast, broker)
    broker.away = False

    assert relay(cast, broker) == 1


def test_what_is_not_finished_in_time_is_carried_again(cast: Cast, broker: Broker) -> None:
    moment = now()
    with cast.malimono.here():
        message = add_message(kind="a.task", payload={}, at=moment)
    relay(cast, broker, moment)

    assert relay(cast, broker, moment + LEASE - timedelta(seconds=1)) == 0
    assert relay(cast, broker, moment + LEASE) == 1
    with cast.malimono.here():
        finish_message(message_id=message.pk, at=moment)
    assert relay(cast, broker, moment + 10 * LEASE) == 0


def test_a_poisoned_message_is_given_up_and_stays_visible(cast: Cast, broker: Broker) -> None:
    moment = now()
    with cast.malimono.here():
        add_message(kind="a.task", payload={}, at=moment)
    for _ in range(MOST_ATTEMPTS + 3):
        relay(cast, broker, moment)
        moment += LEASE * 2**MOST_ATTEMPTS

    assert len(broker.got) == MOST_ATTEMPTS
    with cast.malimono.here():
        assert OutboxMessage.objects.get().attempts == MOST_ATTEMPTS


def test_four_relays_carry_each_message_once(cast: Cast, broker: Broker) -> None:
    with cast.malimono.here(), transaction.atomic():
        for _ in range(200):
            add_message(kind="a.task", payload={}, at=now())

    def run() -> None:
        while relay(cast, broker):
            pass
        connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert Counter(Counter(message_id for _, _, message_id, _ in broker.got).values()) == {1: 200}


def test_a_message_is_done_once_however_often_it_is_delivered(cast: Cast) -> None:
    with cast.malimono.here():
        message = add_message(kind="a.task", payload={}, at=now())
        with transaction.atomic():
            assert claim_message(message_id=message.pk)
            finish_message(message_id=message.pk, at=now())
        with transaction.atomic():
            assert not claim_message(message_id=message.pk)
            assert not claim_message(message_id=uuid4())
    with cast.delcarmen.here(), transaction.atomic():
        assert not claim_message(message_id=message.pk)


def test_the_relay_is_woken_by_a_hint_after_the_commit(cast: Cast) -> None:
    hints.wait_for_hints(0.01)
    with cast.malimono.here(), transaction.atomic():
        add_message(kind="a.task", payload={}, at=now())
        before = hints.wait_for_hints(0.01)

    assert before == set()
    assert "malimono" in hints.wait_for_hints(1)


def test_a_request_does_not_wait_for_a_valkey_that_is_away(cast: Cast, settings, monkeypatch) -> None:
    settings.REDIS_URL = "unix:///nowhere/valkey.sock?db=0"
    hints._client.cache_clear()
    monkeypatch.setattr(hints, "_rest_until", 0.0)
    try:
        with cast.malimono.here():
            for _ in range(50):
                add_message(kind="a.task", payload={}, at=now())
            assert OutboxMessage.objects.count() == 50
    finally:
        hints._client.cache_clear()
        monkeypatch.setattr(hints, "_rest_until", 0.0)
