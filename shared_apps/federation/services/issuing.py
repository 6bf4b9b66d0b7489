"""Issuing passes."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction

from shared_apps.accounts.errors import UserNotFound
from shared_apps.accounts.models import User
from shared_apps.accounts.roles import Can, may
from shared_apps.audit.services import Actor, record_action
from shared_apps.federation.passes import Pass, rotating_secret, rotating_stem, sign_pass
from tenants.context import current_campus

CURRENT_KEY_ID = 1


@dataclass(frozen=True, slots=True)
class IssuedPass:
    """A pass as its holder gets it."""

    text: str
    expires_at: datetime
    serial: int
    # For the rotating one: what its texts begin with, and what their end is computed with.
    stem: str
    secret: bytes


def issue_pass(*, user: User, at: datetime) -> IssuedPass:
    """Return the person's pass. Nothing is stored: the serial of the person decides which passes are valid.

    The expiry is rounded up to a whole day, so that the pass on a phone stays the same all day.
    """
    campus = current_campus()
    midnight = at.astimezone(campus.zone).replace(hour=0, minute=0, second=0, microsecond=0)
    expires_at = midnight + timedelta(days=settings.PASS_DAYS + 1)
    content = Pass(
        campus_id=campus.id,
        person_id=user.person_id,
        key_id=CURRENT_KEY_ID,
        serial=user.pass_serial,
        expires_at=expires_at,
    )
    text = sign_pass(content)
    return IssuedPass(
        text=text,
        expires_at=expires_at,
        serial=user.pass_serial,
        stem=rotating_stem(text),
        secret=rotating_secret(content),
    )


@transaction.atomic
def print_card(*, by: Actor, at: datetime, user_id: UUID) -> tuple[User, IssuedPass]:
    """Return somebody's pass for printing: a card for who has no telephone. Whose pass was taken out is audited.

    Raises: UserNotFound, also for who is not active or carries no pass.
    """
    user = User.objects.filter(pk=user_id, is_active=True, is_device=False).first()
    if user is None or not may(user.role, Can.CARRY_PASS):
        raise UserNotFound
    record_action(at=at, by=by, action="user.card_printed", target_type="user", target_id=user.pk)
    return user, issue_pass(user=user, at=at)
