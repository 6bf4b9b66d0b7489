"""Waking the relay through Valkey: only ever a hint. Without it the relay's slow sweep finds the message."""

import logging
import time
from functools import cache
from typing import Final

import redis
from django.conf import settings
from django.db import connection
from redis.backoff import NoBackoff
from redis.retry import Retry

logger = logging.getLogger("eas.outbox")

_MOST_HINTS: Final = 10_000
_REST_SECONDS: Final = 5.0
_rest_until = 0.0


def send_hint(site: str) -> None:
    """Say that ``site`` has a message. Never raises, and waits at most a quarter of a second every five."""
    global _rest_until
    if time.monotonic() < _rest_until:
        return
    try:
        _client(0.25).rpush(_key(), site)
    except redis.RedisError:
        _rest_until = time.monotonic() + _REST_SECONDS
        logger.warning("relay_hint_not_sent")


def wait_for_hints(seconds: float) -> set[str]:
    """Return the sites that have sent hints, waiting at most ``seconds`` for the first; empty when Valkey is away."""
    started = time.monotonic()
    try:
        client = _client(seconds + 1)
        first = client.blpop([_key()], timeout=seconds)
        if first is None:
            return set()
        rest = client.lpop(_key(), _MOST_HINTS) or []
    except redis.RedisError:
        time.sleep(max(0.0, seconds - (time.monotonic() - started)))
        return set()
    return {site.decode() for site in (first[1], *rest)}


def _key() -> str:
    """Return the list of hints of this database: several may share one Valkey."""
    return f"eas:{connection.settings_dict['NAME']}:outbox-hints"


@cache
def _client(timeout: float) -> redis.Redis:
    # redis-py retries by default, for seconds; a hint is not worth that.
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=timeout, socket_connect_timeout=0.25, retry=Retry(NoBackoff(), 0)
    )
