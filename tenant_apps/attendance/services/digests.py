"""Telling organizers once a day what their day brings, what the last one came to, and what waits for them."""

from datetime import UTC, datetime, time, timedelta
from typing import Final

from django.db import transaction

from shared_apps.outbox.services import take_slot
from tenant_apps.attendance.rules.digests import LATEST_AFTER, Waiting, compose_digest, digest_instant
from tenant_apps.attendance.selectors.digests import count_waiting, list_ahead, list_over
from tenant_apps.notifications.rules.kinds import NoticeKind
from tenant_apps.notifications.services.notices import send_each_notice
from tenants.context import current_campus

DIGEST_EVERY: Final = timedelta(minutes=10)
_DAY: Final = timedelta(days=1)


@transaction.atomic
def send_digests(*, at: datetime, hour: int) -> int:
    """Send this campus's digests of the day, if it is ``hour`` there and they were not sent; return how many.

    Once a day of the campus, whoever tries: the turn and the digests are one transaction. Whoever has nothing to hear
    hears nothing. One that could not be sent in the morning is left out, its closings too.
    """
    zone = current_campus().zone
    due = digest_instant(at=at, hour=hour, zone=zone)
    if at - due >= LATEST_AFTER:
        return 0
    # Turns are counted in days of UTC; the campus's day, written as one of UTC, is one turn.
    if not take_slot(name="digest", every=_DAY, at=datetime.combine(due.date(), time(), tzinfo=UTC)):
        return 0
    ahead = list_ahead(since=due, until=due + _DAY)
    over = list_over(since=due - _DAY, until=due)
    waiting = count_waiting()
    texts = {}
    for user_id in ahead.keys() | over.keys() | waiting.keys():
        text = compose_digest(
            ahead=ahead.get(user_id, []),
            over=over.get(user_id, []),
            waiting=waiting.get(user_id, Waiting()),
            zone=zone,
        )
        if text:
            texts[user_id] = text
    send_each_notice(
        texts=texts, kind=NoticeKind.DIGEST, at=at, once=f"{NoticeKind.DIGEST}:{due.date()}", expires_at=due + _DAY
    )
    return len(texts)
