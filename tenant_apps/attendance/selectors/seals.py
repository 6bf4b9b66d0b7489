"""Questions about seals: what is in none yet, and whether everything is as it was sealed."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.db.models import Model

from shared_apps.federation.models import SealHead
from tenant_apps.attendance.models import AttendanceRequest, Correction, Scan, Seal
from tenant_apps.attendance.rules.seals import (
    COLUMNS,
    CORRECTION,
    DIGEST_SIZE,
    FIRST,
    LATEST,
    REQUEST,
    SCAN,
    digest_row,
    digest_seal,
    in_order,
    is_late,
    split_digests,
)
from tenant_apps.events.models import Event
from tenants.context import current_campus

MODELS: Final[dict[str, type[Model]]] = {SCAN: Scan, CORRECTION: Correction, REQUEST: AttendanceRequest}
# Clocks of web processes and of the one that seals may differ by this much and nothing is sealed twice.
_CLOCKS: Final = timedelta(hours=1)
_BATCH: Final = 2000

# Rows of one event by kind: (id, the instant it was known). ``since`` null: all of them.
_KNOWN: Final = {
    SCAN: """
        SELECT r.id, r.received_at FROM attendance_scan r
         WHERE r.event_id = %(event)s AND (%(since)s::timestamptz IS NULL OR r.received_at >= %(since)s)
           AND NOT EXISTS (SELECT 1 FROM sealed WHERE sealed.id = r.id)
         ORDER BY r.received_at, r.id
    """,
    CORRECTION: """
        SELECT r.id, r.decided_at FROM attendance_correction r
          JOIN attendance_attendance a ON a.id = r.attendance_id
         WHERE a.event_id = %(event)s AND (%(since)s::timestamptz IS NULL OR r.decided_at >= %(since)s)
           AND NOT EXISTS (SELECT 1 FROM sealed WHERE sealed.id = r.id)
         ORDER BY r.decided_at, r.id
    """,
    REQUEST: """
        SELECT r.id, r.decided_at FROM attendance_attendancerequest r
         WHERE r.event_id = %(event)s AND r.state IN ('approved', 'declined') AND r.decided_at IS NOT NULL
           AND (%(since)s::timestamptz IS NULL OR r.decided_at >= %(since)s)
           AND NOT EXISTS (SELECT 1 FROM sealed WHERE sealed.id = r.id)
         ORDER BY r.decided_at, r.id
    """,
}
_SEALED: Final = """
    WITH sealed AS MATERIALIZED (
        SELECT unnest({column}) AS id FROM attendance_seal
         WHERE event_id = %(event)s AND (%(seals_since)s::timestamptz IS NULL OR sealed_at >= %(seals_since)s)
    )
"""
_COLUMN: Final = {SCAN: "scan_ids", CORRECTION: "correction_ids", REQUEST: "request_ids"}


@dataclass(frozen=True, slots=True)
class Link:
    """The end of an event's chain: where the next seal is tied to. ``sealed_at`` None: nothing is sealed yet."""

    number: int
    digest: bytes
    sealed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Alteration:
    """The first thing of an event that is not as it was sealed: ``row`` is empty where it is the seal itself."""

    what: str
    seal: int | None
    kind: str = ""
    row: UUID | None = None


@dataclass(slots=True)
class Verification:
    """What was found about one event. ``head``: the digest of its newest seal, hexadecimal, that fixes all before."""

    event_id: UUID
    title: str
    seals: int = 0
    rows: int = 0
    unsealed: int = 0
    head: str = ""
    alterations: list[Alteration] = field(default_factory=list)


def find_active_events(since: datetime, *, also_unsealed: bool = False) -> list[UUID]:
    """Return the events, once published, of which something was received or decided since then; ``also_unsealed``: and
    those with scans and no seal, whenever that was.
    """
    return _ids(
        """
        SELECT id FROM events_event WHERE published_at IS NOT NULL AND id IN (
            SELECT event_id FROM attendance_scan WHERE received_at >= %(since)s
            UNION SELECT a.event_id FROM attendance_correction c JOIN attendance_attendance a ON a.id = c.attendance_id
                   WHERE c.decided_at >= %(since)s
            UNION SELECT event_id FROM attendance_attendancerequest WHERE decided_at >= %(since)s
            UNION SELECT e.id FROM events_event e
                   WHERE %(also)s AND EXISTS (SELECT 1 FROM attendance_scan s WHERE s.event_id = e.id)
                     AND NOT EXISTS (SELECT 1 FROM attendance_seal l WHERE l.event_id = e.id))
         ORDER BY id
        """,
        since=since, also=also_unsealed,
    )  # fmt: skip


def find_link(event_id: UUID) -> Link:
    """Return the end of an event's chain, of the campus's own or of what the public schema remembers: the longer.

    They differ where the campus was restored from a backup: the chain then goes on from what is remembered.
    """
    own = Seal.objects.filter(event_id=event_id).order_by("-number").first()
    head = SealHead.objects.filter(event_id=event_id, campus=current_campus().code).order_by("-number").first()
    ends = [Link(one.number, bytes(one.digest), one.sealed_at) for one in (head, own) if one is not None]
    end = max(ends, key=lambda link: link.number, default=Link(0, FIRST, None))
    # What is to be sealed is told by the campus's own seals: those that are lost sealed nothing that is here.
    return Link(end.number, end.digest, own.sealed_at if own else None)


def find_unsealed(event_id: UUID, *, last_sealed_at: datetime | None) -> dict[str, list[tuple[UUID, datetime]]]:
    """Return the committed rows of an event that are in no seal, by kind, each (id, instant), in the order of a seal.

    Only rows from ``LATEST`` before the last seal on are looked at, and compared with the seals that can hold those:
    what it costs depends on what came lately, not on how much the event has.
    """
    since = last_sealed_at - LATEST if last_sealed_at else None
    return {kind: _known(kind, event_id, since=since) for kind in _KNOWN}


def read_rows(kind: str, ids: list[UUID]) -> dict[UUID, bytes]:
    """Return the digest of each row that is there, by id."""
    found = {}
    for start in range(0, len(ids), _BATCH):
        some = ids[start : start + _BATCH]
        for values in MODELS[kind]._default_manager.filter(pk__in=some).values(*COLUMNS[kind]):
            found[values["id"]] = digest_row(kind, values)
    return found


def verify_events(event_id: UUID | None) -> Iterator[Verification]:
    """Yield what is found about every event that has seals, or something to seal, or is remembered: or about one."""
    events = _ids(
        """
        SELECT DISTINCT event_id FROM (
            SELECT event_id FROM attendance_seal
            UNION SELECT event_id FROM public.federation_sealhead WHERE campus = %(me)s
            UNION SELECT e.id FROM events_event e WHERE e.published_at IS NOT NULL AND EXISTS (
                SELECT 1 FROM attendance_scan s WHERE s.event_id = e.id)
            UNION SELECT a.event_id FROM attendance_correction c JOIN attendance_attendance a ON a.id = c.attendance_id
            UNION SELECT r.event_id FROM attendance_attendancerequest r WHERE r.decided_at IS NOT NULL
        ) known WHERE %(event)s::uuid IS NULL OR event_id = %(event)s::uuid ORDER BY 1
        """,
        me=current_campus().code, event=event_id,
    )  # fmt: skip
    titles = dict(Event.objects.filter(pk__in=events).values_list("pk", "title"))
    for one in events:
        yield verify_event(one, title=titles.get(one, "(no such event)"))


def verify_event(event_id: UUID, *, title: str = "") -> Verification:
    """Compute every seal of an event again, and compare it with its rows and with what the public schema remembers.

    The chain is judged until its first seal that is not as it was made. Where seals are gone, and the chain went on
    from what the public schema remembers, it is judged from there on.
    """
    found = Verification(event_id=event_id, title=title)
    heads = {
        head.number: bytes(head.digest)
        for head in SealHead.objects.filter(event_id=event_id, campus=current_campus().code)
    }
    previous, last_sealed_at, is_broken = Link(0, FIRST, None), None, False
    for seal in Seal.objects.filter(event_id=event_id).order_by("number").iterator(20):
        found.seals += 1
        found.rows += len(seal.scan_ids) + len(seal.correction_ids) + len(seal.request_ids)
        last_sealed_at, found.head = seal.sealed_at, bytes(seal.digest).hex()
        if seal.number != previous.number + 1:
            found.alterations.append(_gone(previous.number + 1, seal.number - 1))
            previous = Link(seal.number - 1, heads.get(seal.number - 1, FIRST), None)
        wrong = None if is_broken else _check_seal(seal, previous, heads)
        if wrong is not None:
            found.alterations.append(wrong)
            is_broken = True
        previous = Link(seal.number, bytes(seal.digest), seal.sealed_at)
    newest = max(heads, default=0)
    if newest > previous.number:
        found.alterations.append(_gone(previous.number + 1, newest))
    # Of all its rows, those that no seal holds: on their way, or put there afterwards.
    late = []
    for kind in _KNOWN:
        for row_id, known_at in _known(kind, event_id, since=None):
            if is_late(known_at, last_sealed_at=last_sealed_at):
                late.append(Alteration("added after its time was sealed", None, kind, row_id))
            else:
                found.unsealed += 1
    found.alterations += late[:1]
    return found


def _gone(first: int, last: int) -> Alteration:
    return Alteration(
        f"the seals {first} to {last} are gone: the campus was restored from an older backup, or somebody removed them",
        first,
    )


def _check_seal(seal: Seal, previous: Link, heads: dict[int, bytes]) -> Alteration | None:
    """Return the first thing about a seal that is not as it was made, None where all is."""
    number = seal.number
    stored = split_digests(bytes(seal.row_digests))
    rows = in_order({SCAN: seal.scan_ids, CORRECTION: seal.correction_ids, REQUEST: seal.request_ids})
    if len(stored) != len(rows) or len(seal.row_digests) % DIGEST_SIZE:
        return Alteration("the seal was altered", number)
    actual = {
        (kind, row_id): digest
        for kind in _KNOWN
        for row_id, digest in read_rows(kind, [one for of, one in rows if of == kind]).items()
    }
    for row, digest in zip(rows, stored, strict=True):
        if row not in actual:
            return Alteration("missing", number, *row)
        if actual[row] != digest:
            return Alteration("altered", number, *row)
    digest = digest_seal(
        event_id=seal.event_id, number=number, sealed_at=seal.sealed_at, previous=previous.digest,
        rows=[(*row, digest) for row, digest in zip(rows, stored, strict=True)],
    )  # fmt: skip
    if digest != bytes(seal.digest):
        return Alteration("the seal was altered", number)
    if number not in heads:
        return Alteration("the public schema does not remember this seal", number)
    if heads[number] != digest:
        return Alteration("the seal was made anew: the public schema remembers another", number)
    return None


def _known(kind: str, event_id: UUID, *, since: datetime | None) -> list[tuple[UUID, datetime]]:
    """Return the rows of an event that no seal holds; with ``since`` only those known since then."""
    statement = _SEALED.format(column=_COLUMN[kind]) + _KNOWN[kind]
    values = {"event": event_id, "since": since, "seals_since": since - _CLOCKS if since else None}
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall()


def _ids(statement: str, **values: Any) -> list[UUID]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return [row[0] for row in cursor.fetchall()]
