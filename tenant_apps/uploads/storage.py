"""Where files are kept: on the local disk, or in S3 where a setting says so. Every campus has a folder of its own.

Names are random and made here. Whoever opens a file stands in a campus, and reaches the files of that one only.
"""

import errno
import secrets
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import BinaryIO, Final, TypeVar

from django.core.files.base import ContentFile, File
from django.core.files.storage import Storage, storages

from tenant_apps.uploads.errors import StorageFull, StorageUnavailable, UploadNotFound
from tenants.context import current_campus

ALIAS: Final = "uploads"
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_Found = TypeVar("_Found")


def save_file(content: bytes | BinaryIO, *, ending: str) -> str:
    """Keep ``content``, of an open file all of it, in the folder of the current campus; return its new name.

    Raises: StorageFull, StorageUnavailable.
    """
    name = f"{secrets.token_hex(20)}.{ending}"
    file = ContentFile(content) if isinstance(content, bytes) else File(content)
    kept = _try(lambda: _storage().save(_path(name), file))
    if kept != _path(name):  # 160 random bits, and yet there was such a file
        raise StorageUnavailable
    return name


def read_file(name: str) -> bytes:
    """Return what is in a file of the current campus.

    Raises: UploadNotFound, StorageUnavailable.
    """

    def read() -> bytes:
        with _storage().open(_path(name)) as file:
            return bytes(file.read())

    return _try(read)


def open_file(name: str) -> File:
    """Open a file of the current campus, to be read piece by piece.

    Raises: UploadNotFound, StorageUnavailable.
    """
    return _try(lambda: _storage().open(_path(name)))


def delete_file(name: str) -> None:
    """Delete a file of the current campus; one that is not there is gone already.

    Raises: StorageUnavailable.
    """
    _try(lambda: _storage().delete(_path(name)))


def list_files(*, before: datetime) -> Iterator[str]:
    """Yield the names of the current campus's files that were written before an instant.

    Raises: StorageUnavailable.
    """
    folder = _path("")
    storage = _storage()

    def names() -> list[str]:
        return storage.listdir(folder)[1]

    try:
        found = _try(names)
    except UploadNotFound:  # nothing was ever kept here
        return
    for name in found:
        if _try(lambda name=name: storage.get_modified_time(_path(name))) < before:  # type: ignore[misc]
            yield name


def _storage() -> Storage:
    return storages[ALIAS]


def _path(name: str) -> str:
    """Return where a file of the current campus is. Names are ours; one with a slash never was."""
    if "/" in name or "\\" in name or name.startswith("."):
        raise UploadNotFound
    return f"{current_campus().id}/{name}"


def _try(act: Callable[[], _Found]) -> _Found:
    try:
        return act()
    except FileNotFoundError:
        raise UploadNotFound from None
    except OSError as error:
        raise (StorageFull if error.errno in _FULL else StorageUnavailable) from error
    except (UploadNotFound, StorageUnavailable):
        raise
    except Exception as error:
        # Each service has errors of its own, and its library is not installed where it is not used.
        raise StorageUnavailable from error
