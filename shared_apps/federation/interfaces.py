"""What the federation asks of the apps above it, as values and protocols; ``config.settings`` says who answers."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, cast
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet
from django.utils.module_loading import import_string

from shared_apps.federation.models import Visit


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


class NameVisits(Protocol):
    """Add to visits ``user_id``, ``student_id``, ``first_name``, ``last_name`` and ``username`` of people of the
    current campus, and ``visitor_name`` of those it met as visitors; None where it knows nobody.
    """

    def __call__(self, visits: QuerySet[Visit], /) -> QuerySet[Visit]: ...


def name_visits() -> NameVisits:
    """Return who does it."""
    return cast(NameVisits, import_string(settings.FEDERATION_NAMER))


def follow_common_event() -> FollowCommonEvent:
    """Return who does it."""
    return cast(FollowCommonEvent, import_string(settings.FEDERATION_FOLLOWER))
