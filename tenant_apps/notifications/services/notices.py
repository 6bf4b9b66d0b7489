"""Telling people something, in the transaction in which it happens, and what they have read of it."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import connection

from shared_apps.accounts.models import User
from shared_apps.outbox.services import add_message
from tenant_apps.notifications.errors import NoticeNotFound
from tenant_apps.notifications.models import Notice
from tenant_apps.notifications.rules.kinds import default_channels
from tenant_apps.notifications.selectors.notices import list_notices
from tenant_apps.notifications.services.servers import mail_url

# The task of this app that sends them, by its name: verbs know no broker.
SEND_MAILS: Final = "tenant_apps.notifications.tasks.send_mails"
_LONGEST_TEXT: Final = 500
# So that no statement comes near the time that one may take.
_CHUNK: Final = 5000
# Each by the channels that they chose, else those of the kind. In the order of people: two who tell the same crowd the
# same thing at once wait for each other, and the second tells nobody.
_TELL: Final = """
    WITH told AS (
        SELECT u.id, x.text, coalesce(p.in_app, %(in_app)s) AS in_app, coalesce(p.email, %(email)s) AS email
          FROM unnest(%(people)s::uuid[], %(texts)s::text[]) AS x(id, text)
          JOIN accounts_user u ON u.id = x.id
          LEFT JOIN notifications_preference p ON p.user_id = u.id AND p.kind = %(kind)s
         ORDER BY u.id
    ), noticed AS (
        INSERT INTO notifications_notice (id, user_id, kind, text, event_id, once, created_at)
        SELECT gen_random_uuid(), id, %(kind)s, left(text, %(longest)s), %(event_id)s, %(once)s, %(at)s
          FROM told WHERE in_app
        ON CONFLICT (user_id, once) WHERE NOT once = '' DO NOTHING
    )
    INSERT INTO notifications_mail (id, user_id, kind, text, once, state, created_at, due_at, expires_at, attempts,
                                    refusals, error)
    SELECT gen_random_uuid(), id, %(kind)s, text, %(once)s, 'queued', %(at)s, %(at)s, %(expires_at)s, 0, 0, ''
      FROM told WHERE email AND %(mails)s
    ON CONFLICT (user_id, once) WHERE NOT once = '' DO NOTHING
"""


def send_notices(
    *,
    to: Iterable[UUID],
    kind: str,
    text: str,
    at: datetime,
    event_id: UUID | None = None,
    once: str = "",
    expires_at: datetime | None = None,
) -> None:
    """Tell each of these people (user ids) the same, each by the channels they chose. Call it in the transaction of
    what they are told.

    ``once`` names what each person is told a single time, whoever tries again. An e-mail that has not left by
    ``expires_at`` is dropped. One statement for each 5,000 people, and a message to the mail workers.
    """
    send_each_notice(
        texts=dict.fromkeys(to, text), kind=kind, at=at, event_id=event_id, once=once, expires_at=expires_at
    )


def send_each_notice(
    *,
    texts: Mapping[UUID, str],
    kind: str,
    at: datetime,
    event_id: UUID | None = None,
    once: str = "",
    expires_at: datetime | None = None,
) -> None:
    """Tell each of these people (user ids) something of their own, as ``send_notices`` does."""
    in_app, email = default_channels(kind)
    same = {
        "kind": kind, "event_id": event_id, "once": once, "at": at, "expires_at": expires_at, "in_app": in_app,
        "email": email, "longest": _LONGEST_TEXT, "mails": bool(mail_url()),
    }  # fmt: skip
    people, mails = sorted(texts), 0
    with connection.cursor() as cursor:
        for start in range(0, len(people), _CHUNK):
            some = people[start : start + _CHUNK]
            cursor.execute(_TELL, {**same, "people": some, "texts": [texts[user_id] for user_id in some]})
            mails += cursor.rowcount
    if mails:
        add_message(kind=SEND_MAILS, payload={}, at=at)


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
