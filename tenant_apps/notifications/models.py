"""What people are told, by which channel, and what became of their e-mails."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from shared_apps.common.ids import uuid7
from tenant_apps.notifications.rules.mails import MailState


class Notice(models.Model):
    """One thing that one person was told, in the transaction in which it happened."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notices")
    # Stable, for clients: "registration.promoted", "request.decided"…
    kind = models.CharField(max_length=40)
    text = models.CharField(max_length=500)
    # What it is about; the app above knows the event.
    event_id = models.UUIDField(null=True)
    # What is told to each person once, whoever tries again: "session.reminder:<session>:<start>". Empty: no such limit.
    once = models.CharField(max_length=120, blank=True, default="", db_default="")
    created_at = models.DateTimeField()
    read_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["user", "once"], condition=~Q(once=""), name="notifications_notice_told_once"
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["user", "created_at"], name="notifications_notice_user")]

    def __str__(self) -> str:
        return f"{self.kind} for {self.user_id}"


class Preference(models.Model):
    """By which channels one person wants to hear of one kind. Without a row the kind's default holds."""

    pk = models.CompositePrimaryKey("user", "kind")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notice_preferences")
    kind = models.CharField(max_length=40)
    in_app = models.BooleanField()
    email = models.BooleanField()

    def __str__(self) -> str:
        return f"{self.user_id} on {self.kind}"


class Mail(models.Model):
    """One e-mail to one person, written in the transaction of what it says; its id makes its Message-ID.

    To whom it goes is looked up when it is sent: somebody who has corrected their address meanwhile gets it.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="mails")
    kind = models.CharField(max_length=40)
    text = models.TextField(max_length=20_000)
    once = models.CharField(max_length=120, blank=True, default="")
    state = models.CharField(max_length=10, choices=MailState.choices, default=MailState.QUEUED)
    created_at = models.DateTimeField()
    # Not before this instant: the first try, then the claim of each worker, then the pause after a failure.
    due_at = models.DateTimeField()
    # From then on it is of no use: a reminder of what has begun.
    expires_at = models.DateTimeField(null=True)
    # How often a worker began to send it. More than one: an earlier one died, or the server was away.
    attempts = models.PositiveIntegerField(default=0)
    # How often the server put off this address.
    refusals = models.PositiveSmallIntegerField(default=0)
    ended_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=200, blank=True, default="")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["user", "once"], condition=~Q(once=""), name="notifications_mail_told_once"
            ),
            models.CheckConstraint(condition=Q(state__in=MailState.values), name="notifications_mail_state_known"),
            models.CheckConstraint(
                condition=Q(state=MailState.QUEUED) ^ Q(ended_at__isnull=False), name="notifications_mail_ends_once"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["due_at"], condition=Q(state="queued"), name="notifications_mail_due"),
            models.Index(fields=["ended_at"], condition=~Q(state="queued"), name="notifications_mail_ended"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} to {self.user_id}: {self.state}"


class MailRoute(models.Model):
    """One row: how the campus's mail server is. While it rests nothing is tried: a dead one costs one try a pause."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    failures = models.PositiveIntegerField(default=0)
    rests_until = models.DateTimeField(null=True)
    failing_since = models.DateTimeField(null=True)
    error = models.CharField(max_length=200, blank=True, default="")

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(id=1), name="notifications_mailroute_one_row"),
        ]

    def __str__(self) -> str:
        return f"{self.failures} failures"
