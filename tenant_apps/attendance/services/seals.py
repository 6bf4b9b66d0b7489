"""Sealing what is committed, so that nobody alters it unnoticed. Recording presence knows nothing of it.

Only committed rows are seen, and what commits late is in no seal until then: so it is sealed by the next turn, whatever
its id and time. Two that seal at once make the same number, and one of them leaves it to the other.
"""

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction

from shared_apps.common.ids import uuid7
from shared_apps.outbox.services import take_slot
from tenant_apps.attendance.rules.seals import CORRECTION, LATEST, REQUEST, SCAN, digest_seal
from tenant_apps.attendance.selectors.seals import find_active_events, find_link, find_unsealed, read_rows
from tenants.context import current_campus

SEAL_EVERY: Final = timedelta(minutes=1)
SWEEP_EVERY: Final = timedelta(hours=1)
# What a sweep looks back for: turns that were missed, and whatever a day without a worker has left.
SWEEPS: Final = timedelta(days=7)
_MOST_ROWS: Final = 5000

_SEAL: Final = """
    INSERT INTO attendance_seal (id, event_id, number, scan_ids, correction_ids, request_ids, row_digests, digest,
                                 sealed_at)
    VALUES (%(id)s, %(event)s, %(number)s, %(scan)s::uuid[], %(correction)s::uuid[], %(request)s::uuid[],
            %(digests)s, %(digest)s, %(at)s)
    ON CONFLICT (event_id, number) DO NOTHING
"""
_HEAD: Final = """
    INSERT INTO public.federation_sealhead (event_id, campus, number, digest, sealed_at)
    VALUES (%(event)s, %(campus)s, %(number)s, %(digest)s, %(at)s)
"""


def seal_campus(*, at: datetime) -> int:
    """Seal what has come lately at every event of this campus; return how many seals were made.

    A turn looks at events of which something was received or decided within ``LATEST``; once an hour at those of the
    last ``SWEEPS``, and at those that have no seal at all. Each event is sealed from its own last seal on, so it makes
    no difference how many turns were missed. Each is a transaction of its own: killed in between, the rest is sealed by
    the next turn.
    """
    is_sweep = take_slot(name="sweep-seals", every=SWEEP_EVERY, at=at)
    events = find_active_events(at - (SWEEPS if is_sweep else LATEST), also_unsealed=is_sweep)
    return sum(seal_event(event_id=one, at=at) for one in events)


@transaction.atomic
def seal_event(*, event_id: UUID, at: datetime) -> int:
    """Seal what of one event is committed and in no seal, all of it or nothing; return how many seals that took.

    Every seal is remembered in the public schema in the same transaction.

    Locks: the seal's number, by its unique constraint: who comes second waits, and makes none.
    """
    link = find_link(event_id)
    unsealed = find_unsealed(event_id, last_sealed_at=link.sealed_at)
    rows = [(kind, row_id) for kind in (SCAN, CORRECTION, REQUEST) for row_id, _ in unsealed[kind]]
    number, previous, made = link.number, link.digest, 0
    for start in range(0, len(rows), _MOST_ROWS):
        number += 1
        digest = _make_seal(event_id, number, previous, rows[start : start + _MOST_ROWS], at=at)
        if digest is None:
            break
        previous, made = digest, made + 1
    return made


def _make_seal(
    event_id: UUID, number: int, previous: bytes, rows: list[tuple[str, UUID]], *, at: datetime
) -> bytes | None:
    """Write one seal and remember it; return its digest, None where another has just made that number."""
    ids = {kind: [row_id for of, row_id in rows if of == kind] for kind in (SCAN, CORRECTION, REQUEST)}
    digests = {kind: read_rows(kind, of_kind) for kind, of_kind in ids.items()}
    sealed = [(kind, row_id, digests[kind][row_id]) for kind, row_id in rows]
    digest = digest_seal(event_id=event_id, number=number, sealed_at=at, previous=previous, rows=sealed)
    values: dict[str, Any] = {
        "id": uuid7(), "event": event_id, "number": number, "at": at, "digest": digest, "campus": current_campus().code,
        "digests": b"".join(one for *_, one in sealed), **ids,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_SEAL, values)
        if cursor.rowcount == 0:
            return None
        cursor.execute(_HEAD, values)
    return digest
