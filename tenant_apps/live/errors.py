"""Why a stream is not opened."""

from typing import ClassVar

from shared_apps.common.errors import DomainError, TooManyRequests


class LiveElsewhere(DomainError):
    """A web process was asked, which cannot hold streams. Everything else about the request was right."""

    status: ClassVar[int] = 421
    code = "live_elsewhere"
    detail = "Live views are answered by the live process: a proxy sends it /api/v1/live/."


class TooManyStreams(TooManyRequests):
    code = "too_many_streams"
    detail = "Too many live views are open; close one, or wait a moment."
