"""Sending the e-mails of one campus.

Each is claimed in a statement of its own before it is sent, so that no two workers send one, and marked when the server
has it. A worker that dies leaves a claim that runs out, and the e-mail is sent then, with the same Message-ID. Between
the server's yes and the mark lies one statement: who dies just there has it sent twice. Nothing is ever lost.
"""

import logging
import smtplib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import formatdate
from typing import Final

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.db import connection
from django.db.models import F, Q

from tenant_apps.notifications.models import Mail, MailRoute
from tenant_apps.notifications.rules.kinds import subject_of
from tenant_apps.notifications.rules.mails import (
    MOST_REFUSALS,
    MailState,
    compose_text,
    header_text,
    mailbox,
    pause_after,
    reason_not_to_send,
)
from tenant_apps.notifications.services.servers import mail_server
from tenants.context import current_campus

logger = logging.getLogger("eas.mail")

# Longer than a task may live, so a claim that has run out is of a worker that is dead.
CLAIM: Final = timedelta(minutes=5)
# Then it is another campus's turn.
BUDGET: Final = timedelta(seconds=20)
KEPT_FOR: Final = timedelta(days=30)
_CLAIM: Final = """
    UPDATE notifications_mail SET due_at = %s, attempts = attempts + 1
     WHERE id = (SELECT id FROM notifications_mail WHERE state = 'queued' AND due_at <= %s
                  ORDER BY due_at LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED)
    RETURNING id
"""


@dataclass(frozen=True, slots=True)
class Sending:
    """What a turn came to; ``is_unfinished`` where there is more to send at once."""

    sent: int
    is_unfinished: bool


def send_queued_mails(*, clock: Callable[[], datetime]) -> Sending:
    """Send what is due here, one after the other, until nothing is, the time is up, or the server does not answer.

    A server that does not answer rests, longer each time; what waits for it waits, and is never given up. An address
    that the server refuses for good ends its e-mail, one that it puts off is tried again later. Needs no transaction,
    and must not be called in one. Any number may run.
    """
    at = clock()
    if MailRoute.objects.filter(rests_until__gt=at).exists():
        return Sending(0, is_unfinished=False)
    until, sent = at + BUDGET, 0
    server = mail_server()
    is_open = False
    try:
        while at < until:
            mail = _claim(at=at)
            if mail is None:
                return Sending(sent, is_unfinished=False)
            user = mail.user
            why = reason_not_to_send(address=user.email, is_active=user.is_active, expires_at=mail.expires_at, at=at)
            if why:
                _end(mail, MailState.DROPPED, error=why, at=at)
            elif not is_open and not _open(server, mail, at=at):
                return Sending(sent, is_unfinished=False)
            else:
                is_open, state = True, _send(server, mail, clock=clock)
                if state is None:
                    return Sending(sent, is_unfinished=False)
                sent += state == MailState.SENT
            at = clock()
        return Sending(sent, is_unfinished=True)
    finally:
        _close(server)


def forget_old_mails(*, at: datetime) -> int:
    """Delete e-mails that were ended a month ago; return how many."""
    deleted, _ = Mail.objects.filter(~Q(state=MailState.QUEUED), ended_at__lt=at - KEPT_FOR).delete()
    return deleted


def abandon_mails(*, at: datetime) -> int:
    """Drop every e-mail that is still to be sent; return how many. After a restore: it may have been sent since.

    A backup of an older release has no such table.
    """
    if Mail._meta.db_table not in connection.introspection.table_names():
        return 0
    queued = Mail.objects.filter(state=MailState.QUEUED)
    return queued.update(state=MailState.DROPPED, ended_at=at, error="campus_restored")


def compose(mail: Mail) -> EmailMessage:
    """Return ``mail`` as it is sent, by this campus's name."""
    campus, user = current_campus(), mail.user
    domain = settings.MAIL_FROM.rpartition("@")[2]
    return EmailMessage(
        subject=header_text(subject_of(mail.kind)),
        body=compose_text(name=user.display_name, text=mail.text, campus=campus.name),
        from_email=mailbox(campus.name, settings.MAIL_FROM),
        to=[mailbox(user.display_name, user.email)],
        headers={
            "Message-ID": f"<{campus.code.lower()}.{mail.pk}@{domain}>",
            "Date": formatdate(mail.created_at.timestamp()),
            "Auto-Submitted": "auto-generated",
        },
    )


def _claim(*, at: datetime) -> Mail | None:
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, [at + CLAIM, at])
        row = cursor.fetchone()
    return Mail.objects.select_related("user").get(pk=row[0]) if row else None


def _open(server: BaseEmailBackend, mail: Mail, *, at: datetime) -> bool:
    """Connect; where that fails, let the server rest and the e-mail be due at once when it has rested."""
    try:
        server.open()
    except (OSError, smtplib.SMTPException) as error:
        until = _rest(error, at=at)
        Mail.objects.filter(pk=mail.pk, state=MailState.QUEUED).update(due_at=until, error=_name(error))
        return False
    MailRoute.objects.filter(failures__gt=0).update(failures=0, rests_until=None, failing_since=None, error="")
    return True


def _send(server: BaseEmailBackend, mail: Mail, *, clock: Callable[[], datetime]) -> MailState | None:
    """Send one; return what became of it, None where the server is not there any more."""
    try:
        server.send_messages([compose(mail)])
    except smtplib.SMTPRecipientsRefused as error:
        code, _ = next(iter(error.recipients.values()), (550, b""))
        return _refuse(mail, code, error, at=clock())
    except smtplib.SMTPDataError as error:
        return _refuse(mail, error.smtp_code, error, at=clock())
    except (OSError, smtplib.SMTPException) as error:
        # It may have been this e-mail that it did not like: the others go before it next time.
        _postpone(mail, error, at=clock())
        _rest(error, at=clock())
        return None
    except ValueError as error:  # what cannot be written as a header
        return _end(mail, MailState.REFUSED, error=_name(error), at=clock())
    return _end(mail, MailState.SENT, error="", at=clock())


def _refuse(mail: Mail, code: int, error: Exception, *, at: datetime) -> MailState:
    if code >= 500 or mail.refusals + 1 >= MOST_REFUSALS:
        return _end(mail, MailState.REFUSED, error=f"{_name(error)} {code}", at=at)
    return _postpone(mail, error, at=at)


def _postpone(mail: Mail, error: Exception, *, at: datetime) -> MailState:
    Mail.objects.filter(pk=mail.pk, state=MailState.QUEUED).update(
        due_at=at + pause_after(mail.refusals + 1), refusals=F("refusals") + 1, error=_name(error)
    )
    return MailState.QUEUED


def _end(mail: Mail, state: MailState, *, error: str, at: datetime) -> MailState:
    Mail.objects.filter(pk=mail.pk, state=MailState.QUEUED).update(state=state, ended_at=at, error=error)
    if error:
        logger.warning("mail_not_sent", extra={"outcome": error})
    return state


def _rest(error: Exception, *, at: datetime) -> datetime:
    """Leave the server alone for a while; return until when."""
    route, _ = MailRoute.objects.get_or_create(pk=1)
    until = at + pause_after(route.failures + 1)
    MailRoute.objects.filter(pk=1).update(
        failures=route.failures + 1, rests_until=until, failing_since=route.failing_since or at, error=_name(error)
    )
    logger.warning("mail_server_rests", extra={"outcome": _name(error), "count": route.failures + 1})
    return until


def _close(server: BaseEmailBackend) -> None:
    try:
        server.close()
    except (OSError, smtplib.SMTPException):
        logger.info("mail_server_left")


def _name(error: Exception) -> str:
    """Return what kind of error it was: its text may hold addresses."""
    return type(error).__name__
