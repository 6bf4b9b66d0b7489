"""What events do later."""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from celery import shared_task
from django.conf import settings
from django.db import transaction

from shared_apps.common.clock import now
from shared_apps.outbox.services import CAMPUS_RESTS, claim_message, finish_message, postpone_message
from shared_apps.periodic.services import send_turn
from tenant_apps.events.services import telling
from tenant_apps.events.services.registrations import tidy_places
from tenants.context import campus_context
from tenants.errors import CampusNotReady, CampusSuspended
from tenants.models import CampusState
from tenants.registry import confirm_current_campus, find_campus

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


@shared_task
def tell_concerned_people(*, message_id: str, event_id: str, kind: str, text: str, **later: Any) -> None:
    """Tell those whom an event concerns what has become of it; all of them, or with the next try."""
    at = now()
    with transaction.atomic():
        if claim_message(message_id=UUID(message_id)):
            telling.tell_concerned(event_id=UUID(event_id), kind=kind, text=text, once=f"{kind}:{message_id}", at=at)
            finish_message(message_id=UUID(message_id), at=at)


@shared_task
def tell_visitors(
    *,
    message_id: str,
    home: str,
    event_id: str,
    kind: str,
    text: str,
    once: str,
    states: Sequence[str],
    expires_at: str | None,
    persons: Sequence[str] | None = None,
    **later: Any,
) -> None:
    """Tell those of one campus who have a place at another's event; the task stands in their home for it.

    A home that is suspended or behind is told later; of one that is archived nobody is left to be told.
    """
    at = now()
    campus = find_campus(home)
    try:
        if campus is not None and campus.state != CampusState.ARCHIVED:
            with campus_context(campus):
                confirm_current_campus()
                telling.tell_visitors(
                    event_id=UUID(event_id),
                    kind=kind,
                    text=text,
                    once=once,
                    at=at,
                    states=states,
                    expires_at=datetime.fromisoformat(expires_at) if expires_at else None,
                    persons=None if persons is None else [UUID(person) for person in persons],
                )
    except (CampusSuspended, CampusNotReady):
        postpone_message(message_id=UUID(message_id), until=at + CAMPUS_RESTS)
    else:
        finish_message(message_id=UUID(message_id), at=at)


@shared_task
def remind_everywhere() -> None:
    """Send ``remind_here`` to every campus that is served, once a slot whatever the number of beats.

    What gets lost is done the next time.
    """
    if settings.REMIND_MINUTES:
        send_turn(remind_here, name="remind-of-sessions", every=telling.REMIND_EVERY, at=now())


@shared_task
def remind_here() -> int:
    """Remind of the sessions that are about to start."""
    if count := telling.remind_of_sessions(at=now(), lead=timedelta(minutes=settings.REMIND_MINUTES)):
        logger.info("sessions_reminded", extra={"count": count})
    return count
