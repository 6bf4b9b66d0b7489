"""The one noun of idempotency."""

from typing import ClassVar

from django.db import models

from shared_apps.common.ids import uuid7


class StoredAnswer(models.Model):
    """What a write with an ``Idempotency-Key`` answered; a retry gets the same."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user_id = models.UUIDField()
    key = models.CharField(max_length=128)
    operation = models.CharField(max_length=300)
    fingerprint = models.BinaryField(max_length=32)
    status = models.PositiveSmallIntegerField(null=True)
    body = models.TextField(blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user_id", "key"], name="idempotency_storedanswer_key_once"),
        ]
        indexes: ClassVar = [models.Index(fields=["created_at"], name="idempotency_answer_age")]

    def __str__(self) -> str:
        return f"{self.operation} {self.status}"
