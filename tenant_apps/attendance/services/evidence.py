"""What proves an excuse or a correction: added and removed while nobody has decided; then it stays as it was."""

from datetime import datetime
from uuid import UUID

from shared_apps.accounts.models import User
from tenant_apps.attendance.services.requests import lock_own_request
from tenant_apps.uploads.errors import TooManyFiles
from tenant_apps.uploads.models import Upload
from tenant_apps.uploads.rules import MOST_EVIDENCE, UploadKind
from tenant_apps.uploads.selectors import list_files_of
from tenant_apps.uploads.services import keep_file, remove_file


def add_evidence(*, by: User, at: datetime, request_id: UUID, content: bytes) -> Upload:
    """Add a picture or a PDF to an open request of one's own. The same file again is the one that is there.

    Locks: the request, then the campus's room. Raises: RequestNotFound, AlreadyDecided, TooManyFiles, and what
    ``keep_file`` raises.
    """

    def confirm() -> None:
        lock_own_request(by=by, request_id=request_id)
        if list_files_of(kind=UploadKind.EVIDENCE, subject_id=request_id).count() >= MOST_EVIDENCE:
            raise TooManyFiles

    return keep_file(
        by=by, at=at, kind=UploadKind.EVIDENCE, subject_id=request_id, content=content, confirm=confirm
    )  # fmt: skip


def remove_evidence(*, by: User, at: datetime, request_id: UUID, upload_id: UUID) -> None:
    """Take a file back from an open request of one's own.

    Locks: as ``add_evidence``. Raises: RequestNotFound, AlreadyDecided, UploadNotFound.
    """

    def confirm() -> None:
        lock_own_request(by=by, request_id=request_id)

    remove_file(
        by=by, at=at, kind=UploadKind.EVIDENCE, subject_id=request_id, upload_id=upload_id, confirm=confirm
    )  # fmt: skip
