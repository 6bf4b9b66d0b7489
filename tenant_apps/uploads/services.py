"""Keeping files and removing them.

A file is written before the row that names it, and deleted after the row has gone: killed in between, a file is left
that no row names, and the sweep deletes it. A row without its file can only come of a storage that lost it.
"""

import hashlib
import logging
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import Any, BinaryIO, Final, cast
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Sum

from shared_apps.accounts.models import User
from shared_apps.accounts.roles import STAFF_ROLES
from shared_apps.audit.services import Actor, record_action
from tenant_apps.uploads.errors import (
    CampusQuotaReached,
    PersonQuotaReached,
    StorageUnavailable,
    UnknownFileType,
    UnreadableDocument,
    UploadNotFound,
)
from tenant_apps.uploads.images import Picture, write_anew
from tenant_apps.uploads.models import Room, Upload
from tenant_apps.uploads.rules import ENDINGS, SHAPES, MediaType, UploadKind, is_image, is_pdf, is_whole_pdf, takes_pdf
from tenant_apps.uploads.selectors import find_campus_used, sum_used
from tenant_apps.uploads.storage import delete_file, list_files, save_file

logger = logging.getLogger("eas.uploads")

SWEEP_EVERY: Final = timedelta(hours=24)
# A file is written a moment before its row.
YOUNGEST_ORPHAN: Final = timedelta(hours=1)


def keep_file(
    *, by: User, at: datetime, kind: UploadKind, subject_id: UUID, content: bytes, confirm: Callable[[], None]
) -> Upload:
    """Keep a file for a thing, in place of the one it had; of evidence there may be several. Call it outside
    ``atomic()``.

    ``confirm`` raises where ``by`` may not give the thing a file, and locks what it judges by. It is called before the
    file is looked at, and in the transaction of the row. The same evidence sent again is the first one.

    Locks: what ``confirm`` locks, then the campus's room. Raises: UnknownFileType, UnreadableImage, TooManyPixels,
    UnreadableDocument, ImagesBusy, PersonQuotaReached, CampusQuotaReached, StorageFull, StorageUnavailable.
    """
    with transaction.atomic():
        confirm()
    picture, media_type = _read(kind, content)
    kept = picture.content if picture else content
    _check_room(by, used=find_campus_used(), taken=sum_used(by), more=len(kept), less=_size_of(kind, subject_id))
    upload = Upload(
        kind=kind, subject_id=subject_id, media_type=media_type, size=len(kept),
        digest=hashlib.sha256(kept).hexdigest(),
        width=picture.width if picture else None, height=picture.height if picture else None,
        file_name=save_file(kept, ending=ENDINGS[media_type]), uploaded_by_id=by.pk, uploaded_at=at,
    )  # fmt: skip
    return _add_or_delete(upload, by=by, at=at, confirm=confirm)


def keep_made_file(
    *, by: User, at: datetime, kind: UploadKind, subject_id: UUID, file: BinaryIO, media_type: MediaType,
    confirm: Callable[[], None],
) -> Upload:  # fmt: skip
    """Keep an open file that EAS has made, in the room of ``by``; ``confirm`` is called in the transaction of the row,
    and undoes all of it by raising. Call it outside ``atomic()``.

    Locks: what ``confirm`` locks, then the campus's room. Raises: PersonQuotaReached, CampusQuotaReached, StorageFull,
    StorageUnavailable.
    """
    file.seek(0)
    digest = hashlib.file_digest(cast(Any, file), "sha256").hexdigest()
    size = file.tell()
    file.seek(0)
    upload = Upload(
        kind=kind, subject_id=subject_id, media_type=media_type, size=size, digest=digest,
        file_name=save_file(file, ending=ENDINGS[media_type]), uploaded_by_id=by.pk, uploaded_at=at,
    )  # fmt: skip
    return _add_or_delete(upload, by=by, at=at, confirm=confirm)


@transaction.atomic
def remove_file(*, by: Actor | None, at: datetime, kind: UploadKind, subject_id: UUID, upload_id: UUID | None = None,
                confirm: Callable[[], None] = lambda: None) -> None:  # fmt: skip
    """Remove the file of a thing, of several the one with this id; ``confirm`` as in ``keep_file``.

    Locks: what ``confirm`` locks, then the campus's room. Raises: UploadNotFound.
    """
    confirm()
    used = _lock_room()
    rows = Upload.objects.filter(kind=kind, subject_id=subject_id)
    found = list(rows.filter(pk=upload_id) if upload_id else rows)
    if not found:
        raise UploadNotFound
    _remove(found, used=used)
    record_action(
        at=at, by=by, action="upload.removed", target_type="upload", target_id=found[0].pk,
        changes={"kind": kind.value, "subject": str(subject_id)},
    )  # fmt: skip


@transaction.atomic
def forget_files(*, kind: UploadKind, subject_id: UUID) -> None:
    """Remove whatever files a thing has, with the thing itself, in its transaction.

    Locks: the campus's room, where there are any.
    """
    rows = Upload.objects.filter(kind=kind, subject_id=subject_id)
    if rows.exists():
        used = _lock_room()
        _remove(list(rows), used=used)


def sweep_files(*, at: datetime) -> int:
    """Delete the files of this campus that no row names, and count the room anew; return how many were deleted.

    Locks: the campus's room.
    """
    old = list(list_files(before=at - YOUNGEST_ORPHAN))
    named = set(Upload.objects.filter(file_name__in=old).values_list("file_name", flat=True)) if old else set()
    orphans = [name for name in old if name not in named]
    _delete_quietly(orphans)
    with transaction.atomic():
        _lock_room()
        Room.objects.update(used=Upload.objects.aggregate(sum=Sum("size"))["sum"] or 0)
    return len(orphans)


def _read(kind: UploadKind, content: bytes) -> tuple[Picture | None, MediaType]:
    """Return the picture written anew, None for a document, and what is kept."""
    if is_image(content):
        return write_anew(content, shape=SHAPES[kind]), SHAPES[kind].media_type
    if not (takes_pdf(kind) and is_pdf(content)):
        raise UnknownFileType(attr="file")
    if not is_whole_pdf(content):
        raise UnreadableDocument(attr="file")
    return None, MediaType.PDF


def _add_or_delete(upload: Upload, *, by: User, at: datetime, confirm: Callable[[], None]) -> Upload:
    try:
        return _add(upload, by=by, at=at, confirm=confirm)
    finally:
        # Also where the same file was there before.
        if not Upload.objects.filter(pk=upload.pk).exists():
            _delete_quietly([upload.file_name])


@transaction.atomic
def _add(upload: Upload, *, by: User, at: datetime, confirm: Callable[[], None]) -> Upload:
    confirm()
    used = _lock_room()
    rows = Upload.objects.filter(kind=upload.kind, subject_id=upload.subject_id)
    same = rows.filter(digest=upload.digest).first()
    if same is not None:
        return same
    replaced = [] if upload.kind == UploadKind.EVIDENCE else list(rows)
    freed = sum(one.size for one in replaced)
    own = sum(one.size for one in replaced if one.uploaded_by_id == by.pk)
    _check_room(by, used=used - freed, taken=sum_used(by) - own, more=upload.size, less=0)
    _remove(replaced, used=used)
    upload.save(force_insert=True)
    Room.objects.filter(pk=1).update(used=used - freed + upload.size)
    record_action(
        at=at, by=by, action="upload.kept", target_type="upload", target_id=upload.pk,
        changes={"kind": str(upload.kind), "subject": str(upload.subject_id), "size": upload.size},
    )  # fmt: skip
    return upload


def _check_room(by: User, *, used: int, taken: int, more: int, less: int) -> None:
    """Refuse ``more`` bytes where they do not fit. Exact under the lock of the room; before, it spares the writing."""
    most = settings.UPLOAD_STAFF_QUOTA if by.role in STAFF_ROLES else settings.UPLOAD_PERSON_QUOTA
    if taken + more - less > most:
        raise PersonQuotaReached
    if used + more - less > settings.UPLOAD_CAMPUS_QUOTA:
        raise CampusQuotaReached


def _size_of(kind: UploadKind, subject_id: UUID) -> int:
    """Return how much room a new file would leave that takes the old one's place."""
    if kind == UploadKind.EVIDENCE:
        return 0
    return Upload.objects.filter(kind=kind, subject_id=subject_id).values_list("size", flat=True).first() or 0


def _lock_room() -> int:
    """Return how many bytes are used; nobody else adds or removes files of this campus until the transaction ends."""
    table = Room._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} (id, used) VALUES (1, 0) ON CONFLICT (id) DO UPDATE SET used = {table}.used "
            "RETURNING used"
        )
        return int(cursor.fetchone()[0])


def _remove(found: list[Upload], *, used: int) -> None:
    """Delete rows under the room's lock, and their files once that is committed."""
    if not found:
        return
    Upload.objects.filter(pk__in=[one.pk for one in found]).delete()
    Room.objects.filter(pk=1).update(used=used - sum(one.size for one in found))
    transaction.on_commit(partial(_delete_quietly, [one.file_name for one in found]), robust=True)


def _delete_quietly(names: Iterable[str]) -> None:
    """Delete files that no row names. What cannot be deleted now is left to the sweep."""
    for name in names:
        try:
            delete_file(name)
        except StorageUnavailable:
            logger.warning("file_not_deleted")
