"""What exports do later."""

import logging
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from celery import shared_task

from shared_apps.common.clock import now
from shared_apps.outbox.services import finish_message, postpone_message
from shared_apps.periodic.services import send_turn
from tenant_apps.exports.errors import ExportBusy
from tenant_apps.exports.rules.exports import SILENT_FOR
from tenant_apps.exports.services import expire_exports, make_file

logger = logging.getLogger("eas.tasks")

EXPIRE_EVERY: Final = timedelta(hours=1)


@shared_task
def make_export(*, message_id: str, export_id: str, **later: Any) -> None:
    """Make the file of one export. While another worker is at it, the message waits to see whether it lives on."""
    try:
        make_file(export_id=UUID(export_id), clock=now)
    except ExportBusy:
        postpone_message(message_id=UUID(message_id), until=now() + SILENT_FOR)
        return
    finish_message(message_id=UUID(message_id), at=now())


@shared_task
def expire_every_campus() -> None:
    """Send ``expire_campus`` to every campus that is served, once a slot whatever the number of beats."""
    send_turn(expire_campus, name="expire-exports", every=EXPIRE_EVERY, at=now())


@shared_task
def expire_campus() -> int:
    """Remove the exports of this campus whose time is over."""
    if count := expire_exports(at=now()):
        logger.info("exports_expired", extra={"count": count})
    return count
