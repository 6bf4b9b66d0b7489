"""A real web server over this test's database: for browsers, kills and everything that wants sockets."""

import http.client
import json
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
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
