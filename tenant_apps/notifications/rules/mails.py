"""How an e-mail is written, and when it is tried again: from values alone."""

import unicodedata
from datetime import datetime, timedelta
from email.utils import formataddr
from typing import Final

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import models

from shared_apps.common.text import is_printable

FIRST_PAUSE: Final = timedelta(minutes=1)
LONGEST_PAUSE: Final = timedelta(hours=1)
# An address that the server puts off for so long is given up. A server that is away is no reason to give up.
MOST_REFUSALS: Final = 12
_LONGEST_HEADER: Final = 150


class MailState(models.TextChoices):
    """What became of an e-mail."""

    QUEUED = "queued", "To be sent, now or later"
    SENT = "sent", "A mail server, or the folder, has it"
    REFUSED = "refused", "The mail server does not take it for this address"
    DROPPED = "dropped", "Not sent: no usable address, a closed account, or too late to be of use"


def pause_after(failures: int) -> timedelta:
    """Return how long to wait after so many failures in a row: doubling from a minute to an hour."""
    return min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(max(failures, 1) - 1, 10))


def header_text(text: str) -> str:
    """Return ``text`` as it may stand in a header: one line, nothing that cannot be seen, not endless.

    Names come from people and from files; a line break in one would begin a header of its own.
    """
    plain = "".join(letter if is_printable(letter) else " " for letter in unicodedata.normalize("NFC", text))
    # Readers decode "=?…?=" in a header, line breaks and all.
    return " ".join(plain.replace("=?", "= ?").split())[:_LONGEST_HEADER].strip()


def mailbox(name: str, address: str) -> str:
    """Return a name and an address as one header value; the name cannot end it or add an address."""
    # A quotation mark could still close what the encoding opens, in servers that decode first and parse then.
    return formataddr((header_text(name).translate(_NO_QUOTES), address))


def reason_not_to_send(*, address: str, is_active: bool, expires_at: datetime | None, at: datetime) -> str:
    """Return why an e-mail is not sent, empty where it is."""
    if not is_active:
        return "account_closed"
    if expires_at is not None and expires_at <= at:
        return "too_late"
    if not address:
        return "no_address"
    try:
        validate_email(address)
    except ValidationError:
        return "unusable_address"
    return "" if is_printable(address) and address.isascii() else "unusable_address"


def compose_text(*, name: str, text: str, campus: str) -> str:
    """Return the body: who is spoken to, what is said, and which campus says it."""
    return (
        f"Hello {header_text(name)},\n\n{text}\n\n-- \n{header_text(campus)}\n"
        "You get this because you have an account there. Which notices come by e-mail, you choose in the app.\n"
    )


_NO_QUOTES: Final = str.maketrans({'"': "'", "\\": "/"})
