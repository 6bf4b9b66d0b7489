"""What events do later."""

import logging
from datetime import timedelta
from typing import Final

from celery import shared_task

from shared_apps.common.clock import now
from shared_apps.periodic.services import send_turn
from tenant_apps.events.services.registrations import tidy_places

logger = logging.getLogger("eas.tasks")

TIDY_PLACES_EVERY: Final = timedelta(minutes=1)


@shared_task
def tidy_places_everywhere() -> None:
    """Send ``tidy_places_here`` to every campus that is served, once a slot whatever the number of beats.

    What gets lost is done the next time.
    """
    send_turn(tidy_places_here, name="tidy-places", every=TIDY_PLACES_EVERY, at=now())


@shared_task
def tidy_places_here() -> int:
    """Release the seats of those who have not come by the set time, and of closed accounts."""
    if count := tidy_places(at=now()):
        logger.info("places_released", extra={"count": count})
    return count
