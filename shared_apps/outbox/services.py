"""Writing messages, carrying them to the broker, and marking them done.

A request never waits for a broker: it writes a row in its own transaction. The relay carries the row to Celery and
takes a lease on it; the task marks the row finished in the transaction of its effect. A message that was carried and
not finished in time is carried again, so nothing is lost with a worker, a broker or the relay.
"""

import json
import logging
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction

from shared_apps.outbox.hints import send_hint
from shared_apps.outbox.models import OutboxMessage, Slot
from shared_apps.outbox.rules import MOST_ATTEMPTS
from tenants.context import relay_context, site_code
from tenants.registry_types import CampusEntry

logger = logging.getLogger("eas.outbox")

LEASE: Final = timedelta(seconds=60)
# How long a message waits for a campus that is suspended, restored or behind.
CAMPUS_RESTS: Final = timedelta(minutes=10)
KEPT_FOR: Final = timedelta(days=7)
_BATCH: Final = 100

Publish = Callable[[str, str, UUID, dict[str, Any]], None]


def add_message(*, kind: str, payload: dict[str, Any], at: datetime) -> OutboxMessage:
    """Write one message in the current transaction; the relay is told when it commits.

    ``kind`` is the name of the Celery task that will get ``message_id`` and the payload as keyword arguments.
    """
    site = site_code()
    transaction.on_commit(lambda: send_hint(site), robust=True)
    return OutboxMessage.objects.create(kind=kind, payload=payload, created_at=at, due_at=at)


def add_messages(*, kind: str, payloads: Iterable[dict[str, Any]], at: datetime) -> None:
    """Write one message for each payload in the current transaction: one statement."""
    site = site_code()
    transaction.on_commit(lambda: send_hint(site), robust=True)
    OutboxMessage.objects.bulk_create(
        OutboxMessage(kind=kind, payload=payload, created_at=at, due_at=at) for payload in payloads
    )


def claim_message(*, message_id: UUID) -> bool:
    """Return whether the message is still to be done; its row stays locked until the transaction ends.

    Call first in the transaction of the effect, and ``finish_message`` last: two workers with the same message take
    turns, and the second finds it finished.
    """
    return OutboxMessage.objects.select_for_update(no_key=True).filter(pk=message_id, finished_at__isnull=True).exists()


def postpone_message(*, message_id: UUID, until: datetime) -> None:
    """Let the message wait for something that is not there now: carried again at ``until``, and never given up."""
    OutboxMessage.objects.filter(pk=message_id, finished_at__isnull=True).update(due_at=until, attempts=0)


def finish_message(*, message_id: UUID, at: datetime, error: str = "") -> None:
    """Mark the message done, in the transaction of its effect."""
    OutboxMessage.objects.filter(pk=message_id).update(finished_at=at, error=error[:500])


def abandon_messages(*, at: datetime, error: str) -> int:
    """Mark every unfinished message of this site done without doing it; return how many."""
    return OutboxMessage.objects.filter(finished_at__isnull=True).update(finished_at=at, error=error[:500])


def forget_finished_messages(*, at: datetime) -> int:
    """Delete messages that were done a week ago; return how many. Those that were given up stay, to be looked at."""
    deleted, _ = OutboxMessage.objects.filter(finished_at__lt=at - KEPT_FOR).delete()
    slots, _ = Slot.objects.filter(begins_at__lt=at - KEPT_FOR).delete()
    return deleted + slots


def take_slot(*, name: str, every: timedelta, at: datetime) -> bool:
    """Return whether the turn of ``name`` in which ``at`` lies is the caller's: true once, for any number of beats.

    Turns begin at multiples of ``every`` since 1970.
    """
    begins_at = turn_of(every=every, at=at)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {Slot._meta.db_table} (name, begins_at, taken_at) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
            [name, begins_at, at],
        )
        return cursor.rowcount == 1


def turn_of(*, every: timedelta, at: datetime) -> datetime:
    """Return when the turn begins in which ``at`` lies."""
    return at - (at - datetime(1970, 1, 1, tzinfo=UTC)) % every


def find_last_turn(*, name: str) -> datetime | None:
    """Return when the last turn of ``name`` was taken; None where none was, in the days that turns are kept.

    Ask before ``take_slot``, in one transaction with what is done: then nothing between two turns is left out, whatever
    was killed or away meanwhile.
    """
    last = Slot.objects.filter(name=name).order_by("-begins_at").first()
    return last.taken_at if last else None


def relay_due_messages(*, campuses: Iterable[CampusEntry], at: datetime, publish: Publish) -> int:
    """Carry every due message of those campuses and of the public site to the broker; return how many.

    ``publish(kind, site, message id, payload)`` raises when the broker is away: then the message stays due.
    Any number of relays may run; each row is carried by the one that locks it.

    Locks: the rows being carried, skipped by other relays.
    """
    carried = 0
    with relay_context():
        for site, schema in [("public", "public"), *((campus.code, campus.schema_name) for campus in campuses)]:
            carried += _relay_schema(site=site, schema=schema, at=at, publish=publish)
    return carried


def _relay_schema(*, site: str, schema: str, at: datetime, publish: Publish) -> int:
    table = f'"{schema}"."{OutboxMessage._meta.db_table}"'
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            f"SELECT id, kind, payload::text, attempts FROM {table} "
            "WHERE finished_at IS NULL AND due_at <= %s AND attempts < %s "
            "ORDER BY due_at LIMIT %s FOR NO KEY UPDATE SKIP LOCKED",
            [at, MOST_ATTEMPTS, _BATCH],
        )
        rows = cursor.fetchall()
        for message_id, kind, payload, attempts in rows:
            publish(kind, site, message_id, json.loads(payload))
            # The lease doubles with every try, so that a poisoned message does not crowd out the others.
            cursor.execute(
                f"UPDATE {table} SET attempts = %s, due_at = %s WHERE id = %s",
                [attempts + 1, at + LEASE * 2**attempts, message_id],
            )
    return len(rows)
