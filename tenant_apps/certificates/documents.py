"""A certificate as PDF. What people typed goes in as data: nothing of it is read as typesetting."""

import base64
import io
import json
import re
from pathlib import Path
from typing import Final

import segno
import typst

from tenant_apps.certificates.models import Certificate
from tenant_apps.uploads.errors import UploadNotFound
from tenant_apps.uploads.rules import UploadKind
from tenant_apps.uploads.selectors import get_file_of, read_upload
from tenants.context import current_campus

_LONG: Final = re.compile(r"\S{25,}")
_SOURCE: Final = (Path(__file__).parent / "certificate.typ").read_bytes()


def print_certificate(certificate: Certificate, *, address: str) -> bytes:
    """Return the certificate as PDF, with the campus's logo as it is now and ``address`` as its QR code.

    Raises: StorageUnavailable.
    """
    drawn = io.BytesIO()
    segno.make(address, error="m", micro=False).save(drawn, kind="svg", border=1)
    data = {
        "campus": current_campus().name,
        "heading": _breakable(certificate.heading),
        "name": _breakable(certificate.name),
        "text": _breakable(certificate.text),
        "signatories": [{key: _breakable(words) for key, words in one.items()} for one in certificate.signatories],
        "logo": _find_logo(),
        "qr": drawn.getvalue().decode(),
    }
    return typst.compile(
        _SOURCE, format="pdf", ignore_system_fonts=True, timestamp=int(certificate.issued_at.timestamp()),
        sys_inputs={"data": json.dumps(data)},
    )  # fmt: skip


def _breakable(words: str) -> str:
    """Let what is too long for any line be broken where it has to be."""
    return _LONG.sub(lambda found: "\u200b".join(found[0]), words)


def _find_logo() -> str | None:
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
