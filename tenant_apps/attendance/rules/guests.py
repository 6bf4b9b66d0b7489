"""Passes of guests: decided from values alone."""

import re
from typing import Final

GUEST_PASS_PREFIX: Final = "EASG1."
_GUEST_PASS: Final = re.compile(r"EASG1\.[A-Za-z0-9_-]{22}\Z")


def is_guest_pass(text: str) -> bool:
    """Return whether the text looks like a guest's pass: 16 random bytes in base64url. Only its digest is stored."""
    return _GUEST_PASS.match(text) is not None
