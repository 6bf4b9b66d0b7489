"""What a file is, by what is in it, and what becomes of it. What a client calls it, and its type, is not looked at."""

import re
from dataclasses import dataclass
from typing import Final

from django.db import models


class UploadKind(models.TextChoices):
    """What a file is for."""

    LOGO = "logo", "The campus's logo"
    PHOTO = "photo", "A person's photo"
    POSTER = "poster", "An event's poster"
    EVIDENCE = "evidence", "What proves an excuse or a correction"
    EXPORT = "export", "A list as a file, made by EAS"


class MediaType(models.TextChoices):
    """What is kept. Pictures are written anew, so that WebP becomes one of the first two; tables EAS makes itself."""

    PNG = "image/png"
    JPEG = "image/jpeg"
    PDF = "application/pdf"
    CSV = "text/csv"
    XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@dataclass(frozen=True, slots=True)
class Shape:
    """What becomes of a picture: its type, and the longer side in pixels."""

    media_type: MediaType
    longest: int


# A logo may be transparent; the pixels of a proof must be readable.
SHAPES: Final = {
    UploadKind.LOGO: Shape(MediaType.PNG, 1024),
    UploadKind.PHOTO: Shape(MediaType.JPEG, 1024),
    UploadKind.POSTER: Shape(MediaType.JPEG, 2048),
    UploadKind.EVIDENCE: Shape(MediaType.JPEG, 3072),
}
ENDINGS: Final = {
    MediaType.PNG: "png",
    MediaType.JPEG: "jpg",
    MediaType.PDF: "pdf",
    MediaType.CSV: "csv",
    MediaType.XLSX: "xlsx",
}
MOST_EVIDENCE: Final = 5

_IMAGES: Final = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")
# What a browser that guesses could take for a page.
_MARKUP: Final = re.compile(rb"<\s*(?:!doctype|html|head|body|script|svg|iframe|\?xml)", re.IGNORECASE)
_PDF_HEAD: Final = re.compile(rb"%PDF-[12]\.\d[\r\n \t%]")
_PDF_HEAD_LENGTH: Final = 1024
_PDF_TAIL: Final = re.compile(rb"startxref\s+\d+\s+%%EOF\s*\Z")
_PDF_TAIL_LENGTH: Final = 2048


def is_image(content: bytes) -> bool:
    """Return whether it begins as JPEG, PNG or WebP does."""
    return content.startswith(_IMAGES) or (content[:4] == b"RIFF" and content[8:12] == b"WEBP")


def is_pdf(content: bytes) -> bool:
    """Return whether it begins as a PDF does, at its first byte."""
    return content.startswith(b"%PDF-")


def is_whole_pdf(content: bytes) -> bool:
    """Return whether it is a PDF from the first byte to the last, and nothing else besides: no page in front of it, no
    archive behind it. What is inside is not judged: it is only ever handed out as a file to be saved.
    """
    head = content[:_PDF_HEAD_LENGTH]
    return bool(_PDF_HEAD.match(head) and not _MARKUP.search(head) and _PDF_TAIL.search(content[-_PDF_TAIL_LENGTH:]))


def takes_pdf(kind: UploadKind) -> bool:
    """Return whether such a file may be a PDF."""
    return kind == UploadKind.EVIDENCE
