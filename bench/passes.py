"""The parts of a pass, without the checks that EAS makes on its form."""

import base64
from uuid import UUID


def split_pass(text: str) -> tuple[UUID, bytes, bytes]:
    """Return the person's id, what was signed, and the signature."""
    signed, _, signature = text.rpartition(".")
    payload = _decode(signed.partition(".")[2])
    return UUID(bytes=payload[16:32]), signed.encode(), _decode(signature)


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
