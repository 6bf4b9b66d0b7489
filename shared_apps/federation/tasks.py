"""What the federation does later."""

import logging
from typing import Any
from uuid import UUID

from celery import shared_task
from django.db import transaction

from shared_apps.common.clock import now
from shared_apps.federation.interfaces import follow_common_event
from shared_apps.federation.selectors import get_federated_event
from shared_apps.federation.services.university import common_event
from shared_apps.outbox.services import CAMPUS_RESTS, claim_message, finish_message, postpone_message
from tenants.context import campus_context
from tenants.models import CampusState
from tenants.registry import find_campus

logger = logging.getLogger("eas.tasks")


@shared_task
def hold_event(*, message_id: str, event_id: str, host: str, **later: Any) -> None:
    """Let one campus's event follow the university-wide one, as it is now. Following twice changes nothing.

    A campus that is suspended or behind gets it later: the message waits, and is never given up.
    """
    common = common_event(get_federated_event(UUID(event_id)))
    campus = find_campus(host)
    if campus is not None and campus.state in {CampusState.SUSPENDED, CampusState.PROVISIONING}:
        logger.info("campus_not_ready", extra={"outcome": "later"})
        postpone_message(message_id=UUID(message_id), until=now() + CAMPUS_RESTS)
        return
    if campus is not None and campus.state == CampusState.READY:
        with campus_context(campus):
            follow_common_event()(common=common, at=now())
    with transaction.atomic():
        if claim_message(message_id=UUID(message_id)):
            finish_message(message_id=UUID(message_id), at=now())
