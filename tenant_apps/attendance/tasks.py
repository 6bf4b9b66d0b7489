"""What attendance does later."""

from typing import Any
from uuid import UUID

from celery import shared_task
from django.db import transaction

from shared_apps.common.clock import now
from shared_apps.federation.directory import ask_display_name
from shared_apps.outbox.services import claim_message, finish_message
from tenant_apps.attendance.services.visitors import name_visitor


@shared_task
def learn_visitor_name(*, message_id: str, home: str, person_id: str, **later: Any) -> None:
    """Ask the home campus what a visitor is called. Asking twice does no harm."""
    name = ask_display_name(home=home, person_id=UUID(person_id))
    with transaction.atomic():
        if claim_message(message_id=UUID(message_id)):
            name_visitor(person_id=UUID(person_id), display_name=name)
            finish_message(message_id=UUID(message_id), at=now())
