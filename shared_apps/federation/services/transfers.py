"""Students who change campus: offered by the one they leave, accepted by the one they go to, closed where they were.

Two campuses never share a transaction. The destination accepts in its own, with a message; the message closes the
account at the origin in the origin's, together with the transcript. In between the person has an account at both, and
still counts once: the ledger knows them by ``person_id``.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q

from shared_apps.accounts.errors import NameTaken, UserNotFound
from shared_apps.accounts.models import User
from shared_apps.accounts.roles import Role
from shared_apps.accounts.services.passes import remember_revocations
from shared_apps.accounts.services.users import PROFILE_FIELDS, create_user, leave_campus, update_user
from shared_apps.audit.services import Actor, record_action
from shared_apps.federation.errors import (
    AlreadyHere,
    NotTheDestination,
    NotTransferable,
    OwnCampus,
    TransferOpen,
    WrongTransferState,
)
from shared_apps.federation.models import Transfer
from shared_apps.federation.rules import TranscriptEntry, TransferState, whole_transcript
from shared_apps.federation.selectors import find_arrival, get_open_campus, get_transfer
from shared_apps.federation.services.registrations import give_up_places
from shared_apps.outbox.services import add_message
from tenants.context import current_campus

CLOSE_TASK: Final = "tenant_apps.attendance.tasks.close_transfer"
_NAMES: Final = ("username", "email", "student_id")
_KNOWN: Final = (*_NAMES, "first_name", "last_name")
_MOVED: Final = (TransferState.ACCEPTED, TransferState.CLOSED)
_GROUP: Final = tuple(name for name in PROFILE_FIELDS if name != "phone")


@transaction.atomic
def offer_transfer(*, by: Actor, at: datetime, user_id: UUID, destination: str, reason: str) -> Transfer:
    """Offer a student of this campus to another, with what that needs to enter them.

    Locks: the user's row.
    Raises: UserNotFound, NotTransferable, TransferOpen, UnknownCampus (also suspended and archived ones), OwnCampus.
    """
    campus = get_open_campus(destination, attr="destination")
    if campus == current_campus():
        raise OwnCampus("Nobody moves to the campus they are at.", attr="destination")
    user = User.objects.select_for_update(no_key=True).filter(pk=user_id).first()
    if user is None:
        raise UserNotFound
    if user.role != Role.STUDENT or not user.is_active:
        raise NotTransferable(attr="user_id")
    arrival = find_arrival(user)
    if arrival is not None and arrival.state == TransferState.ACCEPTED:
        raise TransferOpen  # their history has not come along yet
    person = {name: getattr(user, name) for name in _KNOWN} | {name: getattr(user.profile, name) for name in _GROUP}
    try:
        with transaction.atomic():
            transfer = Transfer.objects.create(
                person_id=user.person_id, origin=current_campus().code, destination=campus.code, reason=reason,
                person=person, requested_by_id=by.pk, created_at=at, updated_at=at,
            )  # fmt: skip
    except IntegrityError:
        raise TransferOpen from None
    _record(transfer, "offered", by=by, at=at, reason=reason)
    return transfer


@transaction.atomic
def accept_transfer(*, by: Actor, at: datetime, transfer_id: UUID, names: dict[str, Any]) -> Transfer:
    """Enter the person at this campus, as who they are; a message then closes their account at the origin.

    ``names`` (username, email, student_id) replace those that somebody here has already. Whoever was at this campus
    before gets that account back.

    Locks: the transfer; the former account where there is one.
    Raises: TransferNotFound, NotTheDestination, WrongTransferState, AlreadyHere, NameTaken (with ``attr``).
    """
    if get_transfer(transfer_id).destination != current_campus().code:
        raise NotTheDestination
    transfer = _lock_offered(transfer_id)
    known = {**transfer.person, **names}
    profile = {name: known.pop(name) for name in _GROUP}
    former = User.objects.filter(person_id=transfer.person_id).first()
    if former is not None and former.is_active:
        raise AlreadyHere
    if former is None:
        user = create_user(by=by, at=at, role=Role.STUDENT, profile=profile, person_id=transfer.person_id, **known)
    else:
        back = {name: known[name] for name in ("first_name", "last_name")}
        changes = {**back, **names, **profile, "role": Role.STUDENT, "is_active": True, "moved_to": ""}
        user = update_user(by=by, at=at, user_id=former.pk, changes=changes)
    User.objects.filter(pk=user.pk).update(came_with=transfer.pk)
    # Under the names that were free: a campus that is restored enters the person again by what stands here.
    _move_on(transfer, TransferState.ACCEPTED, at=at, accepted_at=at, person={**transfer.person, **names})
    add_message(kind=CLOSE_TASK, payload={"transfer_id": str(transfer.pk), "origin": transfer.origin}, at=at)
    _record(transfer, "accepted", by=by, at=at)
    return transfer


@transaction.atomic
def cancel_transfer(*, by: Actor, at: datetime, transfer_id: UUID, reason: str) -> Transfer:
    """Take an offer back, or decline it at the destination. What it said about the person is deleted.

    Locks: the transfer. Raises: TransferNotFound, WrongTransferState.
    """
    transfer = _lock_offered(transfer_id)
    me = current_campus().code
    _move_on(transfer, TransferState.CANCELLED, at=at, person={}, cancelled_by=me, cancel_reason=reason)
    _record(transfer, "cancelled", by=by, at=at, reason=reason)
    return transfer


@transaction.atomic
def close_transfer(*, at: datetime, transfer_id: UUID, list_presences: Callable[[User], list[TranscriptEntry]]) -> bool:
    """Write the transcript, and close the account of whoever has moved away; return False where that is done.

    Stand in the origin. ``list_presences`` answers what a person of this campus was counted for.

    Locks: the user's row, then the transfer, as whoever offers does.
    """
    transfer = Transfer.objects.filter(pk=transfer_id, origin=current_campus().code).first()
    if transfer is None:
        return False
    user = User.objects.select_for_update(no_key=True).filter(person_id=transfer.person_id).first()
    rows = Transfer.objects.select_for_update(no_key=True).filter(pk=transfer_id, state=TransferState.ACCEPTED)
    if not rows.exists():
        return False
    arrival = find_arrival(user) if user else None
    entries = whole_transcript(
        received=arrival.entries if arrival else (),
        own=list_presences(user) if user else (),
        destination=transfer.destination,
    )
    if user is not None:  # None: this campus was restored from a backup older than the person
        give_up_places(person_id=user.person_id, at=at)
        leave_campus(user=user, to=transfer.destination, at=at)
    transcript = [entry.as_json() for entry in entries]
    _move_on(transfer, TransferState.CLOSED, at=at, transcript=transcript, closed_at=at)
    _record(transfer, "closed", by=None, at=at)
    return True


def remember_transfers(*, at: datetime, repair: bool) -> list[tuple[UUID, bool]]:
    """Return (person id, whether it was mended) of those whose last move this campus has forgotten.

    It was restored from a backup that is older than the move. With ``repair`` the account of whoever has moved away is
    closed again, and whoever has come is entered again; not where somebody has taken their name meanwhile.
    """
    me = current_campus().code
    moves = Transfer.objects.filter(Q(origin=me) | Q(destination=me), state__in=_MOVED)
    latest = moves.order_by("person_id", "-accepted_at").distinct("person_id")
    people = {user.person_id: user for user in User.objects.filter(person_id__in=latest.values("person_id"))}
    found = []
    for move in latest:
        user = people.get(move.person_id)
        is_back = user is not None and user.is_active and move.origin == me and move.state == TransferState.CLOSED
        is_gone = move.destination == me and (user is None or (not user.is_active and user.moved_to != ""))
        if is_back or is_gone:
            found.append((move.person_id, repair and _move_again(move, at=at)))
    return found


@transaction.atomic
def _move_again(move: Transfer, *, at: datetime) -> bool:
    user = User.objects.select_for_update(no_key=True).filter(person_id=move.person_id).first()
    if move.origin == current_campus().code:
        if user is not None:
            leave_campus(user=user, to=move.destination, at=at)
        return True
    if user is None:
        known = {name: move.person[name] for name in _KNOWN}
        profile = {name: move.person[name] for name in _GROUP}
        try:
            user = create_user(by=None, at=at, role=Role.STUDENT, profile=profile, person_id=move.person_id, **known)
        except NameTaken:
            return False
    User.objects.filter(pk=user.pk).update(is_active=True, moved_to="", came_with=move.pk, updated_at=at)
    remember_revocations(home=move.destination)
    if move.state == TransferState.ACCEPTED:  # the message that closes it was given up with the restore
        add_message(kind=CLOSE_TASK, payload={"transfer_id": str(move.pk), "origin": move.origin}, at=at)
    return True


def _lock_offered(transfer_id: UUID) -> Transfer:
    rows = Transfer.objects.select_for_update(no_key=True)
    transfer = rows.filter(pk=transfer_id, state=TransferState.OFFERED).first()
    if transfer is None:
        get_transfer(transfer_id)
        raise WrongTransferState
    return transfer


def _move_on(transfer: Transfer, state: TransferState, *, at: datetime, **values: Any) -> None:
    Transfer.objects.filter(pk=transfer.pk).update(state=state, updated_at=at, **values)


def _record(transfer: Transfer, what: str, *, by: Actor | None, at: datetime, reason: str = "") -> None:
    record_action(
        at=at, by=by, action=f"transfer.{what}", target_type="transfer", target_id=transfer.pk, reason=reason,
        changes={"origin": transfer.origin, "destination": transfer.destination},
    )  # fmt: skip
