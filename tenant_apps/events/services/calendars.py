"""The secret address of one's own calendar: made, renewed, ended."""

import secrets
from datetime import datetime

from django.db import transaction

from shared_apps.accounts.models import User
from shared_apps.accounts.services.tries import count_try, try_key
from shared_apps.audit.services import record_action
from tenant_apps.events.errors import CalendarNotFound, TooManyCalendarTries
from tenant_apps.events.models import CalendarFeed
from tenant_apps.events.selectors.calendars import digest_secret, get_owner_of_feed


@transaction.atomic
def renew_feed(*, by: User, at: datetime) -> str:
    """Give one's calendar a new secret, shown this once; the one before opens nothing any more."""
    secret = secrets.token_urlsafe(32)
    CalendarFeed.objects.bulk_create(
        [CalendarFeed(user_id=by.pk, digest=digest_secret(secret), created_at=at)],
        update_conflicts=True, unique_fields=["user"], update_fields=["digest", "created_at"],
    )  # fmt: skip
    record_action(at=at, by=by, action="calendar.renewed", target_type="user", target_id=by.pk)
    return secret


@transaction.atomic
def end_feed(*, by: User, at: datetime) -> None:
    """End one's calendar; said twice is said once."""
    ended, _ = CalendarFeed.objects.filter(user_id=by.pk).delete()
    if ended:
        record_action(at=at, by=by, action="calendar.ended", target_type="user", target_id=by.pk)


def end_every_feed(*, at: datetime) -> int:
    """End the calendars of a campus that was restored: a backup may hold addresses that were ended since."""
    return CalendarFeed.objects.all().delete()[0]


def open_feed(*, secret: str, address: str, at: datetime) -> User:
    """Return whose calendar a secret opens. Wrong ones are counted by address; right ones never wait, since a calendar
    server asks for thousands from one address, and a campus sits behind one.

    Raises: CalendarNotFound, TooManyCalendarTries.
    """
    try:
        return get_owner_of_feed(secret)
    except CalendarNotFound:
        if wait := count_try(key=try_key("calendar", address), at=at):
            raise TooManyCalendarTries(wait=wait) from None
        raise
