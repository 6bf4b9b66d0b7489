"""Passes: ``EAS1.<payload>.<signature>``, Ed25519, readable offline by any scanner of any campus.

The payload is 42 bytes, big-endian, in base64url without padding: campus id (16), person id (16), key id (2),
serial (4), expiry in Unix seconds (4). No name and no student number: a QR code is seen by whoever stands near, and
education data is sensitive personal information (RA 10173). The signature covers ``EAS1.<payload>`` as ASCII.

A rotating pass is ``EAS2.<payload>.<signature>.<step>.<mac>``: payload and signature of the same pass, the number of
the 20 seconds since 1970 that are running, in decimal, and the first 16 bytes of
HMAC-SHA256(secret, ``EAS2.<payload>.<signature>.<step>``), in base64url. The phone has the secret and computes the text
by itself; a picture of it is worth nothing a minute later. The secret derives from the master key, the campus, the
person and the serial: replacing a pass replaces it.
"""

import base64
import binascii
import hmac
import struct
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final
from uuid import UUID

from django.conf import settings
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from tenants.keys import derive_key, pass_signing_key
from tenants.registry import find_pass_key

PREFIX: Final = "EAS1"
ROTATING: Final = "EAS2"
STEP_SECONDS: Final = 20
_MAC_BYTES: Final = 16
# How far a phone's clock may be off, either way.
_TOLERATED_STEPS: Final = 1
_PAYLOAD: Final = struct.Struct(">16s16sHII")
_SIGNATURE_BYTES: Final = 64
LONGEST: Final = 200


@dataclass(frozen=True, slots=True)
class Pass:
    """What a pass says. ``person_id`` is the person's id in the federation, not the user id.

    ``step`` is the moment of a rotating pass, None where it is the one that can be printed.
    """

    campus_id: UUID
    person_id: UUID
    key_id: int
    serial: int
    expires_at: datetime
    step: int | None = None


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
    """Check the signature, of a rotating pass the MAC too, and return what the pass says.

    Expiry, revocation and whether a rotating one is of this moment are the caller's to judge.

    Raises: NotAPass, ForgedPass.
    """
    if text.startswith(f"{ROTATING}."):
        return _read_rotating(text)
    content, signed, signature = _parse(text)
    public_key = find_pass_key(content.campus_id, content.key_id)
    if public_key is None:
        raise ForgedPass
    try:
        _verify(public_key, signature, signed)
    except BadSignatureError:
        raise ForgedPass from None
    return content


@lru_cache(maxsize=16_384)
def _verify(public_key: bytes, signature: bytes, signed: str) -> None:
    """Check a signature. A genuine one is remembered: the pass on a phone is the same all day, at every door, and
    looking once more costs half of what a scan in a batch does. What is not genuine raises, and is not remembered.

    Raises: BadSignatureError.
    """
    VerifyKey(public_key).verify(signed.encode(), signature)


def rotating_secret(content: Pass) -> bytes:
    """Return the secret with which the holder's phone, and any server, makes the rotating text of this pass."""
    who = (str(content.campus_id), str(content.person_id), str(content.serial))
    return derive_key(settings.MASTER_KEY, "rotating", *who)


def rotating_stem(text: str) -> str:
    """Return what every rotating text of a pass begins with: ``EAS2.<payload>.<signature>``."""
    return f"{ROTATING}.{text.split('.', 1)[1]}"


def rotate(stem: str, *, secret: bytes, step: int) -> str:
    """Return the rotating text of one step, as the phone makes it."""
    said = f"{stem}.{step}"
    return f"{said}.{_encode(hmac.digest(secret, said.encode(), 'sha256')[:_MAC_BYTES])}"


def step_of(at: datetime) -> int:
    """Return the number of the 20 seconds since 1970 that are running."""
    return int(at.timestamp() // STEP_SECONDS)


def is_of_moment(step: int, *, at: datetime) -> bool:
    """Return whether a rotating pass of that step is good at that instant: its own 20 seconds, those before and after.

    ``at`` is the scan's effective time, so that what a scanner took without a network is judged as of then.
    """
    return abs(step - step_of(at)) <= _TOLERATED_STEPS


def _read_rotating(text: str) -> Pass:
    parts = text.strip().split(".") if len(text) <= LONGEST else []
    if len(parts) != 5 or not (parts[3].isascii() and parts[3].isdigit() and len(parts[3]) <= 12):
        raise NotAPass
    step = int(parts[3])
    if str(step) != parts[3]:
        raise NotAPass  # one pass, one spelling
    content = read_pass(f"{PREFIX}.{parts[1]}.{parts[2]}")
    genuine = rotate(f"{ROTATING}.{parts[1]}.{parts[2]}", secret=rotating_secret(content), step=step)
    if len(_decode(parts[4])) != _MAC_BYTES:
        raise NotAPass
    if not hmac.compare_digest(genuine, ".".join(parts)):
        raise ForgedPass
    return replace(content, step=step)


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
