"""What a file is, by what is in it."""

import pytest

from tenant_apps.uploads.rules import is_image, is_pdf, is_whole_pdf

PDF = b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj\nxref\n0 1\ntrailer\n<< /Size 1 >>\nstartxref\n9\n%%EOF\n"


@pytest.mark.parametrize(
    ("content", "image"),
    [
        (b"\xff\xd8\xff\xe0", True), (b"\x89PNG\r\n\x1a\n", True), (b"RIFF\x00\x00\x00\x00WEBPVP8 ", True),
        (b"RIFF\x00\x00\x00\x00AVI LIST", False), (b"GIF89a", False), (b"<svg xmlns='x'/>", False), (b"BM", False),
        (b"II*\x00", False), (b"\x00\x00\x00 ftypheic", False), (b" \xff\xd8\xff", False), (b"", False), (PDF, False),
    ],
)  # fmt: skip
def test_images_by_their_first_bytes(content: bytes, image: bool) -> None:
    assert is_image(content) is image


@pytest.mark.parametrize(
    ("content", "begins", "whole"),
    [
        (PDF, True, True),
        (PDF.rstrip() + b"\r\n \n", True, True),
        (b"\n" + PDF, False, False),
        (PDF[:-7], True, False),
        (PDF + b"PK\x03\x04", True, False),
        (PDF + b"<html>", True, False),
        (b"%PDF-1.7\n<!DOCTYPE html><script>alert(1)</script>\n" + PDF, True, False),
        (b"%PDF-9.9\n" + PDF[9:], True, False),
        (b"%PDF-1.7", True, False),
        (b"", False, False),
    ],
)
def test_a_pdf_is_one_from_the_first_byte_to_the_last(content: bytes, begins: bool, whole: bool) -> None:
    assert is_pdf(content) is begins
    assert is_whole_pdf(content) is whole
