"""A certificate as PDF."""

import io
from pathlib import Path
from typing import Final

import segno

from tenant_apps.certificates.models import Certificate
from tenant_apps.documents.printing import print_document

_SOURCE: Final = (Path(__file__).parent / "certificate.typ").read_bytes()


def print_certificate(certificate: Certificate, *, address: str) -> bytes:
    """Return the certificate as PDF, with the campus's logo as it is now and ``address`` as its QR code.

    Raises: StorageUnavailable.
    """
    drawn = io.BytesIO()
    segno.make(address, error="m", micro=False).save(drawn, kind="svg", border=1)
    words = {name: getattr(certificate, name) for name in ("heading", "name", "text", "signatories")}
    pictures = {"qr": drawn.getvalue().decode()}
    return print_document(_SOURCE, words=words, pictures=pictures, at=certificate.issued_at)
