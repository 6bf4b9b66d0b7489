"""Where unix sockets live: a folder only we may enter, with a path that is short enough."""

import hashlib
import os
import tempfile
from pathlib import Path

_LONGEST = 90  # of 107 bytes; PostgreSQL appends .s.PGSQL.5432


def socket_folder(folder: Path) -> Path:
    """Return ``folder``, or a short one in the temporary directory where its path is too long for a socket."""
    if len(os.fsencode(folder)) > _LONGEST:
        name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
        folder = Path(tempfile.gettempdir()) / f"eas-{os.getuid()}-{name}"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    status = folder.stat()
    if status.st_uid != os.getuid():
        raise SystemExit(f"{folder} belongs to somebody else; remove it or use a shorter path for the project.")
    folder.chmod(0o700)
    return folder
