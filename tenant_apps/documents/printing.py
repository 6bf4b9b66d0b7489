"""PDF by typst. What people typed goes in as data: nothing of it is read as typesetting."""

import base64
import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import typst

from tenant_apps.uploads.errors import UploadNotFound
from tenant_apps.uploads.rules import UploadKind
from tenant_apps.uploads.selectors import get_file_of, read_upload
from tenants.context import current_campus

_LONG: Final = re.compile(r"\S{25,}")


def print_document(
    source: bytes,
    *,
    words: Mapping[str, Any],
    at: datetime,
    pictures: Mapping[str, str] | None = None,
    tagged: bool = True,
) -> bytes:
    """Return what ``source`` makes of ``words`` and ``pictures`` (SVG) as PDF, dated ``at``.

    It finds them by name in ``json(bytes(sys.inputs.data))``, with ``campus``, the campus's name, and ``logo``, its
    logo as it is now or none. Fonts are those that typst brings along, the same on every machine.

    ``tagged``: so that screen readers find their way. Of a table of thousands of rows the tags are most of the file.

    Raises: StorageUnavailable.
    """
    data = {
        **breakable(words), **(pictures or {}), "campus": breakable(current_campus().name), "logo": find_logo(),
    }  # fmt: skip
    return typst.compile(
        source, format="pdf", ignore_system_fonts=True, timestamp=int(at.timestamp()), pdf_tags=tagged,
        sys_inputs={"data": json.dumps(data)},
    )  # fmt: skip


def breakable(words: Any) -> Any:
    """Let what is too long for any line be broken where it has to be, in texts and in whatever holds texts."""
    if isinstance(words, str):
        return _LONG.sub(lambda found: "\u200b".join(found[0]), words)
    if isinstance(words, Mapping):
        return {key: breakable(value) for key, value in words.items()}
    return [breakable(value) for value in words] if isinstance(words, list) else words


def find_logo() -> str | None:
    """Return the campus's logo within an SVG of ours: what typst is given is text."""
    try:
        upload = get_file_of(kind=UploadKind.LOGO, subject_id=current_campus().id)
        picture = base64.b64encode(read_upload(upload)).decode()
    except UploadNotFound:
        return None
    size = f'width="{upload.width}" height="{upload.height}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size}>'
        f'<image {size} href="data:{upload.media_type};base64,{picture}"/></svg>'
    )
