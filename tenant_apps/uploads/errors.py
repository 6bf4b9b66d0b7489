"""What uploads refuse."""

from shared_apps.common.errors import Conflict, DomainError, Invalid, NotFound, Unavailable


class UploadNotFound(NotFound):
    code = "not_found"


class UnknownFileType(Invalid):
    code = "file_type_unknown"
    detail = "This is none of the kinds of files that are taken here. What counts is what is in it, not its name."


class UnreadableImage(Invalid):
    code = "image_unreadable"
    detail = "The picture is damaged, or too hard to read."


class TooManyPixels(Invalid):
    code = "image_too_many_pixels"
    detail = "The picture has too many pixels."


class UnreadableDocument(Invalid):
    code = "document_unreadable"
    detail = "The file begins as a PDF and is none from beginning to end."


class PersonQuotaReached(Conflict):
    code = "upload_quota_person"
    detail = "All the room that you have for files is taken. Remove some first."


class CampusQuotaReached(Conflict):
    code = "upload_quota_campus"
    detail = "All the room that the campus has for files is taken."


class TooManyFiles(Conflict):
    code = "too_many_files"
    detail = "It has as many files as it may have. Remove one first."


class StorageUnavailable(Unavailable):
    code = "storage_unavailable"
    detail = "Files cannot be kept or read at the moment."
    retry_after = 30


class ImagesBusy(Unavailable):
    code = "images_busy"
    detail = "Many pictures are being read at the moment."


class StorageFull(DomainError):
    status = 507
    code = "storage_full"
    detail = "There is no room left where files are kept."
