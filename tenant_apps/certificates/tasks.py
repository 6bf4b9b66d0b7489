"""What certificates do later."""

from typing import Any
from uuid import UUID

from celery import shared_task

from shared_apps.common.clock import now
from shared_apps.outbox.services import finish_message
from tenant_apps.certificates.services import work_off


@shared_task
def issue_certificates(*, message_id: str, run_id: str, **later: Any) -> None:
    """Work off one run. It may be started twice: each presence gets one certificate."""
    work_off(run_id=UUID(run_id), clock=now)
    finish_message(message_id=UUID(message_id), at=now())
