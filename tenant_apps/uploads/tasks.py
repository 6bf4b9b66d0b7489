"""What uploads do later."""

import logging

from celery import shared_task

from shared_apps.common.clock import now
from shared_apps.periodic.services import send_turn
from tenant_apps.uploads.services import SWEEP_EVERY, sweep_files

logger = logging.getLogger("eas.tasks")


@shared_task
def sweep_every_campus() -> None:
    """Send ``sweep_campus`` to every campus that is served, once a slot whatever the number of beats."""
    send_turn(sweep_campus, name="sweep-uploads", every=SWEEP_EVERY, at=now())


@shared_task
def sweep_campus() -> int:
    """Delete the files of this campus that nothing names any more."""
    if count := sweep_files(at=now()):
        logger.info("uploads_swept", extra={"count": count})
    return count
