"""What a client may show when it signs in again: that it has signed in before. Signed, and stored nowhere.

It opens nothing. A try that comes with it is counted for itself, so that whoever else guesses the same name from the
same address cannot use up the owner's tries.
"""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime, timedelta
from os import urandom
from typing import Final

from django.conf import settings

from shared_apps.accounts.models import User
from tenants.context import site_code
from tenants.keys import derive_key

VALID_FOR: Final = timedelta(days=180)
_BODY: Final = 16 + 5  # random, and the second of its end


def issue_device(*, user: User, at: datetime) -> str:
    """Return a fresh text for the client that has just signed in as ``user``."""
    body = urandom(16) + int((at + VALID_FOR).timestamp()).to_bytes(5)
    return urlsafe_b64encode(body + _sign(body, user)).decode()


def read_device(text: str, *, user: User, at: datetime) -> str | None:
    """Return which device this is, if the site issued ``text`` to ``user``, lately and under the present password."""
    try:
        raw = urlsafe_b64decode(text)
    except ValueError:
        return None
    body, signature = raw[:_BODY], raw[_BODY:]
    if not hmac.compare_digest(signature, _sign(body, user)) or int.from_bytes(body[16:]) <= at.timestamp():
        return None
    return body.hex()  # not the text: base64 has several spellings, and each would be counted for itself


def _sign(body: bytes, user: User) -> bytes:
    # With the password's hash in it: what somebody collected who once knew a password is worth nothing after a change.
    key = derive_key(settings.MASTER_KEY, "device", site_code())
    return hmac.digest(key, body + user.pk.bytes + user.password.encode(), "sha256")
