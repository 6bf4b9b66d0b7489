"""Raising flags, and closing them. A flag changes no attendance: whoever looks at it decides what to do."""

import json
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction

from shared_apps.accounts.models import User
from shared_apps.audit.services import record_action
from shared_apps.outbox.services import find_last_turn, take_slot
from tenant_apps.attendance.errors import AlreadyDecided, OwnFlag
from tenant_apps.attendance.models import Flag
from tenant_apps.attendance.rules.reviews import GAP_GRACE, FlagState
from tenant_apps.attendance.selectors.reviews import (
    Finding,
    find_manual_shares,
    find_scanners,
    find_self_marked,
    find_sequence_gaps,
    find_sequence_restarts,
    find_shared_devices,
    find_staff_marked,
    find_too_far,
    find_two_doors,
    find_wrong_clocks,
    get_flag,
    list_open_gaps,
)

REVIEW_EVERY: Final = timedelta(minutes=2)
# Scans get their time before they are committed; and of what came before the first turn, a day is looked at.
_OVERLAP: Final = timedelta(minutes=5)
_AT_FIRST: Final = timedelta(days=1)
_TURN: Final = "review-scans"
_CLOSED: Final = "Closed by itself: nothing is missing there any more."

_RAISE: Final = """
    INSERT INTO attendance_flag (id, kind, subject, event_id, session_id, person_id, evidence, state, raised_at, note)
    SELECT gen_random_uuid(), f.kind, f.subject, f.event_id, f.session_id, f.person_id, f.evidence, 'open', %(at)s, ''
      FROM jsonb_to_recordset(%(found)s::jsonb)
           AS f (kind text, subject text, event_id uuid, session_id uuid, person_id uuid, evidence jsonb, is_whole bool)
     WHERE f.is_whole = %(whole)s
     ORDER BY f.kind, f.subject
    ON CONFLICT (kind, subject) {again}
"""
# One that closed by itself opens again; what somebody has decided stays decided.
_WHOLE: Final = _RAISE.format(
    again="""DO UPDATE SET evidence = EXCLUDED.evidence, state = 'open', note = '', reviewed_at = NULL
     WHERE attendance_flag.reviewed_by_id IS NULL
       AND (attendance_flag.evidence <> EXCLUDED.evidence OR attendance_flag.state <> 'open')"""
)
_PART: Final = _RAISE.format(again="DO NOTHING")


@transaction.atomic
def review_scans(*, at: datetime) -> int:
    """Look at what came since the last turn, and raise what is suspicious; return how many findings there were.

    The turn and its flags are one transaction: a run that was killed is followed by another that begins where it began.
    Two runs do it once. A finding that is there already is not raised again; while nobody has looked at it, its
    evidence follows.

    Locks: the turn, then flags by kind and subject.
    """
    last = find_last_turn(name=_TURN)
    if not take_slot(name=_TURN, every=REVIEW_EVERY, at=at):
        return 0
    return raise_flags(since=(last or at - _AT_FIRST) - _OVERLAP, at=at)


def raise_flags(*, since: datetime, at: datetime) -> int:
    """Raise what is suspicious about scans that came since then; return how many findings there were."""
    # A gap is none before its time of grace is over, when its device may have been silent for as long.
    scanners = find_scanners(since - GAP_GRACE)
    gaps = find_sequence_gaps(scanners, at=at) if scanners else []
    found = [
        *find_two_doors(since),
        *find_shared_devices(since),
        *find_too_far(since),
        *find_manual_shares(since),
        *find_self_marked(since),
        *find_staff_marked(since),
        *find_wrong_clocks(since),
        *gaps,
        *(find_sequence_restarts(scanners) if scanners else []),
    ]
    if found:
        values: dict[str, Any] = {"found": json.dumps([_as_row(one) for one in found]), "at": at}
        with connection.cursor() as cursor:
            cursor.execute(_WHOLE, values | {"whole": True})
            cursor.execute(_PART, values | {"whole": False})
    if scanners:
        closed = list_open_gaps(scanners).exclude(subject__in=[gap.subject for gap in gaps])
        closed.update(state=FlagState.DISMISSED, note=_CLOSED, reviewed_at=at)
    return len(found)


@transaction.atomic
def close_flag(*, by: User, at: datetime, flag_id: UUID, state: FlagState, note: str) -> Flag:
    """Say what came of looking at a flag: dismissed, or confirmed. Nobody closes what is about themselves.

    Locks: the flag. Raises: FlagNotFound, OwnFlag, AlreadyDecided.
    """
    if get_flag(user=by, flag_id=flag_id).person_id == by.person_id:
        raise OwnFlag
    flag = Flag.objects.select_for_update(no_key=True).get(pk=flag_id)
    if flag.state != FlagState.OPEN:
        raise AlreadyDecided
    flag.state, flag.note, flag.reviewed_at, flag.reviewed_by_id = state, note, at, by.pk
    flag.save(update_fields=["state", "note", "reviewed_at", "reviewed_by_id"])
    record_action(
        at=at, by=by, action=f"flag.{state.value}", target_type="flag", target_id=flag.pk, reason=note,
        changes={"kind": flag.kind},
    )  # fmt: skip
    return get_flag(user=by, flag_id=flag_id)


def _as_row(finding: Finding) -> dict[str, object]:
    ids = {
        name: str(value) if value else None
        for name, value in (
            ("event_id", finding.event_id), ("session_id", finding.session_id), ("person_id", finding.person_id),
        )
    }  # fmt: skip
    return {
        "kind": finding.kind.value, "subject": finding.subject, "evidence": finding.evidence,
        "is_whole": finding.is_whole, **ids,
    }  # fmt: skip
