"""What notifications do later: e-mail."""

import logging
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from celery import shared_task
from django.db import transaction

from shared_apps.common.clock import now
from shared_apps.outbox.services import add_message, finish_message, take_slot
from shared_apps.periodic.services import send_turn
from tenant_apps.notifications.services.mailing import forget_old_mails, send_queued_mails
from tenant_apps.notifications.services.notices import SEND_MAILS
from tenant_apps.notifications.services.servers import mail_url

logger = logging.getLogger("eas.tasks")

SEND_EVERY: Final = timedelta(minutes=1)
FORGET_EVERY: Final = timedelta(days=1)
# Shorter than a claim of an e-mail: a worker that still lives still owns what it claimed.
_LIMITS: Final = {"soft_time_limit": 120, "time_limit": 150}


@shared_task(**_LIMITS)
def send_mails(*, message_id: str, **later: Any) -> None:
    """Send what is due here. Where more is left than fits one turn, a new message puts it behind other campuses."""
    left = _send()
    with transaction.atomic():
        finish_message(message_id=UUID(message_id), at=now())
        if left:
            add_message(kind=SEND_MAILS, payload={}, at=now())


@shared_task(**_LIMITS)
def send_due_mails() -> None:
    """Send what is due here: what a worker left when it died, and what was to be tried again."""
    if take_slot(name="forget-mails", every=FORGET_EVERY, at=now()):
        forget_old_mails(at=now())
    if _send():
        add_message(kind=SEND_MAILS, payload={}, at=now())


@shared_task
def send_mails_everywhere() -> None:
    """Send ``send_due_mails`` to every campus that is served, once a slot whatever the number of beats. What gets lost
    is done a minute later.
    """
    send_turn(send_due_mails, name="send-mails", every=SEND_EVERY, at=now())


def _send() -> bool:
    """Send; return whether there is more to send at once."""
    if not mail_url():
        return False
    turn = send_queued_mails(clock=now)
    if turn.sent:
        logger.info("mails_sent", extra={"count": turn.sent})
    return turn.is_unfinished
