"""What the federation asks of the apps above it, as values and protocols; ``config.settings`` says who answers."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, cast
from uuid import UUID

from django.conf import settings
from django.utils.module_loading import import_string


@dataclass(frozen=True, slots=True, kw_only=True)
class CommonEvent:
    """What is common to all campuses of a university-wide event."""

    id: UUID
    title: str
    description: str
    starts_at: datetime
    ends_at: datetime
    is_cancelled: bool
    cancel_reason: str


class FollowCommonEvent(Protocol):
    """Make the event that the current campus has for ``common`` agree with it; create it where there is none."""

    def __call__(self, *, common: CommonEvent, at: datetime) -> None: ...


def follow_common_event() -> FollowCommonEvent:
    """Return who does it."""
    return cast(FollowCommonEvent, import_string(settings.FEDERATION_FOLLOWER))
