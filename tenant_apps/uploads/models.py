"""What was uploaded."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from shared_apps.common.ids import uuid7
from tenant_apps.uploads.rules import MediaType, UploadKind


class Upload(models.Model):
    """One file that is kept, as EAS has written it. What a client called it is not kept."""

    # Never changed: another file is another row.
    privileges: ClassVar = ("SELECT", "INSERT", "DELETE")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=16, choices=UploadKind.choices)
    # The campus, the person, the event or the request that it belongs to; the apps above know them.
    subject_id = models.UUIDField()
    media_type = models.CharField(max_length=80, choices=MediaType.choices)
    # Random, below the folder of the campus.
    file_name = models.CharField(max_length=64)
    size = models.PositiveIntegerField()
    width = models.PositiveIntegerField(null=True)
    height = models.PositiveIntegerField(null=True)
    # SHA-256 of what is kept, in hexadecimal.
    digest = models.CharField(max_length=64)
    uploaded_by_id = models.UUIDField()
    uploaded_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(kind__in=UploadKind.values), name="uploads_upload_kind_known"),
            models.CheckConstraint(condition=Q(media_type__in=MediaType.values), name="uploads_upload_type_known"),
            models.CheckConstraint(condition=Q(size__gt=0), name="uploads_upload_not_empty"),
            models.UniqueConstraint(fields=["file_name"], name="uploads_upload_file_once"),
            models.UniqueConstraint(
                fields=["kind", "subject_id"],
                condition=~Q(kind=UploadKind.EVIDENCE),
                name="uploads_upload_subject_once",
            ),
            models.UniqueConstraint(fields=["kind", "subject_id", "digest"], name="uploads_upload_content_once"),
        ]
        indexes: ClassVar = [models.Index(fields=["uploaded_by_id", "uploaded_at"], name="uploads_upload_person")]

    def __str__(self) -> str:
        return f"{self.kind} of {self.subject_id}"


class Room(models.Model):
    """One row: how many bytes the campus's files take. Whoever adds or removes a file locks it first."""

    privileges: ClassVar = ("SELECT", "INSERT", "UPDATE")

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    used = models.BigIntegerField(default=0)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(id=1), name="uploads_room_one_row"),
            models.CheckConstraint(condition=Q(used__gte=0), name="uploads_room_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.used} bytes"
