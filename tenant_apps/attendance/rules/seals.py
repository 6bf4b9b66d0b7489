"""What a seal is a digest of: decided from values alone, and the same for ever.

**A row** is written as JSON (RFC 8259) without spaces: an array of its kind (``scan``, ``correction``, ``request``) and
the columns below in their order. UUIDs are their lower-case text, instants ISO 8601 in UTC with microseconds and
``+00:00``, bytes hexadecimal digits; objects have their keys sorted; characters outside ASCII are escaped. Its digest
is the SHA-256 of that text.

**A seal** is the SHA-256 of these lines, each ended by a line feed: ``EAS seal 1``, the event, the number, the instant
of sealing, the digest of the seal before (hexadecimal; zeros for the first), and one line for each row in its order:
kind, id, and digest of the row, separated by spaces. Scans come first in the order of ``received_at`` and id, then
corrections, then requests, both by ``decided_at`` and id.

A column that is added later is not sealed until there is a second form: the number after ``EAS seal`` says which.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

# How long a row may take from the instant that it says to its commit. A login's statements, and its pauses within a
# transaction, end after seconds; so what turns up later, and is older than the seal that should hold it, was put there.
LATEST: Final = timedelta(minutes=30)
FIRST: Final = bytes(32)
DIGEST_SIZE: Final = 32

SCAN: Final = "scan"
CORRECTION: Final = "correction"
REQUEST: Final = "request"
COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    SCAN: (
        "id", "scan_id", "fingerprint", "event_id", "session_id", "user_id", "home", "person_id", "guest_id",
        "attendance_id", "operator_id", "door", "scanner_id", "sequence", "direction", "method", "outcome", "code",
        "reason", "captured_at", "received_at", "effective_at", "time_corrected", "skew", "answer",
    ),
    CORRECTION: ("id", "attendance_id", "from_status", "to_status", "reason", "decided_by_id", "decided_at"),
    REQUEST: (
        "id", "kind", "event_id", "session_id", "user_id", "wanted_status", "category", "reason", "evidence", "state",
        "requested_at", "decide_by", "decided_at", "decided_by_id", "decision_reason",
    ),
}  # fmt: skip


def digest_row(kind: str, values: Mapping[str, Any]) -> bytes:
    """Return the digest of one row, given its columns by name."""
    row = [kind, *(_plain(values[name]) for name in COLUMNS[kind])]
    return hashlib.sha256(json.dumps(row, sort_keys=True, separators=(",", ":")).encode()).digest()


def digest_seal(
    *, event_id: UUID, number: int, sealed_at: datetime, previous: bytes, rows: Iterable[tuple[str, UUID, bytes]]
) -> bytes:
    """Return the digest of a seal over rows, each (kind, id, digest), in their order."""
    lines = ["EAS seal 1", str(event_id), str(number), _plain(sealed_at), previous.hex()]
    lines += [f"{kind} {row_id} {digest.hex()}" for kind, row_id, digest in rows]
    return hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).digest()


def split_digests(joined: bytes) -> list[bytes]:
    """Return the digests that were stored one after the other."""
    return [joined[start : start + DIGEST_SIZE] for start in range(0, len(joined), DIGEST_SIZE)]


def is_late(known_at: datetime, *, last_sealed_at: datetime | None) -> bool:
    """Return whether a row in no seal is older than any that could still be on its way when the last seal was made."""
    return last_sealed_at is not None and known_at < last_sealed_at - LATEST


def _plain(value: Any) -> Any:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex()
    return value


def in_order(rows: Mapping[str, Sequence[UUID]]) -> list[tuple[str, UUID]]:
    """Return (kind, id) of the rows of a seal in the order of its digest."""
    return [(kind, row_id) for kind in (SCAN, CORRECTION, REQUEST) for row_id in rows.get(kind, ())]
