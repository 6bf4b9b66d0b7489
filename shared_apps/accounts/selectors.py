"""Questions about people."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from shared_apps.accounts.errors import ImportNotFound, UserNotFound
from shared_apps.accounts.models import AccessToken, ActingToken, Profile, RosterImport, User
from shared_apps.accounts.roles import Role
from shared_apps.common.errors import Unauthenticated
from tenants.context import find_current_campus, site_code
from tenants.keys import digest
from tenants.postgresql.prepared import Statement
from tenants.registry import confirm_served, note_version

_USER_FIELDS: Final = (
    "id", "person_id", "username", "email", "student_id", "first_name", "last_name", "role", "is_active", "pass_serial",
)  # fmt: skip
_ACTING_FIELDS: Final = ("id", "grant_id", "super_admin_id", "super_admin_name", "reason", "may_write")
_TOKEN_QUERY: Final = """
    SELECT t.id, t.expires_at, c.state, c.schema_version, v.version, {columns}
      FROM {tokens}
      LEFT JOIN public.tenants_campus c ON c.id = %(campus)s
      CROSS JOIN public.tenants_registryversion v
     WHERE t.digest = %(digest)s
"""
_TYPES: Final = {"campus": "uuid", "digest": "bytea"}
_OWN_TOKEN: Final = Statement(
    _TOKEN_QUERY.format(
        columns=", ".join(f"u.{name}" for name in _USER_FIELDS),
        tokens="accounts_accesstoken t JOIN accounts_user u ON u.id = t.user_id AND u.is_active",
    ),
    _TYPES,
)
_ACTING_TOKEN: Final = Statement(
    _TOKEN_QUERY.format(columns=", ".join(f"t.{name}" for name in _ACTING_FIELDS), tokens="accounts_actingtoken t"),
    _TYPES,
)

_GOOD_TOKENS: Final = """
    SELECT c.state, c.schema_version, v.version,
           ARRAY(SELECT t.id FROM accounts_accesstoken t JOIN accounts_user u ON u.id = t.user_id AND u.is_active
                  WHERE t.id = ANY (%(tokens)s::uuid[]) AND t.expires_at > %(at)s
                  UNION ALL
                 SELECT t.id FROM accounts_actingtoken t
                  WHERE t.id = ANY (%(tokens)s::uuid[]) AND t.expires_at > %(at)s)
      FROM public.tenants_registryversion v
      LEFT JOIN public.tenants_campus c ON c.id = %(campus)s
"""


def authenticate_token(*, text: str, at: datetime) -> tuple[User, UUID]:
    """Return the person and the token's id; of an acting token, the super admin who acts here.

    One statement also returns the campus's state and the registry's version, so that a suspended campus is refused by
    the next request in every process, however old its routing is.

    Raises: Unauthenticated (one answer for every cause), CampusSuspended, CampusNotReady.
    """
    is_acting = text.startswith(f"eas_{site_code()}.acting_")
    if not (is_acting or text.startswith(f"eas_{site_code()}_")) or len(text) > 128:
        raise Unauthenticated
    campus = find_current_campus()
    statement = _ACTING_TOKEN if is_acting else _OWN_TOKEN
    row = statement.run({"campus": campus.id if campus else None, "digest": digest(text)})
    if row is None:
        raise Unauthenticated
    token_id, expires_at, state, schema_version, version, *values = row
    note_version(version)
    if campus:
        confirm_served(state, schema_version)
    if expires_at <= at:
        raise Unauthenticated
    if is_acting:
        return ActingToken.from_db("default", _ACTING_FIELDS, values).actor, token_id
    return User.from_db("default", _USER_FIELDS, values), token_id


def list_good_tokens(*, token_ids: Iterable[UUID], at: datetime) -> set[UUID]:
    """Return those of these tokens with which a request would be let in now. One statement.

    Raises: CampusSuspended, CampusNotReady, SiteNotFound, as for a request.
    """
    campus = find_current_campus()
    with connection.cursor() as cursor:
        cursor.execute(_GOOD_TOKENS, {"tokens": list(token_ids), "at": at, "campus": campus.id if campus else None})
        state, schema_version, version, good = cursor.fetchone()
    note_version(version)
    if campus:
        confirm_served(state, schema_version)
    return set(good)


def authenticate_pages(*, text: str, at: datetime) -> tuple[User, UUID]:
    """Return the super admin who is signed in to the admin's pages, and the token's id. One statement.

    Raises: Unauthenticated (one answer for every cause; a token of the API is one).
    """
    if find_current_campus() is not None or not text.startswith("eas_public.pages_") or len(text) > 128:
        raise Unauthenticated
    row = _OWN_TOKEN.run({"campus": None, "digest": digest(text)})
    if row is None:
        raise Unauthenticated
    token_id, expires_at, _, _, version, *values = row
    note_version(version)
    user = User.from_db("default", _USER_FIELDS, values)
    if expires_at <= at or user.role != Role.SUPER_ADMIN:
        raise Unauthenticated
    return user, token_id


def list_people() -> QuerySet[User]:
    """Return everybody of this site with their profiles, by name; devices are nobody."""
    return User.objects.select_related("profile").filter(is_device=False).order_by("last_name", "first_name", "id")


def list_profiles() -> QuerySet[Profile]:
    """Return every profile, by the person's name."""
    return Profile.objects.filter(user__is_device=False).order_by("user__last_name", "user__first_name", "user_id")


def get_person(user_id: UUID) -> User:
    """Return one account with profile, a device's too.

    Raises: UserNotFound.
    """
    user = User.objects.select_related("profile").filter(pk=user_id).first()
    if user is None:
        raise UserNotFound
    return user


def list_ids_of_persons(person_ids: Iterable[UUID]) -> list[UUID]:
    """Return the user ids of those of these persons who have an active account here."""
    people = User.objects.filter(person_id__in=list(person_ids), is_active=True)
    return list(people.order_by("pk").values_list("pk", flat=True))


def list_tokens(*, user: User, at: datetime) -> QuerySet[AccessToken]:
    """Return the live sign-ins of ``user``, newest first."""
    return AccessToken.objects.filter(user=user, expires_at__gt=at).order_by("-created_at", "-id")


def list_imports() -> QuerySet[RosterImport]:
    """Return the rosters that were handed in, newest first, without their files and rows."""
    return RosterImport.objects.defer("content", "results").order_by("-created_at", "-id")


def get_import(import_id: UUID) -> RosterImport:
    """Return one import with the results of its rows.

    Raises: ImportNotFound.
    """
    found = RosterImport.objects.defer("content").filter(pk=import_id).first()
    if found is None:
        raise ImportNotFound
    return found
