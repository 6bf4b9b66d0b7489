"""People by file: the same rules as one by one, in bulk.

A file is worked off in chunks, each in one transaction with its progress. Killed in between, it goes on after the last
chunk; run again, it finds everything unchanged.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction

from shared_apps.accounts.errors import ImportNotFound, MovedAway
from shared_apps.accounts.models import AccessToken, ImportState, Profile, RosterImport, SignInName, User
from shared_apps.accounts.roles import Role
from shared_apps.accounts.rules import fold_name, sign_in_names
from shared_apps.accounts.services.passes import revoke_passes
from shared_apps.accounts.services.roster_files import read_roster
from shared_apps.accounts.services.users import NAME_FIELDS, PROFILE_FIELDS
from shared_apps.audit.services import Actor, record_action
from shared_apps.common.errors import DomainError
from shared_apps.outbox.services import add_message

CHUNK: Final = 500
MOST_FAILURES_KEPT: Final = 1_000
MOST_CHANGES_KEPT: Final = 100
TASK: Final = "shared_apps.accounts.tasks.run_roster_import"
_ROLES: Final = (Role.STUDENT, Role.ORGANIZER, Role.SCANNER)
_USER_FIELDS: Final = ("username", "email", "student_id", "first_name", "last_name", "role", "is_active")

Row = tuple[int, dict[str, str]]


class RowError(Exception):
    """Why one row cannot be used; the others go on."""

    def __init__(self, code: str, detail: str, attr: str | None = None) -> None:
        self.code, self.detail, self.attr = code, detail, attr
        super().__init__(detail)


@transaction.atomic
def queue_import(
    *, by: Actor | None, at: datetime, file_name: str, content: bytes, mapping: dict[str, str], dry_run: bool
) -> RosterImport:
    """Keep a file to be imported by a worker. The file is looked at first, so that an unusable one is refused at once.

    Raises: UnreadableFile, EmptyFile, TooManyRows, MissingColumns, InvalidMapping.
    """
    roster = read_roster(content, mapping)
    queued = RosterImport.objects.create(
        file_name=file_name[:200],
        content=content,
        mapping=mapping,
        dry_run=dry_run,
        total=len(roster.rows),
        ignored_columns=roster.ignored,
        requested_by_id=by.pk if by else None,
        created_at=at,
    )
    add_message(kind=TASK, payload={"import_id": str(queued.pk)}, at=at)
    record_action(
        at=at, by=by, action="roster.queued", target_type="roster_import", target_id=queued.pk,
        changes={"rows": queued.total, "dry_run": dry_run},
    )  # fmt: skip
    return queued


def run_import(
    *, import_id: UUID, clock: Callable[[], datetime], on_progress: Callable[[RosterImport], None] | None = None
) -> RosterImport:
    """Work an import off to its end. Two workers at once share the work without doing any twice.

    Locks: the import's row during each chunk. Raises: ImportNotFound.
    """
    started = RosterImport.objects.filter(pk=import_id).first()
    if started is None:
        raise ImportNotFound
    if started.content is None:
        return started  # it has ended already
    try:
        rows = read_roster(bytes(started.content), started.mapping).rows
    except DomainError as error:
        return _end(import_id, ImportState.FAILED, at=clock(), error=error)
    repeated = _repeated_rows(rows)
    while True:
        with transaction.atomic():
            current = RosterImport.objects.select_for_update(no_key=True).get(pk=import_id)
            chunk = rows[current.processed : current.processed + CHUNK]
            if current.content is None or not chunk:
                break
            outcome = _import_rows(chunk, repeated=repeated, dry_run=current.dry_run, at=clock())
            _add_progress(current, outcome, len(chunk))
        if on_progress is not None:
            on_progress(current)
    return _end(import_id, ImportState.DONE, at=clock())


@transaction.atomic
def _end(import_id: UUID, state: ImportState, *, at: datetime, error: DomainError | None = None) -> RosterImport:
    ended = RosterImport.objects.select_for_update(no_key=True).get(pk=import_id)
    if ended.content is None:
        return ended
    ended.state, ended.content, ended.finished_at = state, None, at
    if error is not None:
        ended.error_code, ended.error_detail = error.code, error.message[:500]
    ended.save()
    record_action(
        at=at, by=None, action=f"roster.{state}", target_type="roster_import", target_id=import_id,
        changes={name: getattr(ended, name) for name in ("created", "updated", "unchanged", "failed", "dry_run")},
    )  # fmt: skip
    return ended


@dataclass(slots=True)
class _Outcome:
    """What a chunk came to."""

    counts: Counter[str] = field(default_factory=Counter)
    results: list[dict[str, Any]] = field(default_factory=list)

    def add(self, line: int, action: str, **more: Any) -> None:
        self.counts[action] += 1
        if action != "unchanged":
            self.results.append({"row": line, "action": action, "code": "", "detail": "", "attr": None, **more})


def _add_progress(current: RosterImport, outcome: _Outcome, rows: int) -> None:
    current.state = ImportState.RUNNING
    current.processed += rows
    for name in ("created", "updated", "unchanged", "failed"):
        setattr(current, name, getattr(current, name) + outcome.counts[name])
    kept = list(current.results)
    room = {
        "failed": MOST_FAILURES_KEPT - sum(result["action"] == "failed" for result in kept),
        "changed": MOST_CHANGES_KEPT - sum(result["action"] != "failed" for result in kept),
    }
    for result in outcome.results:
        kind = "failed" if result["action"] == "failed" else "changed"
        if room[kind] > 0:
            room[kind] -= 1
            kept.append(result)
    current.results = kept
    current.save()


def _import_rows(rows: Sequence[Row], *, repeated: set[int], dry_run: bool, at: datetime) -> _Outcome:
    """Import one chunk in bulk; where somebody else took a name in that moment, row by row."""
    try:
        with transaction.atomic():
            return _Chunk(repeated, dry_run, at).run(rows)
    except IntegrityError:
        if len(rows) == 1:
            outcome = _Outcome()
            outcome.add(rows[0][0], "failed", code="name_taken", detail="Somebody else has just taken this name.")
            return outcome
    outcome = _Outcome()
    for row in rows:
        one = _import_rows([row], repeated=repeated, dry_run=dry_run, at=at)
        outcome.counts += one.counts
        outcome.results += one.results
    return outcome


class _Chunk:
    """Some rows against what the campus has: looked up once, decided row by row, written in bulk."""

    def __init__(self, repeated: set[int], dry_run: bool, at: datetime) -> None:
        self.repeated, self.dry_run, self.at = repeated, dry_run, at
        self.outcome = _Outcome()
        self.owners: dict[str, UUID] = {}
        self.people: dict[UUID, User] = {}
        self.new: list[tuple[User, Profile]] = []
        self.changed_users: list[User] = []
        self.changed_profiles: list[Profile] = []
        self.renamed: list[User] = []
        self.signed_out: list[UUID] = []
        self.opened_or_closed: list[User] = []

    def run(self, rows: Sequence[Row]) -> _Outcome:
        self._look_up(rows)
        for line, raw in rows:
            try:
                if line in self.repeated:
                    raise RowError("duplicate_row", "The file names this person more than once.")
                self._decide(line, raw)
            except RowError as error:
                self.outcome.add(line, "failed", code=error.code, detail=error.detail, attr=error.attr)
        if not self.dry_run:
            self._write()
        return self.outcome

    def _look_up(self, rows: Sequence[Row]) -> None:
        names = {fold_name(raw[name])[:254] for _, raw in rows for name in NAME_FIELDS if raw.get(name)}
        names |= {fold_name(name)[:254] for _, raw in rows if (name := _derived_username(raw))}
        names = {name for name in names if "\x00" not in name}
        self.owners = dict(SignInName.objects.filter(name__in=names).values_list("name", "user_id"))
        found = User.objects.select_related("profile").filter(pk__in=set(self.owners.values()))
        self.people = {user.pk: user for user in found}

    def _decide(self, line: int, raw: dict[str, str]) -> None:
        values = {name: text for name, text in raw.items() if text}  # an empty cell says nothing
        if values.get("role", "").lower() not in {"", *_ROLES}:
            raise RowError("role_not_allowed", "A file brings students, organizers and scanners only.", "role")
        key = next((name for name in ("student_id", "username", "email") if values.get(name)), None)
        if key is None:
            raise RowError("no_key", "The row has neither student id nor username nor e-mail.")
        person = self.people.get(self.owners.get(fold_name(values[key]), UUID(int=0)))
        if person is None:
            self._add(line, values)
        elif fold_name(getattr(person, key) or "") != fold_name(values[key]):
            raise RowError("name_taken", "Somebody else signs in with this already.", key)
        elif person.role not in _ROLES:
            raise RowError("role_not_allowed", "A file does not change campus admins.", key)
        else:
            self._change(line, person, values)

    def _add(self, line: int, values: dict[str, str]) -> None:
        values.setdefault("username", _derived_username(values))
        user, profile = User(role=Role.STUDENT), Profile()
        user.set_unusable_password()
        _assign(user, profile, values)
        profile.user = user
        self._claim_names(user)
        self.new.append((user, profile))
        self.outcome.add(line, "created", detail=user.username)

    def _change(self, line: int, person: User, values: dict[str, str]) -> None:
        before = {name: getattr(person, name) for name in _USER_FIELDS}
        before_profile = {name: getattr(person.profile, name) for name in PROFILE_FIELDS}
        try:
            _assign(person, person.profile, values)
            changed = {name for name, value in before.items() if getattr(person, name) != value}
            if person.is_active and person.moved_to:
                raise RowError(MovedAway.code, MovedAway.detail, "is_active")
            if changed & set(NAME_FIELDS):
                self._claim_names(person)
        except RowError:
            for name, value in before.items():
                setattr(person, name, value)
            raise
        changed_profile = {name for name, value in before_profile.items() if getattr(person.profile, name) != value}
        if not changed and not changed_profile:
            self.outcome.add(line, "unchanged")
            return
        if changed:
            self.changed_users.append(person)
        if changed_profile:
            self.changed_profiles.append(person.profile)
        if changed & set(NAME_FIELDS):
            self.renamed.append(person)
        if changed & {"role", "is_active"}:
            self.signed_out.append(person.pk)
        if "is_active" in changed:
            self.opened_or_closed.append(person)
        self.outcome.add(line, "updated", detail=", ".join(sorted(changed | changed_profile)))

    def _claim_names(self, user: User) -> None:
        for name in NAME_FIELDS:
            value = getattr(user, name)
            if value and self.owners.get(fold_name(value), user.pk) != user.pk:
                raise RowError("name_taken", "Somebody else signs in with this already.", name)
        for name in sign_in_names(username=user.username, email=user.email, student_id=user.student_id):
            self.owners[name] = user.pk

    def _write(self) -> None:
        User.objects.bulk_create([user for user, _ in self.new])
        Profile.objects.bulk_create([profile for _, profile in self.new])
        for user in self.changed_users:
            user.updated_at = self.at  # rosters of doors ask what changed since
        User.objects.bulk_update(self.changed_users, [*_USER_FIELDS, "updated_at"])
        revoke_passes(self.opened_or_closed, at=self.at)
        User.objects.bulk_update([person for person in self.opened_or_closed if person.is_active], ["pass_serial"])
        for profile in self.changed_profiles:
            profile.updated_at = self.at
        Profile.objects.bulk_update(self.changed_profiles, [*PROFILE_FIELDS, "updated_at"])
        SignInName.objects.filter(user__in=self.renamed).delete()
        named = [*(user for user, _ in self.new), *self.renamed]
        SignInName.objects.bulk_create(
            SignInName(name=name, user=user)
            for user in named
            for name in sorted(sign_in_names(username=user.username, email=user.email, student_id=user.student_id))
        )
        AccessToken.objects.filter(user_id__in=self.signed_out).delete()


def _assign(user: User, profile: Profile, values: dict[str, str]) -> None:
    """Set what the row says, each value as the field takes it.

    Raises: RowError naming the field.
    """
    for name, text in values.items():
        target: models.Model = profile if name in PROFILE_FIELDS else user
        value: Any = text.lower() if name == "role" else _truth(text) if name == "is_active" else text
        try:
            setattr(target, name, target._meta.get_field(name).clean(value, target))  # type: ignore[union-attr]
        except ValidationError as error:
            raise RowError(error.error_list[0].code or "invalid", " ".join(error.messages), name) from None


def _derived_username(values: dict[str, str]) -> str:
    """Return the username of a new person whose row has none."""
    return values.get("student_id") or values.get("email", "").partition("@")[0]


def _truth(text: str) -> bool:
    if text.lower() in {"true", "yes", "y", "1", "active"}:
        return True
    if text.lower() in {"false", "no", "n", "0", "inactive"}:
        return False
    raise RowError("invalid", "Say yes or no.", "is_active")


def _repeated_rows(rows: Sequence[Row]) -> set[int]:
    """Return the lines that name a person whom an earlier line names already."""
    seen: set[str] = set()
    repeated = set()
    for line, raw in rows:
        key = next((fold_name(raw[name]) for name in ("student_id", "username", "email") if raw.get(name)), None)
        if key in seen:
            repeated.add(line)
        elif key is not None:
            seen.add(key)
    return repeated
