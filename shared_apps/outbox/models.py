"""The one noun of the outbox."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from shared_apps.common.ids import uuid7


class OutboxMessage(models.Model):
    """Something that must happen after this transaction. ``published_at`` is set when the broker has it.

    ``finished_at`` is set by the task in its own transaction; a message that was published and not finished within
    its lease is published again, so a task that must not repeat its effect checks the row first.
    """

    relay_privileges: ClassVar = ("SELECT", "UPDATE")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=100)
    payload = models.JSONField(default=dict)
    created_at = models.DateTimeField()
    # Not before this instant: the first try, then the lease of each publication.
    due_at = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=0)
    finished_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=500, blank=True, default="")

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["due_at"], condition=Q(finished_at__isnull=True), name="outbox_message_due"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class Slot(models.Model):
    """One turn of something periodic, taken by whoever inserts the row first: two beats do it once."""

    privileges: ClassVar = ("SELECT", "INSERT", "DELETE")

    pk = models.CompositePrimaryKey("name", "begins_at")
    name = models.CharField(max_length=100)
    begins_at = models.DateTimeField()
    taken_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} {self.begins_at:%Y-%m-%d %H:%M}"
