"""Telling people something, in the transaction in which it happens."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from tenant_apps.notifications.models import Notice


def send_notices(*, to: Iterable[UUID], kind: str, text: str, at: datetime, event_id: UUID | None = None) -> None:
    """Tell each of these people (user ids). Call it in the transaction of what they are told."""
    Notice.objects.bulk_create(
        [Notice(user_id=user_id, kind=kind, text=text, event_id=event_id, created_at=at) for user_id in to],
        batch_size=1000,
    )
