"""What reports do by the clock."""

import logging

from celery import shared_task

from shared_apps.common.clock import now
from shared_apps.outbox.services import take_slot
from tenant_apps.reports.services.roll_ups import ROLL_UP_EVERY, roll_up
from tenants.models import CampusState
from tenants.registry import list_campuses

logger = logging.getLogger("eas.tasks")


@shared_task
def roll_up_every_campus() -> None:
    """Send ``roll_up_campus`` to every campus that is served, once a slot whatever the number of beats. What gets lost
    is done in the next: a roll-up says as of when it is.
    """
    if not take_slot(name="roll-up", every=ROLL_UP_EVERY, at=now()):
        return
    for campus in list_campuses():
        if campus.state == CampusState.READY:
            roll_up_campus.apply_async(headers={"campus": campus.code}, expires=ROLL_UP_EVERY.total_seconds())


@shared_task
def roll_up_campus() -> None:
    """Tell the public site what this campus comes to. Telling it twice does no harm."""
    count = roll_up(at=now())
    logger.info("campus_rolled_up", extra={"count": count})
