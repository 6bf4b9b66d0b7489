"""Answering the same write once."""

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction

from shared_apps.idempotency.errors import InvalidKey, KeyReused
from shared_apps.idempotency.models import StoredAnswer

KEPT_FOR: Final = timedelta(days=3)
_KEY = re.compile(r"[\x21-\x7e]{1,128}\Z")


@dataclass(frozen=True, slots=True)
class Answer:
    """A status and a JSON-ready body."""

    status: int
    body: Any


def answer_once(
    *, user_id: UUID, key: str, operation: str, content: Any, perform: Callable[[], tuple[int, Any]]
) -> tuple[Answer, bool]:
    """Run ``perform`` unless ``key`` has been answered; return the answer and whether it is a replay.

    A retry that arrives while the first still runs waits for it: the key's row is its lock. What raises is rolled back
    with its key, so that a corrected request may use the key again.

    Raises: InvalidKey, KeyReused.
    """
    if not _KEY.match(key):
        raise InvalidKey
    fingerprint = _fingerprint(operation, content)
    with transaction.atomic():
        mine = StoredAnswer(user_id=user_id, key=key, operation=operation[:300], fingerprint=fingerprint)
        StoredAnswer.objects.bulk_create([mine], ignore_conflicts=True)
        stored = StoredAnswer.objects.get(user_id=user_id, key=key)
        if stored.pk != mine.pk:
            if bytes(stored.fingerprint) != fingerprint:
                raise KeyReused
            return Answer(stored.status or 200, json.loads(stored.body)), True
        status, body = perform()
        text = json.dumps(body, cls=DjangoJSONEncoder)
        StoredAnswer.objects.filter(pk=mine.pk).update(status=status, body=text)
        return Answer(status, json.loads(text)), False


def forget_old_answers(*, at: datetime) -> int:
    """Delete answers that nobody retries for any more; return how many."""
    deleted, _ = StoredAnswer.objects.filter(created_at__lt=at - KEPT_FOR).delete()
    return deleted


def _fingerprint(operation: str, content: Any) -> bytes:
    text = json.dumps([operation, content], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).digest()
