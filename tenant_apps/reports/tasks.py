"""What reports do by the clock."""

import logging

from celery import shared_task

from shared_apps.common.clock import now
from shared_apps.periodic.services import send_turn
from tenant_apps.reports.services.roll_ups import ROLL_UP_EVERY, roll_up

logger = logging.getLogger("eas.tasks")


@shared_task
def roll_up_every_campus() -> None:
    """Send ``roll_up_campus`` to every campus that is served, once a slot whatever the number of beats. What gets lost
    is done in the next: a roll-up says as of when it is.
    """
    send_turn(roll_up_campus, name="roll-up", every=ROLL_UP_EVERY, at=now())


@shared_task
def roll_up_campus() -> int:
    """Tell the public site what this campus comes to. Telling it twice does no harm."""
    count = roll_up(at=now())
    logger.info("campus_rolled_up", extra={"count": count})
    return count
