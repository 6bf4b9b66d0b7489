"""What uploads do later."""

import logging

from celery import shared_task

from shared_apps.common.clock import now
from shared_apps.outbox.services import take_slot
from tenant_apps.uploads.services import SWEEP_EVERY, sweep_files
from tenants.models import CampusState
from tenants.registry import list_campuses

logger = logging.getLogger("eas.tasks")


@shared_task
def sweep_every_campus() -> None:
    """Send ``sweep_campus`` to every campus that is served, once a slot whatever the number of beats."""
    if not take_slot(name="sweep-uploads", every=SWEEP_EVERY, at=now()):
        return
    for campus in list_campuses():
        if campus.state == CampusState.READY:
            sweep_campus.apply_async(headers={"campus": campus.code}, expires=SWEEP_EVERY.total_seconds())


@shared_task
def sweep_campus() -> None:
    """Delete the files of this campus that nothing names any more."""
    if count := sweep_files(at=now()):
        logger.info("uploads_swept", extra={"count": count})
