"""Mail servers for tests: real sockets, no library that does what is tested."""

import re
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path


@dataclass
class SmtpServer:
    """Speaks as much SMTP as a client needs, and keeps what it accepted.

    ``answers`` maps a recipient to the answer it gets; ``hangs_up_after``: how many messages it accepts in all.
    """

    answers: dict[str, str] = field(default_factory=dict)
    hangs_up_after: int | None = None
    accepted: list[EmailMessage] = field(default_factory=list)
    envelopes: list[tuple[str, list[str]]] = field(default_factory=list)
    connections: int = 0
    url: str = ""


class _Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        kept: SmtpServer = self.server.kept  # type: ignore[attr-defined]
        kept.connections += 1
        sender, recipients = "", []
        self._say("220 test")
        while line := self.rfile.readline():
            command = line.decode("ascii").strip()
            verb = command.split(":")[0].upper()
            if verb == "MAIL FROM":
                sender, recipients = re.findall("<(.*?)>", command)[0], []
                self._say("250 ok")
            elif verb == "RCPT TO":
                address = re.findall("<(.*?)>", command)[0]
                recipients.append(address)
                self._say(kept.answers.get(address, "250 ok"))
            elif verb == "DATA":
                if kept.hangs_up_after is not None and len(kept.accepted) >= kept.hangs_up_after:
                    return
                self._say("354 go")
                content = b""
                while (part := self.rfile.readline()) != b".\r\n":
                    if not part:
                        return  # the client died in the middle of it
                    content += part.removeprefix(b".") if part.startswith(b"..") else part
                kept.accepted.append(message_from_bytes(content, policy=policy.default))
                kept.envelopes.append((sender, recipients))
                self._say("250 kept")
            elif verb == "QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 ok")

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


@contextmanager
def smtp_server(**options: object) -> Iterator[SmtpServer]:
    """Run one for the length of the block."""
    kept = SmtpServer(**options)  # type: ignore[arg-type]
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.kept = kept  # type: ignore[attr-defined]
        kept.url = f"smtp://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield kept
        finally:
            server.shutdown()
            thread.join()


def read_folder(folder: Path) -> list[EmailMessage]:
    """Return every message of a folder, as a parser that is not ours reads it, oldest name first."""
    files = sorted(folder.glob("*.eml")) if folder.is_dir() else []
    return [message_from_bytes(file.read_bytes(), policy=policy.default) for file in files]  # type: ignore[misc]
