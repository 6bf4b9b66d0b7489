"""Telling people something, in the transaction in which it happens, and what they have read of it."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from shared_apps.accounts.models import User
from tenant_apps.notifications.errors import NoticeNotFound
from tenant_apps.notifications.models import Notice
from tenant_apps.notifications.selectors.notices import list_notices


def send_notices(*, to: Iterable[UUID], kind: str, text: str, at: datetime, event_id: UUID | None = None) -> None:
    """Tell each of these people (user ids). Call it in the transaction of what they are told."""
    Notice.objects.bulk_create(
        [Notice(user_id=user_id, kind=kind, text=text, event_id=event_id, created_at=at) for user_id in to],
        batch_size=1000,
    )


def read_notice(*, by: User, at: datetime, notice_id: UUID) -> Notice:
    """Mark one's own notice as read; said twice it keeps the first time.

    Raises: NoticeNotFound, also for somebody else's.
    """
    Notice.objects.filter(pk=notice_id, user_id=by.pk, read_at__isnull=True).update(read_at=at)
    found = list_notices(by).filter(pk=notice_id).first()
    if found is None:
        raise NoticeNotFound
    return found


def read_all_notices(*, by: User, at: datetime) -> int:
    """Mark all of one's own notices until now as read; return how many were not."""
    return Notice.objects.filter(user_id=by.pk, read_at__isnull=True, created_at__lte=at).update(read_at=at)
