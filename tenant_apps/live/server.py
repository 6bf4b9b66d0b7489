"""The live process: an ASGI application that opens streams through Django and then holds them without it.

A request goes through the same middleware, routes and views as in a web process, on a thread. What the view answers is
sent as it is; where it is a stream, it is held on the event loop, where no query ever runs.
"""

import asyncio
import io
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from django.core.handlers.asgi import ASGIRequest
from django.core.handlers.base import BaseHandler
from django.http import HttpResponse
from django.http.response import HttpResponseBase

from shared_apps.common.api.responses import error_response
from shared_apps.common.errors import NotFound
from tenant_apps.live.hub import Hub, Stream

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

SERVED: Final = ("/api/v1/live/", "/health/")
HEARTBEAT: Final = 15.0
"""Seconds of silence after which a stream shows that it is alive, and how far it is."""
MOST_BYTES: Final = 4_194_304
"""After so much a stream is closed, and its client resumes. granian takes whatever it is given, read or not."""
_THREADS: Final = 4


class LiveRequest(ASGIRequest):
    """A request in this process: views find the hub in it."""

    def __init__(self, scope: Scope, hub: Hub) -> None:
        super().__init__(scope, io.BytesIO())  # nothing here takes a body
        self.hub = hub


class StreamResponse(HttpResponse):
    """What a view answers when ``stream``, whose place is taken, shall be held."""

    def __init__(self, stream: Stream) -> None:
        super().__init__(
            content_type="text/event-stream", headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        )
        self.stream = stream


class LiveApplication:
    """See the module's docstring. One hub, so one event loop for each process."""

    def __init__(self) -> None:
        self._hub = Hub()
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="live-door")
        self._handler = BaseHandler()
        self._handler.load_middleware()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            raise NotImplementedError("EAS serves HTTP only.")
        response = await asyncio.get_running_loop().run_in_executor(self._threads, self._answer, scope)
        stream = response.stream if isinstance(response, StreamResponse) else None
        try:
            headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in response.items()]
            await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
            if stream is None or scope["method"] == "HEAD":
                await send({"type": "http.response.body", "body": _content(response, scope)})
            else:
                await self._hold(stream, receive, send)
        finally:
            if stream is not None:
                self._hub.release(stream)

    def _answer(self, scope: Scope) -> HttpResponseBase:
        if not scope["path"].startswith(SERVED):
            return error_response(NotFound())
        response = self._handler.get_response(LiveRequest(scope, self._hub))
        response.close()  # the thread leaves the campus, and its connection is parked
        return response

    async def _hold(self, stream: Stream, receive: Receive, send: Send) -> None:
        """Send what the hub tells until the reader goes, falls behind or is told the end."""
        self._hub.join(stream)
        tasks = [
            asyncio.ensure_future(each) for each in (_write(stream, send), _gone(receive), stream.fell_behind.wait())
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._hub.leave(stream)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _write(stream: Stream, send: Send) -> None:
    message: bytes | None = b": welcome\n\n"
    sent = 0
    while message is not None and sent < MOST_BYTES:
        await send({"type": "http.response.body", "body": message, "more_body": True})
        sent += len(message)
        try:
            message = await asyncio.wait_for(stream.messages.get(), HEARTBEAT)
        except TimeoutError:
            # An id alone is no message: the client remembers it, so that it resumes from here.
            message = f"id: {stream.cursor}\n\n".encode() if str(stream.cursor or "") else b": still here\n\n"
    await send({"type": "http.response.body", "body": b""})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _content(response: HttpResponseBase, scope: Scope) -> bytes:
    return response.content if isinstance(response, HttpResponse) and scope["method"] != "HEAD" else b""
