"""Creating and changing people."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid4

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from shared_apps.accounts.errors import (
    DeviceAccount,
    LastAdmin,
    MovedAway,
    NameTaken,
    RoleNotHere,
    TooManyPasswordTries,
    UserNotFound,
    WeakPassword,
    WrongPassword,
)
from shared_apps.accounts.models import AccessToken, Profile, SignInName, User
from shared_apps.accounts.roles import CAMPUS_ROLES, Role
from shared_apps.accounts.rules import fold_name, sign_in_names
from shared_apps.accounts.services.passes import revoke_passes
from shared_apps.accounts.services.tries import count_try, forget_tries, try_key
from shared_apps.audit.services import Actor, record_action
from tenants.context import find_current_campus

PROFILE_FIELDS: Final = ("department", "program", "year_level", "section", "phone")
NAME_FIELDS: Final = ("username", "email", "student_id")


@transaction.atomic
def create_user(
    *,
    by: Actor | None,
    at: datetime,
    username: str,
    role: str,
    password: str | None = None,
    email: str = "",
    student_id: str | None = None,
    first_name: str = "",
    last_name: str = "",
    profile: dict[str, Any] | None = None,
    password_hash: str | None = None,
    person_id: UUID | None = None,
) -> User:
    """Create a person with profile and sign-in names. Without a password nobody can sign in as them yet.

    ``password_hash`` is for a password that was hashed earlier (the first campus admin's), ``person_id`` for somebody
    whom the federation knows already, from another campus.

    Raises: RoleNotHere, WeakPassword, NameTaken (with ``attr``).
    """
    check_role_is_of_site(role)
    user = User(
        username=username.strip(),
        email=email.strip(),
        student_id=(student_id or "").strip() or None,
        first_name=first_name.strip(),
        last_name=last_name.strip(),
        role=role,
        person_id=person_id or uuid4(),
    )
    if password_hash is not None:
        user.password = password_hash
    else:
        _set_password(user, password)
    refuse_taken_names(user)
    try:
        with transaction.atomic():
            user.save(force_insert=True)
            Profile.objects.create(user=user, **(profile or {}))
            _write_sign_in_names(user)
    except IntegrityError:
        raise NameTaken(attr="username") from None  # somebody was faster
    record_action(at=at, by=by, action="user.created", target_type="user", target_id=user.pk, changes={"role": role})
    return user


@transaction.atomic
def update_user(*, by: Actor, at: datetime, user_id: UUID, changes: dict[str, Any]) -> User:
    """Change a person. ``changes`` holds User and Profile fields by name; ``password`` sets a new one.

    A changed role, password or status ends every token of the person, a changed status also every pass.

    Locks: the user's row; where an administrator loses the role, those of all administrators.
    Raises: UserNotFound, DeviceAccount, RoleNotHere, WeakPassword, NameTaken, LastAdmin, MovedAway.
    """
    user = User.objects.select_for_update(no_key=True).filter(pk=user_id).first()
    if user is None:
        raise UserNotFound
    if user.is_device:
        raise DeviceAccount
    changes = dict(changes)
    password = changes.pop("password", None)
    profile = {name: changes.pop(name) for name in PROFILE_FIELDS if name in changes}
    before = {name: getattr(user, name) for name in changes}
    if "role" in changes:
        check_role_is_of_site(changes["role"])
    for name, value in changes.items():
        setattr(user, name, value)
    user.student_id = user.student_id or None
    changed = {name for name, old in before.items() if getattr(user, name) != old}
    if changed & {"role", "is_active"}:
        _refuse_losing_last_admin(user, before)
    if user.is_active and user.moved_to:
        raise MovedAway
    if "is_active" in changed:
        revoke_passes([user], at=at)
    if password is not None:
        _set_password(user, password)
        changed.add("password")
    if changed & set(NAME_FIELDS):
        refuse_taken_names(user)
    try:
        with transaction.atomic():
            user.save()
            if changed & set(NAME_FIELDS):
                _write_sign_in_names(user)
            if profile:
                Profile.objects.filter(user=user).update(**profile, updated_at=at)
    except IntegrityError:
        raise NameTaken(attr="username") from None
    if changed & {"role", "is_active", "password"}:
        AccessToken.objects.filter(user=user).delete()
    if changed or profile:
        record_action(
            at=at, by=by, action="user.changed", target_type="user", target_id=user.pk,
            changes={"fields": sorted(changed | set(profile)), **({"role": user.role} if "role" in changed else {})},
        )  # fmt: skip
    return user


def leave_campus(*, user: User, to: str, at: datetime) -> None:
    """Close the account of somebody who has moved to campus ``to``: no sign-in and no pass of this campus any more.

    Call it in the transaction that has locked the user.
    """
    user.is_active, user.moved_to = False, to
    user.save(update_fields=["is_active", "moved_to", "updated_at"])
    AccessToken.objects.filter(user=user).delete()
    revoke_passes([user], at=at)
    record_action(
        at=at, by=None, action="user.moved_away", target_type="user", target_id=user.pk, changes={"to": to}
    )  # fmt: skip


def change_password(*, user: User, at: datetime, current: str, new: str) -> None:
    """Set a new password and end every token of the person, the one in use included.

    Whoever found an open client shall not guess either: tries are counted as at sign-in, but apart from it.

    Raises: TooManyPasswordTries, WrongPassword, WeakPassword.
    """
    key = try_key("password", str(user.pk))
    if wait := count_try(key=key, at=at):
        raise TooManyPasswordTries(wait=wait)
    try:
        _replace_password(user=user, at=at, current=current, new=new)
    except WeakPassword:
        forget_tries(key)  # the current one was right
        raise
    forget_tries(key)


@transaction.atomic
def _replace_password(*, user: User, at: datetime, current: str, new: str) -> None:
    user = User.objects.select_for_update(no_key=True).get(pk=user.pk)
    if not user.check_password(current):
        raise WrongPassword(attr="current_password")
    _set_password(user, new, attr="new_password")
    user.save(update_fields=["password", "updated_at"])
    AccessToken.objects.filter(user=user).delete()
    record_action(at=at, by=user, action="user.password_changed", target_type="user", target_id=user.pk)


def check_password_strength(password: str, *, user: User | None = None, attr: str = "password") -> None:
    """Refuse a password that is short, common, or like what is known of the person.

    Raises: WeakPassword.
    """
    try:
        validate_password(password, user=user)
    except ValidationError as error:
        raise WeakPassword(" ".join(error.messages), attr=attr) from None


def check_role_is_of_site(role: str) -> None:
    """Refuse a super admin on a campus, and anybody else on the public site.

    Raises: RoleNotHere.
    """
    allowed = CAMPUS_ROLES if find_current_campus() else (Role.SUPER_ADMIN,)
    if role not in allowed:
        raise RoleNotHere(attr="role")


def refuse_taken_names(user: User) -> None:
    """Refuse names with which somebody else signs in, naming the field.

    Raises: NameTaken.
    """
    wanted = {fold_name(value): field for field in NAME_FIELDS if (value := getattr(user, field))}
    taken = SignInName.objects.filter(name__in=wanted).exclude(user_id=user.pk).values_list("name", flat=True).first()
    if taken is not None:
        raise NameTaken(attr=wanted[taken])


def _write_sign_in_names(user: User) -> None:
    names = sign_in_names(username=user.username, email=user.email, student_id=user.student_id)
    SignInName.objects.filter(user=user).exclude(name__in=names).delete()
    kept = set(SignInName.objects.filter(user=user).values_list("name", flat=True))
    SignInName.objects.bulk_create([SignInName(name=name, user=user) for name in sorted(names - kept)])


def _set_password(user: User, password: str | None, *, attr: str = "password") -> None:
    if password is None:
        user.set_unusable_password()
        return
    check_password_strength(password, user=user, attr=attr)
    user.set_password(password)


def _refuse_losing_last_admin(user: User, before: dict[str, Any]) -> None:
    admin_role = Role.CAMPUS_ADMIN if find_current_campus() else Role.SUPER_ADMIN
    was_admin = before.get("role", user.role) == admin_role and before.get("is_active", user.is_active)
    is_admin = user.role == admin_role and user.is_active
    if not was_admin or is_admin:
        return
    admins = User.objects.select_for_update(no_key=True).filter(role=admin_role, is_active=True).order_by("id")
    if not [other for other in admins if other.pk != user.pk]:
        raise LastAdmin
