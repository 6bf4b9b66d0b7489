"""Questions about uploads. Whether the caller may see a file, the app that knows what it is of has asked before."""

from uuid import UUID

from django.core.files.base import File
from django.db.models import QuerySet, Sum

from shared_apps.accounts.models import User
from shared_apps.accounts.roles import Role
from tenant_apps.uploads.errors import UploadNotFound
from tenant_apps.uploads.models import Room, Upload
from tenant_apps.uploads.rules import UploadKind
from tenant_apps.uploads.storage import open_file, read_file


def list_uploads(user: User) -> QuerySet[Upload]:
    """Return what ``user`` has uploaded (campus admins: everything), newest first."""
    rows = Upload.objects.order_by("-uploaded_at", "-id")
    return rows if user.role == Role.CAMPUS_ADMIN else rows.filter(uploaded_by_id=user.pk)


def list_files_of(*, kind: UploadKind, subject_id: UUID) -> QuerySet[Upload]:
    """Return the files of one thing, oldest first."""
    return Upload.objects.filter(kind=kind, subject_id=subject_id).order_by("uploaded_at", "id")


def get_file_of(*, kind: UploadKind, subject_id: UUID, upload_id: UUID | None = None) -> Upload:
    """Return the file of one thing, of several the one with this id.

    Raises: UploadNotFound.
    """
    rows = Upload.objects.filter(kind=kind, subject_id=subject_id)
    found = (rows.filter(pk=upload_id) if upload_id else rows).first()
    if found is None:
        raise UploadNotFound
    return found


def read_upload(upload: Upload) -> bytes:
    """Return what is in it.

    Raises: UploadNotFound where its file has gone; StorageUnavailable.
    """
    return read_file(upload.file_name)


def open_upload(upload: Upload) -> File:
    """Open it, to be read piece by piece.

    Raises: as ``read_upload``.
    """
    return open_file(upload.file_name)


def sum_used(user: User) -> int:
    """Return how many bytes of files ``user`` has uploaded that are still there."""
    return Upload.objects.filter(uploaded_by_id=user.pk).aggregate(sum=Sum("size"))["sum"] or 0


def find_campus_used() -> int:
    """Return how many bytes the campus's files take."""
    return Room.objects.filter(pk=1).values_list("used", flat=True).first() or 0
