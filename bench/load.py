"""A load generator: one thread, keep-alive connections, requests made beforehand, so that it costs little itself."""

import selectors
import socket
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field


@dataclass(slots=True)
class Load:
    """What came of one run. ``latencies`` in seconds, one for each answer, in the order they came."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.latencies) / self.seconds if self.seconds else 0.0

    def percentile(self, share: float) -> float:
        """Return the latency in milliseconds under which ``share`` (0 to 1) of the answers lie."""
        ordered = sorted(self.latencies)
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


def render(
    method: str, path: str, *, host: str, token: str = "", body: bytes = b"", headers: Sequence[str] = ()
) -> bytes:
    """Return the bytes of one request, as a TLS proxy in front would pass it on."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", "X-Forwarded-Proto: https", *headers]
    if token:
        lines.append(f"Authorization: Token {token}")
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


def run(port: int, requests: Sequence[bytes], *, concurrency: int, seconds: float) -> Load:
    """Send the requests in order over ``concurrency`` connections until the time is up or none is left.

    Each connection waits for its answer before it sends again. Raises: ConnectionError when the server hangs up.
    """
    load, waiting = Load(), iter(requests)
    selector = selectors.DefaultSelector()
    connections = [_Connection(port) for _ in range(concurrency)]
    begin = time.perf_counter()
    until = begin + seconds
    for connection in connections:
        if connection.send_next(waiting):
            selector.register(connection.socket, selectors.EVENT_READ, connection)
    while selector.get_map():
        for key, _ in selector.select(timeout=30):
            connection = key.data
            status = connection.receive()
            if status is None:
                continue
            load.latencies.append(time.perf_counter() - connection.sent_at)
            load.statuses[status] += 1
            if time.perf_counter() >= until or not connection.send_next(waiting):
                selector.unregister(connection.socket)
    load.seconds = time.perf_counter() - begin
    for connection in connections:
        connection.socket.close()
    selector.close()
    return load


class _Connection:
    """One keep-alive connection with at most one request on its way."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sent_at = 0.0
        self.answer = b""

    def send_next(self, waiting: Iterator[bytes]) -> bool:
        """Send the next request; return whether there was one."""
        request = next(waiting, None)
        if request is None:
            return False
        self.answer = b""
        self.sent_at = time.perf_counter()
        self.socket.sendall(request)
        return True

    def receive(self) -> int | None:
        """Read what is there; return the status once the answer is complete."""
        chunk = self.socket.recv(1 << 20)
        if not chunk:
            raise ConnectionError(f"The server hung up after {self.answer[:200]!r}")
        self.answer += chunk
        head, separator, body = self.answer.partition(b"\r\n\r\n")
        if not separator:
            return None
        lowered = head.lower()
        at = lowered.find(b"content-length:")
        if at >= 0:
            length = int(lowered[at + 15 :].split(b"\r\n", 1)[0])
            if len(body) < length:
                return None
        elif b"transfer-encoding: chunked" in lowered and not body.endswith(b"0\r\n\r\n"):
            return None
        return int(head[9:12])
