"""E-mail as files, for demos, tests and machines without a mail server: one file for each message."""

import contextlib
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend


class EmailBackend(BaseEmailBackend):
    """Puts each message into ``folder`` under its Message-ID, all of it or nothing.

    A message that is there already stays as it is: the folder takes each Message-ID once, as a mail server that knows
    repeated ones would. Django's own backend appends to one file for each connection, where half a message can stay.
    """

    def __init__(self, folder: Path, **options: Any) -> None:
        super().__init__(**options)
        self.folder = folder

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Write them; return how many."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for message in email_messages:
            content = message.message()
            name = re.sub(r"[^A-Za-z0-9.@_-]", "_", str(content["Message-ID"]).strip("<>"))
            draft = self.folder / f".{name}.{os.getpid()}"
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content.as_bytes())
                file.flush()
                os.fsync(file.fileno())
            with contextlib.suppress(FileExistsError):
                os.link(draft, self.folder / f"{name}.eml")
            draft.unlink()
        return len(email_messages)
