"""What a local run keeps between starts: secrets, and the environment other commands are given."""

import json
import os
import secrets
from pathlib import Path
from urllib.parse import urlsplit


def read_secrets(folder: Path) -> dict[str, str]:
    """Return this checkout's secrets, made once and kept readable for the owner only."""
    path = folder / "secrets.json"
    if not path.is_file():
        write_private(
            path,
            json.dumps(
                {
                    "superuser": secrets.token_hex(24),
                    "owner": secrets.token_hex(24),
                    "master_key": secrets.token_hex(32),
                }
            ),
        )
    found: dict[str, str] = json.loads(path.read_text())
    return found


def write_private(path: Path, text: str) -> None:
    """Write ``text`` so that only its owner can read it, all of it or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    draft.replace(path)


def load_local_environment(root: Path) -> None:
    """Give a command what ``up`` wrote, unless the caller says where the database is."""
    path = root / "var" / "local.env"
    if "DATABASE_URL" in os.environ or not path.is_file():
        return
    for line in path.read_text().splitlines():
        name, _, value = line.partition("=")
        os.environ.setdefault(name, value)


def without_credentials(url: str) -> str:
    """Return a database URL without user and password: for processes that never act as the owner."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}{'?' * bool(parts.query)}{parts.query}"
