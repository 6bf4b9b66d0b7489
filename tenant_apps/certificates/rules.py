"""When somebody gets a certificate, and what it says."""

import re
from collections.abc import Mapping
from typing import Final

from django.db import models

from tenant_apps.attendance.rules.scans import AttendanceStatus

CREDITED: Final = frozenset({AttendanceStatus.PRESENT, AttendanceStatus.LATE})
"""What a presence must amount to. Whoever left early has not attended."""
PLACEHOLDERS: Final = ("name", "event", "session", "date", "campus")
HEADING: Final = "Certificate of Attendance"
TEXT: Final = "attended {event}, held on {date} at {campus}."
MOST_SIGNATORIES: Final = 3
_BRACES: Final = re.compile(r"\{([^{}]*)\}")


class RunState(models.TextChoices):
    """How far a run is."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"


def find_unknown_placeholders(text: str) -> list[str]:
    """Return what stands in braces and is no placeholder."""
    return [name for name in _BRACES.findall(text) if name not in PLACEHOLDERS]


def fill_text(text: str, values: Mapping[str, str]) -> str:
    """Put the values where their placeholders are, each once: braces within a value are letters like any other."""
    return _BRACES.sub(lambda found: values.get(found[1], found[0]), text)


def is_valid(*, revoked: bool, status: str) -> bool:
    """Return whether a certificate holds: nobody revoked it, and the presence still amounts to what it says."""
    return not revoked and status in CREDITED


def issued_text(*, title: str) -> str:
    """Return what is said to whoever gets a certificate."""
    return f"You have a certificate of attendance of “{title}”."


def revoked_text(*, title: str, session: str, reason: str) -> str:
    """Return what is said to whoever had it."""
    return f"Your certificate of attendance of “{title}”{f', {session}' if session else ''} was revoked: {reason}"
