"""Passes: ``EAS1.<payload>.<signature>``, Ed25519, readable offline by any scanner of any campus.

The payload is 42 bytes, big-endian, in base64url without padding: campus id (16), person id (16), key id (2),
serial (4), expiry in Unix seconds (4). No name and no student number: a QR code is seen by whoever stands near, and
education data is sensitive personal information (RA 10173). The signature covers ``EAS1.<payload>`` as ASCII.
"""

import base64
import binascii
import struct
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.conf import settings

from tenants.keys import pass_signing_key
from tenants.registry import find_pass_key

PREFIX: Final = "EAS1"
_PAYLOAD: Final = struct.Struct(">16s16sHII")
_SIGNATURE_BYTES: Final = 64
LONGEST: Final = 200


@dataclass(frozen=True, slots=True)
class Pass:
    """What a pass says. ``person_id`` is the person's id in the federation, not the user id."""

    campus_id: UUID
    person_id: UUID
    key_id: int
    serial: int
    expires_at: datetime


class NotAPass(ValueError):
    """The text is no pass of this system at all."""


class ForgedPass(ValueError):
    """The text looks like a pass, but no key of the campus it names has signed it."""


def sign_pass(content: Pass) -> str:
    """Return the text of a pass. Needs the master key; any campus can read the result with the public one."""
    payload = _PAYLOAD.pack(
        content.campus_id.bytes,
        content.person_id.bytes,
        content.key_id,
        content.serial,
        int(content.expires_at.timestamp()),
    )
    signed = f"{PREFIX}.{_encode(payload)}"
    key = pass_signing_key(settings.MASTER_KEY, campus_id=str(content.campus_id), key_id=content.key_id)
    return f"{signed}.{_encode(key.sign(signed.encode()))}"


def read_pass(text: str) -> Pass:
    """Check the signature and return what the pass says. Expiry and revocation are the caller's to judge.

    Raises: NotAPass, ForgedPass.
    """
    content, signed, signature = _parse(text)
    public_key = find_pass_key(content.campus_id, content.key_id)
    if public_key is None:
        raise ForgedPass
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, signed.encode())
    except InvalidSignature:
        raise ForgedPass from None
    return content


def _parse(text: str) -> tuple[Pass, str, bytes]:
    parts = text.strip().split(".") if len(text) <= LONGEST else []
    if len(parts) != 3 or parts[0] != PREFIX:
        raise NotAPass
    payload, signature = _decode(parts[1]), _decode(parts[2])
    if len(payload) != _PAYLOAD.size or len(signature) != _SIGNATURE_BYTES:
        raise NotAPass
    campus, person, key_id, serial, expiry = _PAYLOAD.unpack(payload)
    content = Pass(UUID(bytes=campus), UUID(bytes=person), key_id, serial, datetime.fromtimestamp(expiry, UTC))
    return content, f"{parts[0]}.{parts[1]}", signature


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise NotAPass from None
    if _encode(raw) != text:
        raise NotAPass  # one pass, one spelling
    return raw
