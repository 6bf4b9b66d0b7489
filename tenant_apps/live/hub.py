"""Who listens, and who is told what. One hub in a process, on its event loop; one poller for each campus that has
listeners, which asks the database on threads.

Nothing here trusts what was true when a stream was opened: with every look it is asked again whose token is still good
and who runs the event.
"""

import asyncio
import logging
import threading
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import orjson
from django.conf import settings
from django.db import DatabaseError

from shared_apps.accounts.selectors import list_good_tokens
from shared_apps.common.api.responses import error_body
from shared_apps.common.clock import now
from shared_apps.common.errors import DomainError, Unauthenticated
from tenant_apps.events.errors import EventNotFound
from tenant_apps.live.errors import TooManyStreams
from tenant_apps.live.rules import Cursor, Topic, may_follow
from tenant_apps.live.selectors import News, find_news
from tenants.context import campus_context
from tenants.registry_types import CampusEntry

PAUSE: Final = 0.4
"""Seconds between two looks at a campus."""
MOST_PER_PERSON: Final = 6
_THREADS: Final = 4
_MOST_WAITING: Final = 32
# What rows carry for the hub's sake, and what is not for the person it is about.
_OF_STREAMS: Final = frozenset({"transaction", "user_id"})
_OF_STAFF: Final = frozenset({"operator", "person"})
logger = logging.getLogger("eas.live")


@dataclass(eq=False, slots=True)
class Stream:
    """One listener. ``cursor`` None: it begins with a snapshot. ``joins``: it was told nothing yet. ``messages`` holds
    what is to be sent, None at its end; ``fell_behind`` is set when its reader is too slow.
    """

    campus: CampusEntry
    topic: Topic
    listener_id: UUID
    role: str
    token_id: UUID
    cursor: Cursor | None
    joins: bool = True
    messages: asyncio.Queue[bytes | None] = field(default_factory=lambda: asyncio.Queue(_MOST_WAITING))
    fell_behind: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def place(self) -> tuple[UUID, UUID]:
        """Whose it is, for counting."""
        return self.campus.id, self.listener_id

    def tell(self, message: bytes | None) -> None:
        """Queue a message; a reader that is too slow loses the connection, and resumes by its cursor."""
        try:
            self.messages.put_nowait(message)
        except asyncio.QueueFull:
            self.fell_behind.set()


@dataclass(eq=False, slots=True)
class _Channel:
    """The listeners of one campus. ``counts``: what was last told of each event."""

    campus: CampusEntry
    streams: set[Stream] = field(default_factory=set)
    counts: dict[str, Any] = field(default_factory=dict)


class Hub:
    """See the module's docstring. ``reserve`` and ``release`` may be called from any thread, the others on the loop."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._places: Counter[tuple[UUID, UUID]] = Counter()
        self._channels: dict[UUID, _Channel] = {}
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="live-poll")
        self._pollers: set[asyncio.Task[None]] = set()

    def reserve(self, stream: Stream) -> None:
        """Take the place of a stream that is about to open.

        Raises: TooManyStreams.
        """
        with self._lock:
            if self._places[stream.place] >= MOST_PER_PERSON or self._places.total() >= settings.LIVE_STREAMS:
                raise TooManyStreams(wait=5)
            self._places[stream.place] += 1

    def release(self, stream: Stream) -> None:
        """Give the place back."""
        with self._lock:
            self._places[stream.place] -= 1
            if not self._places[stream.place]:
                del self._places[stream.place]

    def join(self, stream: Stream) -> None:
        """Tell ``stream`` from now on; the first listener of a campus starts its poller."""
        channel = self._channels.get(stream.campus.id)
        if channel is None:
            channel = self._channels[stream.campus.id] = _Channel(stream.campus)
            poller = asyncio.get_running_loop().create_task(self._poll(channel))
            self._pollers.add(poller)
            poller.add_done_callback(self._pollers.discard)
        channel.streams.add(stream)

    def leave(self, stream: Stream) -> None:
        """Tell it nothing any more."""
        channel = self._channels.get(stream.campus.id)
        if channel is not None:
            channel.streams.discard(stream)

    async def _poll(self, channel: _Channel) -> None:
        loop = asyncio.get_running_loop()
        while channel.streams:
            streams = tuple(channel.streams)
            try:
                good, found = await loop.run_in_executor(self._threads, _look, channel.campus, streams)
            except DomainError as refusal:
                for stream in streams:
                    self._end(channel, stream, refusal)
            except DatabaseError as error:
                # Streams stay: cursors are as they were, so nothing is missed once the database is back.
                logger.warning("live_waits", extra={"campus": channel.campus.code, "outcome": type(error).__name__})
            except Exception:
                logger.exception("live_failed", extra={"campus": channel.campus.code})
            else:
                for group, news in found:
                    self._tell(channel, group, good, news)
            await asyncio.sleep(PAUSE)
        del self._channels[channel.campus.id]

    def _tell(self, channel: _Channel, group: Sequence[Stream], good: set[UUID], news: News) -> None:
        begins = group[0].joins
        sessions = news.sessions
        if not begins:  # a session's row may be new for a while, and nothing else about it
            sessions = {key: counts for key, counts in sessions.items() if channel.counts.get(key) != counts}
            channel.counts.update(sessions)
        about = _sort(news)
        told: dict[tuple[Topic, Cursor | None], bytes] = {}
        for stream in group:
            if stream.token_id not in good:
                self._end(channel, stream, Unauthenticated())
            elif not _still_follows(stream, news.organizers):
                self._end(channel, stream, EventNotFound())
            else:
                key = stream.topic, stream.cursor
                if key not in told:
                    told[key] = _compose(stream, news, about.get(_key(stream.topic), {}), sessions)
                if told[key]:
                    stream.tell(told[key])
                stream.cursor, stream.joins = news.cursor, False

    def _end(self, channel: _Channel, stream: Stream, refusal: DomainError) -> None:
        channel.streams.discard(stream)
        body = error_body(refusal.code, refusal.message, refusal.attr, status=refusal.status)
        stream.tell(b"event: end\ndata: " + orjson.dumps(body) + b"\n\n")
        stream.tell(None)


def _look(campus: CampusEntry, streams: Sequence[Stream]) -> tuple[set[UUID], list[tuple[list[Stream], News]]]:
    """Ask the database, on a thread: whose token is good, and what is new for those who begin, who resume and who stay.

    Apart, because those who resume may want to know of an hour.
    """
    groups = [
        [stream for stream in streams if stream.joins and stream.cursor is None],
        [stream for stream in streams if stream.joins and stream.cursor is not None],
        [stream for stream in streams if not stream.joins],
    ]
    with campus_context(campus):
        good = list_good_tokens(token_ids={stream.token_id for stream in streams}, at=now())
        return good, [(group, _find(group)) for group in groups if group]


def _find(group: Sequence[Stream]) -> News:
    cursors = [stream.cursor for stream in group if stream.cursor is not None]
    events = {stream.topic.event_id for stream in group if stream.topic.event_id}
    return find_news(
        cursor=Cursor.behind(cursors) if cursors else None,
        events=events,
        counted=events if group[0].joins else set(),
        people={stream.topic.user_id: stream.topic.person_id for stream in group if stream.topic.user_id},
    )


def _still_follows(stream: Stream, organizers: Mapping[str, str | None]) -> bool:
    """Return whether the listener may still see it: themselves, or an event that is theirs to see."""
    event_id = str(stream.topic.event_id)
    if stream.topic.event_id is None:
        return True
    organizer = organizers.get(event_id)
    return event_id in organizers and may_follow(
        role=stream.role, user_id=stream.listener_id, organizer_id=UUID(organizer) if organizer else None
    )


def _key(topic: Topic) -> str:
    return str(topic.event_id or topic.user_id)


def _sort(news: News) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Return the rows of each kind for each event and each person, by their id."""
    about: dict[str, dict[str, list[dict[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    for kind, rows in (("scans", news.scans), ("corrections", news.corrections), ("visits", news.visits)):
        for row in rows:
            for concerned in {row["user_id"], row["event"] if kind != "visits" else None} - {None}:
                about[concerned][kind].append(row)
    return about


def _compose(
    stream: Stream, news: News, rows: Mapping[str, Sequence[dict[str, Any]]], sessions: Mapping[str, Any]
) -> bytes:
    """Return the message for everybody with this topic who was told as much; nothing where nothing is new.

    It is one message whatever happened: a connection that breaks anywhere has told all of it or nothing.
    """
    cursor = stream.cursor
    # Too much to tell, or a cursor of a database that was put back since: from the beginning.
    begins = cursor is None or news.is_partial or cursor.horizon > news.cursor.horizon
    hidden = _OF_STREAMS if stream.topic.event_id else _OF_STREAMS | _OF_STAFF
    body: dict[str, Any] = {
        kind: [
            {name: value for name, value in row.items() if name not in hidden}
            for row in rows.get(kind, ())
            if cursor is not None and not begins and not cursor.covers(row["transaction"])
        ]
        for kind in ("scans", "corrections", "visits")
    }
    body["sessions"] = sessions.get(str(stream.topic.event_id), [])
    if not begins and not any(body.values()):
        return b""
    id_line = f"id: {news.cursor}\n" if str(news.cursor) else ""
    return f"event: {'snapshot' if begins else 'news'}\n{id_line}data: ".encode() + orjson.dumps(body) + b"\n\n"
