"""A real web server over this test's database: for browsers, kills and everything that wants sockets."""

import http.client
import json
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psutil
from django.db import connection

from config.local.environment import without_credentials
from config.local.processes import Child, Supervisor

ROOT = Path(__file__).resolve().parent.parent


class LiveServer:
    """granian with two workers on loopback, as ``up`` runs it: supervised, without the owner's credentials."""

    def __init__(self, log: Path) -> None:
        self.port = _free_port()
        self.log = log
        self.web = Child(
            name="web",
            command=[
                sys.executable, "-m", "granian", "config.wsgi:application", "--interface", "wsgi", "--host", "127.0.0.1",
                "--port", str(self.port), "--workers", "2", "--blocking-threads", "4", "--respawn-failed-workers",
                "--no-ws", "--working-dir", str(ROOT), "--log-config", str(ROOT / "config" / "granian-log.json"),
            ],
            environment=environment(),
            log=log,
            grace=10.0,
        )  # fmt: skip
        self.supervisor = Supervisor(log.with_suffix(".pids"))
        self.supervisor.start(self.web)
        until = time.monotonic() + 30
        while self.send("GET", "/health/ready", host="localhost")[0] != 200:
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.1)

    def send(
        self, method: str, path: str, body: Any = None, *, host: str, token: str | None = None, timeout: float = 15
    ) -> tuple[int, Any]:
        """Send one request on a connection of its own; return (status, body), (0, None) when there was no answer."""
        headers = {"Host": f"{host}:{self.port}", "Content-Type": "application/json"}
        if token:
            headers["Authorization"] = f"Token {token}"
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            client.request(method, path, json.dumps(body) if body is not None else None, headers)
            answer = client.getresponse()
            text = answer.read()
            return answer.status, json.loads(text) if text else None
        except (OSError, http.client.HTTPException, ValueError):
            return 0, None
        finally:
            client.close()

    def processes(self) -> list[int]:
        """Return the pids of the server and of its workers: fewer than three while it recovers."""
        if self.web.process is None:
            return []
        try:
            server = psutil.Process(self.web.process.pid)
            workers = [child for child in server.children() if "resource_tracker" not in " ".join(child.cmdline())]
        except psutil.NoSuchProcess:
            return []
        return [server.pid, *(worker.pid for worker in workers)]

    def stop(self) -> None:
        """End it and its workers."""
        self.supervisor.stop()


@contextmanager
def live_server(log: Path) -> Iterator[LiveServer]:
    """Run a server for the length of the block."""
    server = LiveServer(log)
    try:
        yield server
    finally:
        server.stop()


class LiveProcess:
    """The process that holds streams, as ``up`` runs it."""

    def __init__(self, log: Path) -> None:
        self.port = _free_port()
        self.log = log
        self.child = Child(
            name="live",
            command=[
                sys.executable, "-m", "granian", "config.asgi:application", "--interface", "asginl", "--host",
                "127.0.0.1", "--port", str(self.port), "--backpressure", "5000", "--no-ws", "--workers-kill-timeout",
                "5", "--working-dir", str(ROOT), "--log-config", str(ROOT / "config" / "granian-log.json"),
            ],
            environment=environment(),
            log=log,
            grace=10.0,
        )  # fmt: skip
        self.supervisor = Supervisor(log.with_suffix(".pids"))
        self.supervisor.start(self.child)
        self.wait()

    def wait(self) -> None:
        """Wait until it answers; start it again where it has died."""
        until = time.monotonic() + 30
        while True:
            self.supervisor.revive()
            try:
                client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
                client.request("GET", "/health/ready")
                if client.getresponse().status == 200:
                    return
            except (OSError, http.client.HTTPException):
                pass
            assert time.monotonic() < until, self.log.read_text()
            time.sleep(0.05)

    def open(
        self, path: str, *, host: str, token: str | None = None, headers: dict[str, str] | None = None
    ) -> "Listener":
        """Ask for a stream; the answer may be another one."""
        return Listener(self.port, path, host=host, token=token, headers=headers)

    def kill(self) -> None:
        """End it and its worker at once, as a crash does."""
        assert self.child.process is not None
        server = psutil.Process(self.child.process.pid)
        for process in (*server.children(recursive=True), server):
            process.kill()
        self.child.process.wait()

    def stop(self) -> None:
        """End it cleanly."""
        self.supervisor.stop()


@dataclass
class Message:
    """One message of a stream."""

    event: str
    id: str
    data: Any


class Listener:
    """A client of one stream. ``id`` is the last it was told, as a browser keeps it."""

    def __init__(
        self, port: int, path: str, *, host: str, token: str | None, headers: dict[str, str] | None = None
    ) -> None:
        self.id = ""
        self.client = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        sent = {"Host": f"{host}:{port}", "Accept": "text/event-stream", **(headers or {})}
        if token:
            sent["Authorization"] = f"Token {token}"
        self.client.request("GET", f"/api/v1/live/{path}", headers=sent)
        self.answer = self.client.getresponse()
        self.status = self.answer.status

    def json(self) -> Any:
        """Return the body of an answer that is no stream."""
        return json.loads(self.answer.read())

    def next(self) -> Message | None:
        """Return the next message, None where the stream has ended. Waits up to 20 seconds."""
        event, data, until = "message", "", time.monotonic() + 20
        while True:
            assert time.monotonic() < until, "nothing but heartbeats"
            line = self.answer.readline().decode()
            if not line:
                return None
            name, _, value = line.rstrip("\n").partition(": ")
            if name == "id":
                self.id = value
            elif name == "event":
                event = value
            elif name == "data":
                data = value
            elif line == "\n" and data:
                return Message(event, self.id, json.loads(data))

    def collect(self, kind: str, count: int) -> list[Any]:
        """Return that many rows of a kind, from as many messages as they take; no more may come with them."""
        rows: list[Any] = []
        while len(rows) < count:
            message = self.next()
            assert message is not None, rows
            assert message.event == "news", message
            rows += message.data[kind]
        assert len(rows) == count, rows
        return rows

    def close(self) -> None:
        """Go away."""
        self.answer.close()
        self.client.close()


@contextmanager
def live_process(log: Path) -> Iterator[LiveProcess]:
    """Run the live process for the length of the block."""
    process = LiveProcess(log)
    try:
        yield process
    finally:
        process.stop()


def environment(*, owner: bool = False) -> dict[str, str]:
    """Return the environment of a process that uses this test's database."""
    url = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}")
    full = urlunsplit(url)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    return {**kept, "DATABASE_URL": full if owner else without_credentials(full), "EAS_NO_VENV": "1"}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
