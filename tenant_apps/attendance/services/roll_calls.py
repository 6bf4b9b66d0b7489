"""Calling the roll: a whole section recorded at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from shared_apps.accounts.models import User
from tenant_apps.attendance.errors import MomentNotUsable, NamedTwice, NotInGroup
from tenant_apps.attendance.rules.imports import derive_scan_id
from tenant_apps.attendance.rules.scans import MOST_FUTURE, MOST_PAST, Direction, Door, Method
from tenant_apps.attendance.selectors.batches import find_people
from tenant_apps.attendance.selectors.roll_calls import get_called_event, list_group
from tenant_apps.attendance.services.batches import record_batch
from tenant_apps.attendance.services.verdicts import ScanAnswer, ScanRequest

_USER: Final = Method.USER.value
_STUDENT_ID: Final = Method.STUDENT_ID.value


@dataclass(frozen=True, slots=True)
class Named:
    """Somebody on a list: by exactly one of the ids; ``is_there`` false: they did not answer."""

    user_id: UUID | None = None
    student_id: str | None = None
    is_there: bool = True


@dataclass(frozen=True, slots=True)
class Called:
    """Somebody who was called, as they were named, and the answer to their scan."""

    user_id: str | None
    student_id: str | None
    answer: ScanAnswer


@dataclass(frozen=True, slots=True)
class Call:
    """What became of a call: everybody who was there; ``left_out`` counts those who were not, and have nothing."""

    called: list[Called]
    left_out: int


def call_roll(
    *,
    by: User,
    at: datetime,
    roll_call_id: UUID,
    event_id: UUID,
    session_id: UUID | None = None,
    people: Sequence[Named] = (),
    group: Mapping[str, Any] | None = None,
    without: Sequence[UUID] = (),
    direction: Direction = Direction.IN,
    called_at: datetime | None = None,
    reason: str = "",
    dry_run: bool = False,
) -> Call:
    """Record everybody of ``people``, or of ``group`` but for ``without``, as ``record_batch`` does.

    The id of each scan follows from ``roll_call_id`` and the person: the call sent again records nothing, and gets the
    same answers. A number of statements that does not depend on how many people there are. Stand in the campus, outside
    ``atomic()``.

    Raises: EventNotFound, NotYourEvent, SessionNotFound, MomentNotUsable, NamedTwice, NotInGroup, TooManyPeople.
    """
    get_called_event(user=by, event_id=event_id, session_id=session_id)
    if called_at is not None and not at - MOST_PAST <= called_at <= at + MOST_FUTURE:
        raise MomentNotUsable(attr="at")
    if group is not None:
        named, left_out = _of_group(group, without), len(set(without))
    else:
        named, left_out = _of_list(people)
    scans = [
        ScanRequest(
            event_id=event_id, session_id=session_id, method=Method(method), value=value, direction=direction,
            scan_id=derive_scan_id(roll_call_id, method, value, direction), captured_at=called_at,
            reason=reason, door=Door.ROLL_CALL,
        )
        for method, value in named
    ]  # fmt: skip
    answers = record_batch(by=by, at=at, scans=scans, dry_run=dry_run)
    return Call([_called(*one, answer) for one, answer in zip(named, answers, strict=True)], left_out)


def _called(method: str, value: str, answer: ScanAnswer) -> Called:
    return Called(value if method == _USER else None, value if method == _STUDENT_ID else None, answer)


def _of_group(group: Mapping[str, Any], without: Sequence[UUID]) -> list[tuple[str, str]]:
    """Return who of a group is there. Whoever is said to be missing from it has to be of it: a wrong id must not make
    somebody present who is not.
    """
    ids = [listed.user_id for listed in list_group([group])]
    strangers = set(without) - set(ids)
    if strangers:
        raise NotInGroup(f"Not of this group: {', '.join(sorted(map(str, strangers))[:5])}.", attr="except")
    return [(_USER, str(id_)) for id_ in ids if id_ not in set(without)]


def _of_list(people: Sequence[Named]) -> tuple[list[tuple[str, str]], int]:
    """Return who of a list is there, each once, and how many are not. Somebody unknown stays as they were named."""
    student_ids = [person.student_id for person in people if person.student_id is not None]
    found = find_people(passes=[], users=[], student_ids=student_ids, guests=[]) if student_ids else {}
    answered: dict[tuple[str, str], bool] = {}
    for person in people:
        key = (_USER, str(person.user_id))
        if person.student_id is not None:
            facts = found.get((_STUDENT_ID, person.student_id, None))
            key = (_USER, str(facts.known.id)) if facts else (_STUDENT_ID, person.student_id)
        if answered.setdefault(key, person.is_there) != person.is_there:
            raise NamedTwice(f"Both there and not there: {person.student_id or person.user_id}.", attr="people")
    there = [key for key, is_there in answered.items() if is_there]
    return there, len(answered) - len(there)
