"""QR codes, read by zbar: a decoder that we did not write."""

import shutil
import subprocess

import pytest
import typst


def read_qr(picture: bytes) -> str:
    """Return the text of the one QR code in a PNG or SVG; without zbar the test is skipped, saying so."""
    if not shutil.which("zbarimg"):
        pytest.skip("no zbar here: the QR code was not read (apt install zbar-tools)")
    if not picture.startswith(b"\x89PNG"):
        source = '#set page(width: auto, height: auto, margin: 8mm)\n#image(bytes(sys.inputs.svg), format: "svg")'
        picture = typst.compile(
            source.encode(), format="png", ppi=144, ignore_system_fonts=True, sys_inputs={"svg": picture.decode()}
        )
    command = ["zbarimg", "--raw", "-q", "-"]
    (text,) = subprocess.run(command, input=picture, capture_output=True, check=True, timeout=60).stdout.splitlines()
    return text.decode()
