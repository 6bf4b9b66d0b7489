"""What people are told."""

from typing import ClassVar

from django.conf import settings
from django.db import models

from shared_apps.common.ids import uuid7


class Notice(models.Model):
    """One thing that one person was told, in the transaction in which it happened."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notices")
    # Stable, for clients: "registration.promoted", "request.decided"…
    kind = models.CharField(max_length=40)
    text = models.CharField(max_length=500)
    # What it is about; the app above knows the event.
    event_id = models.UUIDField(null=True)
    created_at = models.DateTimeField()
    read_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["user", "created_at"], name="notifications_notice_user")]

    def __str__(self) -> str:
        return f"{self.kind} for {self.user_id}"
