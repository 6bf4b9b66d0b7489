"""Posters of events, given and removed by who runs the event."""

from datetime import datetime
from uuid import UUID

from shared_apps.accounts.models import User
from tenant_apps.events.services.locking import lock_event
from tenant_apps.uploads.models import Upload
from tenant_apps.uploads.rules import UploadKind
from tenant_apps.uploads.services import keep_file, remove_file


def set_poster(*, by: User, at: datetime, event_id: UUID, content: bytes) -> Upload:
    """Give an event a poster in place of the one it has.

    Locks: the event, then the campus's room. Raises: EventNotFound, NotYourEvent, and what ``keep_file`` raises.
    """
    return keep_file(
        by=by, at=at, kind=UploadKind.POSTER, subject_id=event_id, content=content,
        confirm=lambda: _confirm(event_id, by=by),
    )  # fmt: skip


def remove_poster(*, by: User, at: datetime, event_id: UUID) -> None:
    """Remove an event's poster.

    Locks: as ``set_poster``. Raises: EventNotFound, NotYourEvent, UploadNotFound.
    """
    remove_file(
        by=by, at=at, kind=UploadKind.POSTER, subject_id=event_id, confirm=lambda: _confirm(event_id, by=by)
    )  # fmt: skip


def _confirm(event_id: UUID, *, by: User) -> None:
    lock_event(event_id, by=by)
