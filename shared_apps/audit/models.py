"""The audit's one noun."""

from typing import ClassVar

from django.db import models

from shared_apps.common.ids import uuid7


class AuditEntry(models.Model):
    """One thing somebody did. No foreign keys: deleting a thing never blocks or erases its history."""

    # Append-only by grant: the login of this schema may neither change nor delete a row.
    privileges: ClassVar = ("SELECT", "INSERT")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    at = models.DateTimeField()
    actor_id = models.UUIDField(null=True)
    actor_role = models.CharField(max_length=20, blank=True)
    action = models.CharField(max_length=60)
    target_type = models.CharField(max_length=40)
    target_id = models.CharField(max_length=64)
    reason = models.CharField(max_length=500, blank=True)
    changes = models.JSONField(default=dict)
    request_id = models.CharField(max_length=64, blank=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["target_type", "target_id", "at"], name="audit_entry_target"),
            models.Index(fields=["at"], name="audit_entry_at"),
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.action}"
