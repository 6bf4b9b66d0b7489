"""Accounts of enrolled devices: a role and tokens, no password and no name to sign in with.

Their callers audit: what happens to a device is one deed, of which the account is a part.
"""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from shared_apps.accounts.models import AccessToken, Profile, User
from shared_apps.accounts.services.tokens import SignIn, issue_token
from shared_apps.accounts.services.users import check_role_is_of_site
from shared_apps.common.ids import uuid7


@transaction.atomic
def open_device_account(*, name: str, role: str) -> User:
    """Create the account of a device. Without sign-in names there is nothing to try a password with.

    Raises: RoleNotHere.
    """
    check_role_is_of_site(role)
    user = User(id=uuid7(), first_name=name, role=role, is_device=True)
    user.username = f"device-{user.pk.hex}"
    user.set_unusable_password()
    user.save(force_insert=True)
    Profile.objects.create(user=user)
    return user


@transaction.atomic
def issue_device_token(*, user: User, label: str, at: datetime, expires_at: datetime) -> SignIn:
    """Issue the one token of a device; an earlier one ends."""
    AccessToken.objects.filter(user=user).delete()
    return issue_token(user=user, label=label, at=at, expires_at=expires_at)


@transaction.atomic
def change_device_account(*, user_id: UUID, name: str, expires_at: datetime) -> None:
    """Call the device by another name, and let its token end at another time."""
    User.objects.filter(pk=user_id, is_device=True).update(first_name=name)
    AccessToken.objects.filter(user_id=user_id).update(expires_at=expires_at)


@transaction.atomic
def close_device_account(*, user_id: UUID) -> int:
    """Refuse the device from its very next request on, in every process; return how many tokens ended.

    Locks: the account's row.
    """
    User.objects.filter(pk=user_id, is_device=True).update(is_active=False)
    return AccessToken.objects.filter(user_id=user_id).delete()[0]
