"""Questions about messages of the site one stands in."""

from django.db.models import Count, Q, QuerySet, TextChoices

from shared_apps.outbox.models import OutboxMessage
from shared_apps.outbox.rules import MOST_ATTEMPTS


class MessageState(TextChoices):
    """How far a message is."""

    WAITING = "waiting"
    GIVEN_UP = "given up"
    FAILED = "failed"
    DONE = "done"


_IS = {
    MessageState.WAITING: Q(finished_at__isnull=True, attempts__lt=MOST_ATTEMPTS),
    MessageState.GIVEN_UP: Q(finished_at__isnull=True, attempts__gte=MOST_ATTEMPTS),
    MessageState.FAILED: Q(finished_at__isnull=False) & ~Q(error=""),
    MessageState.DONE: Q(finished_at__isnull=False, error=""),
}


def list_messages(*, state: str = "") -> QuerySet[OutboxMessage]:
    """Return the messages in that state, or all, newest first."""
    messages = OutboxMessage.objects.order_by("-id")
    return messages.filter(_IS[MessageState(state)]) if state else messages


def state_of(message: OutboxMessage) -> MessageState:
    """Return how far a message is."""
    if message.finished_at is not None:
        return MessageState.FAILED if message.error else MessageState.DONE
    return MessageState.GIVEN_UP if message.attempts >= MOST_ATTEMPTS else MessageState.WAITING


def count_messages() -> dict[MessageState, int]:
    """Return how many unfinished messages there are in each state. One statement, over the index of those."""
    unfinished = (MessageState.WAITING, MessageState.GIVEN_UP)
    counted = OutboxMessage.objects.filter(finished_at__isnull=True).aggregate(
        **{state.name: Count("id", filter=_IS[state]) for state in unfinished}
    )
    return {state: counted[state.name] for state in unfinished}
