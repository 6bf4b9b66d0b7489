"""The provisioning worker: the only process besides migrations that holds the owner's credentials."""

import logging

from celery import shared_task

from shared_apps.campuses.services import list_pending, provision
from tenants.errors import WrongCampusState

logger = logging.getLogger("eas.tasks")


@shared_task
def provision_pending_campuses() -> None:
    """Make every campus that waits; one that fails is tried again with the next beat and does not stop the others.

    The registry row is the message: nothing is lost with the broker, and a worker that died is simply followed by
    another.
    """
    for campus_id in list_pending():
        try:
            for step in provision(campus_id=campus_id):
                logger.info("campus_provisioning", extra={"step": step.name})
        except WrongCampusState:
            continue
        except Exception:
            logger.exception("campus_provisioning_failed")
