"""Files of scans: what was written down elsewhere, recorded afterwards.

A file is worked off in chunks, each one a batch. What is recorded and how far the file is are two transactions: killed
in between, the next worker sends the same chunk again, under the same scan ids, and gets the same answers.
"""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection, transaction

from shared_apps.accounts.models import User
from shared_apps.accounts.roles import Can, Role, may
from shared_apps.accounts.services.roster_files import Table, read_table
from shared_apps.audit.services import record_action
from shared_apps.common.errors import DomainError, Forbidden, Unavailable
from shared_apps.outbox.services import add_message
from tenant_apps.attendance.errors import ImportNotFound, MissingScanColumns
from tenant_apps.attendance.models import ScanImport
from tenant_apps.attendance.rules.imports import (
    PERSON_COLUMNS,
    FileRow,
    ImportState,
    RowOutcome,
    RowProblem,
    choose_named_session,
    derive_scan_id,
    read_row,
)
from tenant_apps.attendance.rules.scans import Door
from tenant_apps.attendance.services.batches import MOST_SCANS, record_batch
from tenant_apps.attendance.services.verdicts import ScanAnswer, ScanRequest
from tenant_apps.events.models import Session
from tenant_apps.events.selectors.registrations import get_run_event
from tenants.context import current_campus

CHUNK: Final = MOST_SCANS
TASK: Final = "tenant_apps.attendance.tasks.run_scan_import"
_COLUMNS: Final = {
    "student_id": ("studentno", "studentnumber", "studentid", "idnumber", "idno", "lrn"),
    "pass": ("qr", "qrcode", "passtext", "guestpass"),
    "user_id": ("user",),
    "scanned_at": ("scantime", "scannedon", "capturedat", "timestamp", "datetime", "time"),
    "direction": ("inout",),
    "session": ("sessionname", "sessionid"),
    "scan_id": (),
    "reason": ("remarks", "note"),
}

# Only for the worker that found the file where it says: whoever was overtaken has added nothing.
_ADD_PROGRESS: Final = """
    UPDATE attendance_scanimport
       SET state = 'running', processed = processed + %(rows)s, recorded = recorded + %(recorded)s,
           duplicates = duplicates + %(duplicate)s, refused = refused + %(refused)s, failed = failed + %(failed)s,
           results = results || %(results)s::jsonb
     WHERE id = %(id)s AND processed = %(begin)s AND content IS NOT NULL
"""


@dataclass(frozen=True, slots=True)
class _Line:
    """A row of the file: what it says, or why it cannot be used."""

    number: int
    row: FileRow | None = None
    problem: RowProblem | None = None

    @property
    def person(self) -> str:
        """Whom it names; rows of nobody are each by themselves."""
        return f"{self.row.method} {self.row.value.lower()}" if self.row else f"line {self.number}"


@transaction.atomic
def queue_scan_import(
    *, by: User, at: datetime, event_id: UUID, file_name: str, content: bytes, dry_run: bool
) -> ScanImport:
    """Keep a file to be recorded by a worker. The file is looked at first, so that an unusable one is refused at once.

    Raises: EventNotFound, NotYourEvent, UnreadableFile, EmptyFile, TooManyRows, MissingScanColumns.
    """
    event = get_run_event(user=by, event_id=event_id)
    table = _read(content)
    queued = ScanImport.objects.create(
        event=event, file_name=_printable(file_name), content=content, dry_run=dry_run, total=len(table.rows),
        requested_by_id=by.pk, created_at=at,
    )  # fmt: skip
    add_message(kind=TASK, payload={"import_id": str(queued.pk)}, at=at)
    record_action(
        at=at, by=by, action="scan_import.queued", target_type="scan_import", target_id=queued.pk,
        changes={"event": str(event.pk), "rows": queued.total, "dry_run": dry_run},
    )  # fmt: skip
    return queued


def run_import(
    *, import_id: UUID, clock: Callable[[], datetime], on_progress: Callable[[UUID], None] | None = None
) -> ScanImport:
    """Work a file off to its end. Two workers at once record nothing twice. Stand in the campus, outside ``atomic()``.

    ``on_progress`` is called between recording a chunk and noting it. Raises: ImportNotFound; Unavailable where
    something gave way again and again: run it again, it goes on.
    """
    started = ScanImport.objects.defer("results").filter(pk=import_id).first()
    if started is None:
        raise ImportNotFound
    if started.content is None:
        return started  # it has ended already
    try:
        by = _find_operator(started.requested_by_id)
        table = _read(bytes(started.content))
    except DomainError as error:
        return _end(import_id, ImportState.FAILED, at=clock(), error=error)
    lines = _in_order(table, zone=current_campus().zone, sent_at=started.created_at)
    sessions = list(Session.objects.filter(event_id=started.event_id).values_list("id", "name"))
    begin: int | None = started.processed
    while begin is not None and begin < len(lines):
        chunk = _next_chunk(lines, begin)
        results = _record(chunk, started, by=by, sessions=sessions, at=clock())
        if on_progress is not None:
            on_progress(import_id)
        _add_progress(import_id, begin, results)
        # Where another worker was faster, go on from where it is.
        pending = ScanImport.objects.filter(pk=import_id, content__isnull=False)
        begin = pending.values_list("processed", flat=True).first()
    return _end(import_id, ImportState.DONE, at=clock())


def _read(content: bytes) -> Table:
    return read_table(content, columns=_COLUMNS, confirm=_confirm_columns)


def _confirm_columns(fields: set[str]) -> None:
    if "scanned_at" not in fields or not fields & set(PERSON_COLUMNS):
        raise MissingScanColumns


def _printable(file_name: str) -> str:
    return "".join(character for character in file_name if character.isprintable())[:200]


def _find_operator(user_id: UUID) -> User:
    """Return who sent the file, if they may still do so: somebody of the campus, or a super admin who acted here.

    Raises: Forbidden.
    """
    person = User.objects.filter(pk=user_id).first()
    if person is None:
        return User(pk=user_id, role=Role.CAMPUS_ADMIN)
    if not person.is_active or not may(person.role, Can.CALL_ROLL):
        raise Forbidden("Whoever sent this file may not do so any more.")
    return person


def _in_order(table: Table, *, zone: ZoneInfo, sent_at: datetime) -> list[_Line]:
    """Return the rows as they are recorded: person by person, each by time, so that somebody's rows meet one another
    whatever their order in the file, in a dry run too. Whoever came first is first. The order follows from the file.
    """
    lines = []
    for number, values in table.rows:
        try:
            lines.append(_Line(number, read_row(values, zone=zone, sent_at=sent_at)))
        except RowProblem as problem:
            lines.append(_Line(number, problem=problem))
    first: dict[str, tuple[datetime, int]] = {}
    for line in lines:
        key = (line.row.scanned_at if line.row else sent_at, line.number)
        first[line.person] = min(first.get(line.person, key), key)
    return sorted(
        lines, key=lambda line: (first[line.person], line.row.scanned_at if line.row else sent_at, line.number)
    )  # fmt: skip


def _next_chunk(lines: Sequence[_Line], begin: int) -> Sequence[_Line]:
    """Return what is recorded together: as much as fits, and of nobody only a part, if it can be helped."""
    end = min(begin + CHUNK, len(lines))
    if end < len(lines) and lines[begin].person != lines[end].person:
        while lines[end - 1].person == lines[end].person:
            end -= 1
    # A batch goes by time; of the same moment the row that is further up is first.
    return sorted(lines[begin:end], key=lambda line: line.number)


def _record(
    chunk: Sequence[_Line], started: ScanImport, *, by: User, sessions: Sequence[tuple[UUID, str]], at: datetime
) -> list[dict[str, Any]]:
    """Record a chunk; return what became of each row.

    Raises: Unavailable.
    """
    results, scans, sent = [], [], []
    for line in chunk:
        try:
            if line.row is None:
                raise line.problem or RowProblem("invalid", "This row cannot be used.")
            scans.append(_scan_of(line, line.row, started, sessions))
            sent.append(line)
        except RowProblem as problem:
            results.append(_result(line, RowOutcome.FAILED, problem.code, problem.detail, attr=problem.attr))
    answers = record_batch(by=by, at=at, scans=scans, dry_run=started.dry_run) if scans else []
    if any(answer.status >= 500 for answer in answers):
        raise Unavailable
    return results + [_answered(line, answer) for line, answer in zip(sent, answers, strict=True)]


def _scan_of(
    line: _Line, row: FileRow, started: ScanImport, sessions: Sequence[tuple[UUID, str]]
) -> ScanRequest:  # fmt: skip
    return ScanRequest(
        event_id=started.event_id, session_id=choose_named_session(row.session, sessions), method=row.method,
        value=row.value, direction=row.direction, scan_id=row.scan_id or derive_scan_id(started.pk, line.number),
        captured_at=row.scanned_at, reason=row.reason, door=Door.FILE,
    )  # fmt: skip


def _answered(line: _Line, answer: ScanAnswer) -> dict[str, Any]:
    attendance = answer.body.get("attendance") or {}
    return _result(line, *answer.result, status=attendance.get("status"))


def _result(
    line: _Line, outcome: RowOutcome, code: str, detail: str, *, attr: str | None = None, status: str | None = None
) -> dict[str, Any]:
    return {
        "row": line.number, "outcome": outcome.value, "code": code, "detail": detail, "attr": attr, "status": status,
    }  # fmt: skip


def _add_progress(import_id: UUID, begin: int, results: Sequence[dict[str, Any]]) -> None:
    counts = Counter(result["outcome"] for result in results)
    values: dict[str, Any] = {
        "id": import_id, "begin": begin, "rows": len(results), "results": json.dumps(results),
        **{outcome: counts[outcome] for outcome in RowOutcome.values},
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_ADD_PROGRESS, values)


@transaction.atomic
def _end(import_id: UUID, state: ImportState, *, at: datetime, error: DomainError | None = None) -> ScanImport:
    """Note that a file is done; the file itself is kept no longer. Locks: the import's row."""
    ended = ScanImport.objects.select_for_update(no_key=True).get(pk=import_id)
    if ended.content is None:
        return ended
    ended.state, ended.content, ended.finished_at = state, None, at
    if error is not None:
        ended.error_code, ended.error_detail = error.code, error.message[:500]
    ended.save(update_fields=["state", "content", "finished_at", "error_code", "error_detail"])
    record_action(
        at=at, by=None, action=f"scan_import.{state}", target_type="scan_import", target_id=import_id,
        changes={name: getattr(ended, name) for name in ("recorded", "duplicates", "refused", "failed", "dry_run")},
    )  # fmt: skip
    return ended
