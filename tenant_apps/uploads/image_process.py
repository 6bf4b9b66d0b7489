"""A process of its own in which a stranger's picture is opened and written anew.

It is started for one picture, without the environment (so without keys), may use so much memory and time and no more,
opens three formats, and writes no file. Whatever a picture does to it, the web process only sees that it has ended.
Standard input is the picture; standard output a line of JSON, and the new picture behind it. It imports nothing of EAS.

    python -I image_process.py FORMAT LONGEST MOST_PIXELS MEMORY SECONDS
"""

import io
import json
import sys
import warnings

_BACKGROUND = (255, 255, 255)
_READ = ("JPEG", "PNG", "WEBP")


def _limit(memory: int, seconds: int) -> None:
    try:
        import resource  # noqa: PLC0415 -- not on Windows
    except ImportError:
        return
    for what, most in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))


def _end(code: str) -> None:
    sys.stdout.write(json.dumps({"code": code}) + "\n")
    sys.exit(0)


def main(form: str, longest: int, most_pixels: int, memory: int, seconds: int) -> None:
    """Write the picture anew: turned as its EXIF says, no larger than ``longest``, without anything but its pixels."""
    from PIL import Image, ImageOps, JpegImagePlugin, PngImagePlugin, WebPImagePlugin  # noqa: F401, PLC0415

    content = sys.stdin.buffer.read()
    _limit(memory, seconds)
    warnings.simplefilter("error")
    Image.MAX_IMAGE_PIXELS = most_pixels
    try:
        opened = Image.open(io.BytesIO(content), formats=_READ)
        if opened.width * opened.height > most_pixels:
            _end("image_too_many_pixels")
        if opened.format == "JPEG":
            opened.draft("RGB", (longest, longest))  # decoded at a fraction of its size where that is enough
        picture: Image.Image = ImageOps.exif_transpose(opened)
        transparent = "A" in picture.getbands() or "transparency" in picture.info
        picture = picture.convert("RGBA" if transparent else "RGB")
        picture.thumbnail((longest, longest), reducing_gap=2.0)
        if transparent and form == "JPEG":
            ground = Image.new("RGB", picture.size, _BACKGROUND)
            ground.paste(picture, mask=picture.getchannel("A"))
            picture = ground
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        _end("image_too_many_pixels")
    except Exception:  # noqa: BLE001 -- a decoder of strangers' bytes raises whatever it likes
        _end("image_unreadable")
    picture.info = {}
    written = io.BytesIO()
    picture.save(written, form, **({"quality": 85, "progressive": True} if form == "JPEG" else {"optimize": True}))
    sys.stdout.write(json.dumps({"width": picture.width, "height": picture.height}) + "\n")
    sys.stdout.flush()
    sys.stdout.buffer.write(written.getvalue())


if __name__ == "__main__":
    main(sys.argv[1], *(int(argument) for argument in sys.argv[2:6]))
