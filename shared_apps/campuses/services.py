"""Creating campuses, changing their state, backing them up, letting super admins act in them.

Stand on the public site; for backups anywhere; only ``exchange_grant`` stands in a campus.
"""

import re
import secrets
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.module_loading import import_string

from shared_apps.accounts.models import User
from shared_apps.accounts.roles import Role
from shared_apps.accounts.services.passes import remember_revocations
from shared_apps.accounts.services.tokens import SignIn, begin_acting, revoke_all_tokens
from shared_apps.accounts.services.users import check_password_strength, create_user
from shared_apps.audit.services import Actor, record_action
from shared_apps.campuses.errors import WrongGrant
from shared_apps.campuses.models import ActingGrant
from shared_apps.campuses.rules import GRANT_TIME
from shared_apps.campuses.selectors import get_campus
from shared_apps.common.clock import now
from shared_apps.common.text import PRINTABLE
from shared_apps.outbox.services import abandon_messages
from tenants.backups import Label, Progress, restore_backup, tables_of, write_backup
from tenants.context import current_campus, owner_context, public_context
from tenants.errors import (
    CampusExists,
    CampusNotFound,
    HostTaken,
    InvalidCampus,
    InvalidCode,
    InvalidHost,
    WrongCampusState,
)
from tenants.keys import digest
from tenants.migrating import Outcome, migrate_campuses
from tenants.models import ORIGIN, Campus, CampusDomain, CampusState, check_host
from tenants.provisioning import RESTORING, Step, provision_campus, touch_registry
from tenants.registry_types import CampusEntry

# What logins, tokens and log lines say where no campus is meant.
RESERVED_CODES: Final = frozenset({"PUBLIC", "TEMPLATE", "RELAY", "NONE", "OWNER"})


@transaction.atomic
def create_campus(
    *,
    by: Actor | None,
    at: datetime,
    code: str,
    name: str,
    hosts: Sequence[str],
    timezone: str,
    allowed_origins: Sequence[str] = (),
    first_admin: dict[str, str] | None = None,
) -> Campus:
    """Enter a campus into the registry, in state ``provisioning``; the provisioning worker makes the rest.

    ``first_admin`` holds username, email, first_name, last_name and password; only a hash of that is kept, until the
    account exists.

    Raises: InvalidCampus, InvalidCode, CampusExists, HostTaken, InvalidHost, WeakPassword.
    """
    if code.upper() in RESERVED_CODES:
        raise InvalidCode(attr="code")
    if first_admin is not None:
        first_admin = dict(first_admin)
        password = first_admin.pop("password")
        check_password_strength(password)
        first_admin["password_hash"] = make_password(password)
    campus = Campus(
        code=code.upper(),
        name=name,
        schema_name=f"c_{re.sub(r'[^a-z0-9_]', '_', code.lower())}",
        timezone=timezone,
        allowed_origins=sorted(set(allowed_origins)),
        first_admin=first_admin,
    )
    _check_fields(campus)
    try:
        with transaction.atomic():
            campus.save(force_insert=True)
    except (IntegrityError, ValidationError):  # django-tenants looks for the schema's name itself
        raise CampusExists(attr="code") from None
    _set_hosts(campus, hosts)
    touch_registry()
    _record(campus, by=by, at=at, action="campus.created")
    return campus


@transaction.atomic
def update_campus(*, by: Actor | None, at: datetime, campus_id: UUID, changes: dict[str, Any]) -> Campus:
    """Change name, time zone, hosts or allowed origins.

    Locks: the registry row. Raises: CampusNotFound, InvalidCampus, HostTaken, InvalidHost.
    """
    campus = _lock(campus_id)
    changes = dict(changes)
    hosts = changes.pop("hosts", None)
    if "allowed_origins" in changes:
        changes["allowed_origins"] = sorted(set(changes["allowed_origins"]))
    for field, value in changes.items():
        setattr(campus, field, value)
    _check_fields(campus)
    campus.save()
    if hosts is not None:
        _set_hosts(campus, hosts)
    touch_registry()
    fields = sorted([*changes, *(["hosts"] if hosts is not None else [])])
    _record(campus, by=by, at=at, action="campus.changed", changes={"fields": fields})
    return campus


def suspend_campus(*, by: Actor | None, at: datetime, campus_id: UUID, reason: str) -> Campus:
    """Stop serving a campus: its people get 403 with their next request, its records are kept.

    Raises: CampusNotFound, WrongCampusState.
    """
    return _change_state(campus_id, CampusState.SUSPENDED, {CampusState.READY}, by=by, at=at, reason=reason)


def reactivate_campus(*, by: Actor | None, at: datetime, campus_id: UUID, reason: str) -> Campus:
    """Serve a suspended campus again.

    Raises: CampusNotFound, WrongCampusState.
    """
    return _change_state(campus_id, CampusState.READY, {CampusState.SUSPENDED}, by=by, at=at, reason=reason)


def archive_campus(*, by: Actor | None, at: datetime, campus_id: UUID, reason: str) -> Campus:
    """Close a campus for good. Its data stay where they are, its code and schema name are never used again.

    Raises: CampusNotFound, WrongCampusState (only a suspended campus is archived, so that it takes two decisions).
    """
    return _change_state(campus_id, CampusState.ARCHIVED, {CampusState.SUSPENDED}, by=by, at=at, reason=reason)


@transaction.atomic
def grant_acting(*, by: User, at: datetime, campus_id: UUID, reason: str, may_write: bool) -> tuple[ActingGrant, str]:
    """Let ``by`` act in a campus once; return the grant and its secret, which is shown this once.

    Raises: CampusNotFound, WrongCampusState (only a campus that is served can be acted in).
    """
    campus = get_campus(campus_id)
    if campus.state != CampusState.READY:
        raise WrongCampusState(f"Nobody can act in a campus that is {campus.state}.")
    text = f"eas_{campus.code.lower()}.grant_{secrets.token_urlsafe(32)}"
    grant = ActingGrant.objects.create(
        digest=digest(text),
        campus=campus.code,
        super_admin_id=by.pk,
        super_admin_name=by.display_name,
        reason=reason,
        may_write=may_write,
        created_at=at,
        expires_at=at + GRANT_TIME,
    )
    changes = {"grant": str(grant.pk), "may_write": may_write}
    _record(campus, by=by, at=at, action="campus.acting_granted", reason=reason, changes=changes)
    return grant, text


@transaction.atomic
def exchange_grant(*, text: str, at: datetime) -> SignIn:
    """Use a grant up and issue an acting token of the campus this stands in. One statement decides who was first.

    Raises: WrongGrant (one answer for unknown, another campus's, used and expired).
    """
    mine = ActingGrant.objects.filter(digest=digest(text), campus=current_campus().code)
    if not mine.filter(exchanged_at__isnull=True, expires_at__gt=at).update(exchanged_at=at):
        raise WrongGrant
    grant = mine.get()
    return begin_acting(
        grant_id=grant.pk,
        super_admin_id=grant.super_admin_id,
        super_admin_name=grant.super_admin_name,
        reason=grant.reason,
        may_write=grant.may_write,
        at=at,
    )


def provision(*, campus_id: UUID) -> Iterator[Step]:
    """Make everything a new campus needs, as the owner; see ``tenants.provisioning``. Can be run again."""
    return provision_campus(campus_id=campus_id, create_first_admin=_create_first_admin)


def list_pending() -> list[UUID]:
    """Return the campuses that wait for the provisioning worker, oldest first."""
    with public_context():
        pending = Campus.objects.filter(state=CampusState.PROVISIONING).exclude(provisioning_step=RESTORING)
        return list(pending.order_by("created_at").values_list("pk", flat=True))


def backup_campus(*, by: Actor | None, at: datetime, campus: CampusEntry, file: Path, on_progress: Progress) -> Label:
    """Write one campus to ``file`` while it serves, replacing a file of that name; audited on the public site.

    Raises: BackupError, OwnerCredentialsMissing.
    """
    label = write_backup(campus=campus, file=file, at=at, on_progress=on_progress)
    with owner_context():
        _record_file(campus, file, by=by, at=at, action="campus.backed_up", changes={})
    return label


def restore_campus(
    *, by: Actor | None, at: datetime, campus: CampusEntry, file: Path, on_progress: Progress
) -> tuple[Label, Outcome | None]:
    """Put one campus back as ``file`` has it; see ``tenants.backups.restore_backup`` for states, locks and kills.

    In the same transaction every sign-in of the campus ends, passes that were revoked since stay revoked, messages and
    e-mails that were still to be sent at the time of the backup are given up (their effects may have happened since),
    and the public site's audit gets its entry.

    Returns the backup's label, and what became of its migrations where it was made by an older release.
    Raises: BackupError, WrongCampusState, OwnerCredentialsMissing.
    """

    def finish(label: Label) -> None:
        with tables_of(campus.schema_name):
            ended = revoke_all_tokens()
            remember_revocations(home=campus.code)
            given_up = abandon_messages(at=at, error="given up: the campus was restored from a backup")
            for abandon in settings.AFTER_RESTORING:
                given_up += import_string(abandon)(at=at)
        changes = {"made_at": label.made_at, "tokens": ended, "messages": given_up}
        _record_file(campus, file, by=by, at=at, action="campus.restored", changes=changes)

    label = restore_backup(campus=campus, file=file, finish=finish, on_progress=on_progress)
    outcomes = migrate_campuses(jobs=1, on_outcome=lambda _: None, only=campus.id)
    return label, outcomes[0] if outcomes else None


def _create_first_admin(campus: CampusEntry, data: dict[str, Any]) -> None:
    if not User.objects.filter(username__iexact=data["username"]).exists():
        create_user(by=None, at=now(), role=Role.CAMPUS_ADMIN, **data)


@transaction.atomic
def _change_state(
    campus_id: UUID, to: CampusState, allowed: set[CampusState], *, by: Actor | None, at: datetime, reason: str
) -> Campus:
    campus = _lock(campus_id)
    if campus.state == to:
        return campus  # said twice
    if campus.state not in allowed:
        raise WrongCampusState(f"A campus that is {campus.state} cannot become {to}.")
    before, campus.state, campus.state_reason = campus.state, to, reason
    campus.save()
    touch_registry()
    _record(campus, by=by, at=at, action=f"campus.{to}", reason=reason, changes={"from": before, "to": str(to)})
    return campus


def _lock(campus_id: UUID) -> Campus:
    campus = Campus.objects.select_for_update(no_key=True).filter(pk=campus_id).first()
    if campus is None:
        raise CampusNotFound
    return campus


def _check_fields(campus: Campus) -> None:
    try:
        campus.clean_fields()
    except ValidationError as error:
        field, messages = next(iter(error.message_dict.items()))
        raise InvalidCampus(f"{field}: {messages[0]}", attr=field) from None
    for field, check, values in (
        ("name", PRINTABLE, [campus.name]),
        ("allowed_origins", ORIGIN, campus.allowed_origins),
    ):
        try:
            for value in values:
                check(value)
        except ValidationError as error:
            raise InvalidCampus(f"{field}: {error.message}", attr=field) from None


def _set_hosts(campus: Campus, hosts: Sequence[str]) -> None:
    wanted = list(dict.fromkeys(host.strip().lower().rstrip(".") for host in hosts))
    for host in wanted:
        try:
            check_host(host)
        except ValidationError:
            raise InvalidHost(f"{host!r} is not a host name.", attr="hosts") from None
    CampusDomain.objects.filter(campus=campus).exclude(host__in=wanted).delete()
    CampusDomain.objects.filter(campus=campus).update(is_primary=False)
    for number, host in enumerate(wanted):
        domain, _ = CampusDomain.objects.get_or_create(host=host, defaults={"campus": campus})
        if domain.campus_id != campus.pk:
            raise HostTaken(f"{host} leads to another site already.", attr="hosts")
        if number == 0:
            CampusDomain.objects.filter(pk=domain.pk).update(is_primary=True)


def _record_file(
    campus: CampusEntry, file: Path, *, by: Actor | None, at: datetime, action: str, changes: dict[str, Any]
) -> None:
    record_action(
        at=at, by=by, action=action, target_type="campus", target_id=campus.id, reason=str(file)[-500:],
        changes={"code": campus.code, **changes},
    )  # fmt: skip


def _record(
    campus: Campus,
    *,
    by: Actor | None,
    at: datetime,
    action: str,
    reason: str = "",
    changes: dict[str, Any] | None = None,
) -> None:
    record_action(
        at=at, by=by, action=action, target_type="campus", target_id=campus.pk, reason=reason,
        changes={"code": campus.code, **(changes or {})},
    )  # fmt: skip
