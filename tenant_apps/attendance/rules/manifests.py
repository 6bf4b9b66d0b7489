"""What a scanner decides by without a network: its form and how long it holds. From values alone."""

import base64
import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any, Final

FORMAT: Final = "EASM1"
VALID_FOR: Final = timedelta(hours=24)
# A revocation is dated by the clock of the process that made it, and seen when it commits: the next delta begins
# earlier than the last one ended. What is said twice is the same.
DELTA_OVERLAP: Final = timedelta(minutes=10)


def canonical_form(manifest: dict[str, Any]) -> bytes:
    """Return the bytes that are signed: the JSON of RFC 8785 (keys in order, no white space, UTF-8).

    A manifest holds texts, whole numbers, true, false, null, lists and objects with ASCII keys, and no fraction: so
    any JSON library makes these bytes that can sort keys and leave characters as they are.
    """
    return json.dumps(manifest, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def signed_bytes(manifest: dict[str, Any]) -> bytes:
    """Return what the signature covers: the format's name, a dot, and the canonical form."""
    return f"{FORMAT}.".encode() + canonical_form(manifest)


def version_of(content: dict[str, Any]) -> str:
    """Return a name for what a manifest says, whenever it is said."""
    return hashlib.sha256(canonical_form(content)).hexdigest()[:32]


def in_utc(moment: datetime) -> str:
    """Return an instant as manifests have it: ISO 8601 in UTC, with a Z."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def in_base64url(raw: bytes) -> str:
    """Return bytes as manifests have them: base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
