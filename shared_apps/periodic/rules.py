"""Decisions about runs from values alone."""

from datetime import datetime, timedelta
from typing import Final

from django.db import models

# A run that did nothing is of interest for a while only; there are many.
QUIET_KEPT_FOR: Final = timedelta(hours=2)
KEPT_FOR: Final = timedelta(days=7)
# The work whose count says how many messages a site has given up.
STUCK_MESSAGES: Final = "stuck-messages"
LOOK_EVERY: Final = timedelta(minutes=10)


class RunState(models.TextChoices):
    """What came of one turn at one site."""

    SENT = "sent"
    DONE = "done"
    FAILED = "failed"
    REFUSED = "refused"
    # Never stored: sent, and nobody took it up in time.
    LOST = "lost"


def state_of(*, state: str, expires_at: datetime, at: datetime) -> RunState:
    """Return what there is to say of a run ``at`` that moment.

    What was sent and not taken up before its end is lost: the broker or the worker was away, and the next turn does it.
    """
    return RunState.LOST if state == RunState.SENT and expires_at < at else RunState(state)
