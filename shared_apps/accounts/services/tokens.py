"""Signing in and out."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.db import transaction

from shared_apps.accounts.errors import TooManySignIns, WrongCredentials
from shared_apps.accounts.models import AccessToken, ActingToken, SignInName, SignInTry, User
from shared_apps.accounts.roles import Role
from shared_apps.accounts.rules import ACTING_TIME, FORGET_FAILURES_AFTER, PAGES_TIME, fold_name
from shared_apps.accounts.services.devices import issue_device, read_device
from shared_apps.accounts.services.tries import count_try, forget_tries, try_key
from shared_apps.audit.services import record_action
from tenants.context import site_code
from tenants.keys import digest

MOST_TOKENS: Final = 10


@dataclass(frozen=True, slots=True)
class SignIn:
    """A new token; ``text`` is shown this once and stored nowhere, and so is ``device`` (see ``devices``).

    Who acts in a campus signed in elsewhere, and has none.
    """

    text: str
    expires_at: datetime
    user: User
    device: str = ""


def sign_in(
    *, name: str, password: str, address: str, label: str, at: datetime, device: str = "", to_pages: bool = False
) -> SignIn:
    """Check name and password and issue a token. ``name`` is a username, e-mail or student id in any case.

    ``to_pages``: the token is for the admin's pages, which super admins alone may enter. It opens no API, and one of
    the API opens no page.

    A try is counted before the password is looked at, so that a thousand tries at once are a thousand tries. With a
    ``device`` of this person it is counted for that device, else for the name and address and for the name.

    Raises: TooManySignIns, WrongCredentials (the same for unknown, inactive and wrong).
    """
    folded = fold_name(name)
    found = SignInName.objects.select_related("user__profile").filter(name=folded).first()
    known = read_device(device, user=found.user, at=at) if found else None
    if known is not None:
        keys = {try_key("device", known): False}
    else:
        keys = {try_key("name", folded, address): False, try_key("name", folded): True}
    for key, anywhere in keys.items():
        if wait := count_try(key=key, anywhere=anywhere, at=at):
            raise TooManySignIns(wait=wait)
    if found is None:
        make_password(password)  # an unknown name must take as long as a wrong password
        raise WrongCredentials
    user = found.user
    if not user.check_password(password) or not user.is_active:
        raise WrongCredentials
    if to_pages and user.role != Role.SUPER_ADMIN:
        raise WrongCredentials
    with transaction.atomic():
        forget_tries(*keys)
        expires_at = at + PAGES_TIME if to_pages else None
        issued = issue_token(user=user, label=label, at=at, expires_at=expires_at, to_pages=to_pages)
        changes = {"to": "pages"} if to_pages else None
        record_action(at=at, by=user, action="user.signed_in", target_type="user", target_id=user.pk, changes=changes)
    return issued


@transaction.atomic
def issue_token(
    *, user: User, label: str, at: datetime, expires_at: datetime | None = None, to_pages: bool = False
) -> SignIn:
    """Issue a token of this site for ``user``. At most ten live at once; the oldest gives way.

    Without ``expires_at`` it lasts as long as the settings say for the role.

    The text is ``eas_<campus code or public>_<256 random bits>``: a token says where it belongs, and its digest
    covers that, so that a row copied to another campus opens nothing there.
    """
    hours = settings.TOKEN_HOURS_STUDENT if user.role == Role.STUDENT else settings.TOKEN_HOURS_STAFF
    expires_at = expires_at or at + timedelta(hours=hours)
    text = f"eas_{site_code()}{'.pages' if to_pages else ''}_{secrets.token_urlsafe(32)}"
    AccessToken.objects.create(digest=digest(text), user=user, label=label[:100], created_at=at, expires_at=expires_at)
    AccessToken.objects.filter(user=user, expires_at__lte=at).delete()
    surplus = AccessToken.objects.filter(user=user).order_by("-created_at", "-id").values_list("pk", flat=True)
    AccessToken.objects.filter(pk__in=surplus[MOST_TOKENS:]).delete()
    return SignIn(text=text, expires_at=expires_at, user=user, device=issue_device(user=user, at=at))


@transaction.atomic
def begin_acting(
    *, grant_id: UUID, super_admin_id: UUID, super_admin_name: str, reason: str, may_write: bool, at: datetime
) -> SignIn:
    """Issue an acting token of this campus under a grant that its caller has used up. Stand in the campus."""
    text = f"eas_{site_code()}.acting_{secrets.token_urlsafe(32)}"
    token = ActingToken.objects.create(
        digest=digest(text),
        grant_id=grant_id,
        super_admin_id=super_admin_id,
        super_admin_name=super_admin_name,
        reason=reason,
        may_write=may_write,
        created_at=at,
        expires_at=at + ACTING_TIME,
    )
    record_action(
        at=at, by=token.actor, action="auth.acting_began", target_type="acting_grant", target_id=grant_id,
        reason=reason, changes={"may_write": may_write},
    )  # fmt: skip
    return SignIn(text=text, expires_at=token.expires_at, user=token.actor)


@transaction.atomic
def revoke_tokens(*, user: User, at: datetime, token_id: UUID | None = None) -> int:
    """End one sign-in of ``user``, or all; return how many ended."""
    tokens = AccessToken.objects.filter(user=user)
    if token_id is not None:
        tokens = tokens.filter(pk=token_id)
    ended, _ = tokens.delete()
    if ended:
        record_action(
            at=at, by=user, action="user.signed_out", target_type="user", target_id=user.pk, changes={"tokens": ended}
        )
    return ended


def revoke_all_tokens() -> int:
    """End every sign-in of this site, acting ones too; return how many ended. The caller audits why."""
    return AccessToken.objects.all().delete()[0] + ActingToken.objects.all().delete()[0]


def forget_old_sign_ins(*, at: datetime) -> int:
    """Delete tokens that have expired and failures that no longer count; return how many."""
    tokens, _ = AccessToken.objects.filter(expires_at__lte=at).delete()
    acting, _ = ActingToken.objects.filter(expires_at__lte=at).delete()
    tries, _ = SignInTry.objects.filter(last_failed_at__lt=at - FORGET_FAILURES_AFTER).delete()
    return tokens + acting + tries
