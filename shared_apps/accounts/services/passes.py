"""Replacing and revoking passes. The serial of a person decides at home; what is revoked is said to every campus."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import connection, transaction

from shared_apps.accounts.errors import UserNotFound
from shared_apps.accounts.models import User
from shared_apps.audit.services import Actor, record_action
from tenants.context import find_current_campus
from tenants.models import RevokedPass

# By person, so that two that revoke many at once never wait for each other in a circle.
_REVOKE: Final = f"""
    INSERT INTO public.{RevokedPass._meta.db_table} AS r (home, person_id, through_serial, revoked_at)
    SELECT %s, person_id, serial, %s FROM unnest(%s::uuid[], %s::int[]) AS t (person_id, serial) ORDER BY person_id
    ON CONFLICT (home, person_id) DO UPDATE
       SET through_serial = GREATEST(r.through_serial, EXCLUDED.through_serial), revoked_at = EXCLUDED.revoked_at
    RETURNING person_id, through_serial
"""


@transaction.atomic
def replace_pass(*, by: Actor, at: datetime, user_id: UUID) -> User:
    """Give the person a new pass; every earlier one is refused from now on, at every campus.

    Locks: the user's row. Raises: UserNotFound.
    """
    user = User.objects.select_for_update(no_key=True).filter(pk=user_id).first()
    if user is None:
        raise UserNotFound
    revoke_passes([user], at=at)
    user.save(update_fields=["pass_serial", "updated_at"])
    record_action(at=at, by=by, action="user.pass_replaced", target_type="user", target_id=user.pk)
    return user


def revoke_passes(people: Sequence[User], *, at: datetime) -> None:
    """Refuse every pass that these people have had, everywhere. Call it in the transaction that saves them.

    Whoever is active gets the serial after it, set here and saved by the caller: also where an older backup of this
    campus was restored, which has forgotten what was revoked since. The public site has no passes; there it does
    nothing.

    Locks: what is revoked of these people.
    """
    campus = find_current_campus()
    if campus is None or not people:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            _REVOKE,
            [campus.code, at, [person.person_id for person in people], [person.pass_serial for person in people]],
        )
        through = dict(cursor.fetchall())
    for person in people:
        if person.is_active:
            person.pass_serial = through[person.person_id] + 1


def remember_revocations(*, home: str) -> int:
    """Raise the serials of people whose passes of that serial are revoked; return how many.

    A campus that was restored from an older backup has forgotten what was revoked since; the public site has not.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {User._meta.db_table} u SET pass_serial = r.through_serial + 1 "
            f"FROM public.{RevokedPass._meta.db_table} r "
            "WHERE r.home = %s AND r.person_id = u.person_id AND u.pass_serial <= r.through_serial",
            [home],
        )
        return cursor.rowcount
