"""Pictures of strangers, written anew by a process of its own."""

import json
import logging
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from threading import BoundedSemaphore
from typing import Final

from django.conf import settings

from tenant_apps.uploads.errors import ImagesBusy, TooManyPixels, UnreadableImage
from tenant_apps.uploads.rules import MediaType, Shape

logger = logging.getLogger("eas.uploads")

MEMORY: Final = 768 * 1024 * 1024
SECONDS: Final = 10
# Of one web process at once; the others wait this long, in seconds.
AT_ONCE: Final = 2
WAIT: Final = 10
_PROCESS: Final = Path(__file__).with_name("image_process.py")
_FORMATS: Final = {MediaType.PNG: "PNG", MediaType.JPEG: "JPEG"}
_turns = BoundedSemaphore(AT_ONCE)


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as EAS has written it: pixels and nothing else."""

    content: bytes
    width: int
    height: int


def write_anew(content: bytes, *, shape: Shape) -> Picture:
    """Return the picture in another file of its own, without metadata or anything that hides behind it.

    Raises: UnreadableImage, also for one that takes too much time or memory; TooManyPixels; ImagesBusy.
    """
    if not _turns.acquire(timeout=WAIT):
        raise ImagesBusy
    try:
        ended = subprocess.run(
            [
                sys.executable, "-I", str(_PROCESS), _FORMATS[shape.media_type], str(shape.longest),
                str(settings.UPLOAD_PIXELS), str(MEMORY), str(SECONDS),
            ],
            input=content, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={}, cwd="/", timeout=2 * SECONDS,
            check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise UnreadableImage from None
    finally:
        _turns.release()
    head, _, written = ended.stdout.partition(b"\n")
    if ended.returncode != 0 or not head:
        logger.warning("image_process_ended", extra={"outcome": ended.returncode})
        raise UnreadableImage
    said = json.loads(head)
    if "code" in said:
        raise TooManyPixels if said["code"] == TooManyPixels.code else UnreadableImage
    return Picture(content=written, width=said["width"], height=said["height"])
