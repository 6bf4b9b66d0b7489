"""By which channels people want to hear of what."""

from dataclasses import dataclass

from shared_apps.accounts.models import User
from tenant_apps.notifications.models import Preference
from tenant_apps.notifications.rules.kinds import NoticeKind, default_channels


@dataclass(frozen=True, slots=True)
class Choice:
    """One kind, and the channels by which somebody hears of it."""

    kind: str
    subject: str
    in_app: bool
    email: bool


def list_choices(user: User) -> list[Choice]:
    """Return for every kind what ``user`` chose, or what holds as they have not."""
    rows = Preference.objects.filter(user_id=user.pk).values_list("kind", "in_app", "email")
    chosen = {kind: (in_app, email) for kind, in_app, email in rows}
    return [Choice(kind.value, str(kind.label), *chosen.get(kind, default_channels(kind))) for kind in NoticeKind]
