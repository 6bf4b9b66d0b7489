"""What accounts do later."""

from typing import Any
from uuid import UUID

from celery import shared_task

from shared_apps.accounts.services.rosters import run_import
from shared_apps.common.clock import now
from shared_apps.outbox.services import finish_message


@shared_task
def run_roster_import(*, message_id: str, import_id: str, **later: Any) -> None:
    """Work off one import. It may be started twice: each chunk is done once."""
    run_import(import_id=UUID(import_id), clock=now)
    finish_message(message_id=UUID(message_id), at=now())
