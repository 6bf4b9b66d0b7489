"""Scans as apps send them, read without the serializer, which costs more than everything else that a scan needs.

Only what is plainly right is read here: the usual fields, of the usual types, in their usual spelling. About everything
else nothing is said, and the serializer reads it, or says what is wrong with it; so this decides nothing, and a test
compares the two.
"""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from shared_apps.common.clock import EARLIEST, LATEST
from shared_apps.federation.passes import LONGEST
from tenant_apps.attendance.rules.scans import Direction, Method

_NAMED: Final = (
    ("pass", Method.PASS, LONGEST),
    ("guest_pass", Method.GUEST, LONGEST),
    ("student_id", Method.STUDENT_ID, 20),
)
_FIELDS: Final = frozenset(
    {"event_id", "session_id", "scan_id", "captured_at", "direction", "reason", "user_id", *(row[0] for row in _NAMED)}
)
_DIRECTIONS: Final = {"in": Direction.IN, "out": Direction.OUT}


def read_plain_scan(data: Any, *, has_sequence: bool = False) -> dict[str, Any] | None:
    """Return what ``MarkAttendanceSerializer`` makes of ``data``, as far as a scan needs it; None where that is for the
    serializer to say. ``has_sequence``: it is one of a batch.
    """
    if type(data) is not dict:
        return None
    rest = data.keys() - _FIELDS
    if rest and (rest != {"sequence"} or not has_sequence):
        return None
    try:
        read: dict[str, Any] = {
            "event_id": _id(data["event_id"]),
            "session_id": _id(data["session_id"]) if "session_id" in data else None,
            "scan_id": _id(data["scan_id"]) if "scan_id" in data else None,
            "captured_at": _instant(data["captured_at"]) if "captured_at" in data else None,
            "direction": _DIRECTIONS[data.get("direction", "in")],
            "reason": "",
            "dry_run": False,
        }
        if data.get("reason", "") != "" or (has_sequence and "scan_id" not in data):
            return None
        if "sequence" in data:
            read["sequence"] = _sequence(data["sequence"])
        read["method"], read["value"] = _person(data)
    except (KeyError, TypeError, ValueError):
        return None
    return read


def _id(value: Any) -> UUID:
    if type(value) is not str or len(value) != 36:
        raise ValueError
    return UUID(value)


def _instant(value: Any) -> datetime:
    if type(value) is not str:
        raise ValueError
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None or not EARLIEST <= moment < LATEST:
        raise ValueError  # wall time is the campus's to say
    return moment


def _sequence(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 2**63:
        raise ValueError
    return value


def _person(data: dict[str, Any]) -> tuple[Method, str]:
    named = [(method, data[field], longest) for field, method, longest in _NAMED if field in data]
    if "user_id" in data:
        named.append((Method.USER, str(_id(data["user_id"])), 36))
    ((method, value, longest),) = named
    if type(value) is not str or not 0 < len(value) <= longest or not value.isascii() or not value.isprintable():
        raise ValueError
    if value.strip() != value:
        raise ValueError
    return method, value
