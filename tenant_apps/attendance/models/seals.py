"""Proof that nothing was altered afterwards."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models

from shared_apps.common.ids import uuid7
from tenant_apps.events.models import Event


class Seal(models.Model):
    """A digest over scans and decisions of one event that were committed and in no seal before, and over the seal
    before this one. ``rules.seals`` says over what exactly.
    """

    privileges: ClassVar = ("SELECT", "INSERT")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    event = models.ForeignKey(Event, on_delete=models.PROTECT, related_name="seals")
    # 1, 2, 3… within the event.
    number = models.PositiveIntegerField()
    # The rows it covers, in the order of the digest.
    scan_ids = ArrayField(models.UUIDField(), default=list)
    correction_ids = ArrayField(models.UUIDField(), default=list)
    request_ids = ArrayField(models.UUIDField(), default=list)
    # The digests of those rows, 32 bytes each: they say which row was altered.
    row_digests = models.BinaryField(default=b"")
    digest = models.BinaryField(max_length=32)
    sealed_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["event", "number"], name="attendance_seal_number_once"),
        ]

    def __str__(self) -> str:
        return f"seal {self.number} of {self.event_id}"
