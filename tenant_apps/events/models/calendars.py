"""Calendars that people subscribe to."""

from typing import ClassVar

from django.conf import settings
from django.db import models


class CalendarFeed(models.Model):
    """The secret address under which a calendar app reads the events of one person. Only a digest of it is kept."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="calendar_feed"
    )
    digest = models.BinaryField(max_length=32)
    created_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["digest"], name="events_calendarfeed_digest_once"),
        ]

    def __str__(self) -> str:
        return f"calendar of {self.user_id}"
