"""Having a list made into a file, making it, and forgetting it.

The rows are read in one transaction, all of one moment, and written to a file of the worker's own. That file is kept,
and the export done, in one transaction at the end: killed anywhere, nothing is there, and the next worker begins anew.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from tempfile import TemporaryFile
from threading import Event as Signal
from threading import Thread
from typing import Any, Final
from uuid import UUID

from django.db import DatabaseError, connection, transaction

from shared_apps.accounts.errors import UserNotFound
from shared_apps.accounts.models import User
from shared_apps.audit.services import record_action
from shared_apps.common.errors import DomainError
from shared_apps.outbox.services import add_message
from tenant_apps.exports.documents import MEDIA_TYPES, write_rows
from tenant_apps.exports.errors import ExportBusy, ExportGivenUp, ExportNotFound, ExportTooLong, TooManyExports
from tenant_apps.exports.lists import read_page, read_pages
from tenant_apps.exports.models import Export
from tenant_apps.exports.rules.datasets import DATASETS
from tenant_apps.exports.rules.exports import (
    BEAT,
    ENDED,
    KEPT_FOR,
    MOST_ATTEMPTS,
    MOST_ROWS,
    MOST_UNFINISHED,
    SILENT_FOR,
    ExportFormat,
    ExportState,
)
from tenant_apps.exports.selectors import get_export
from tenant_apps.notifications.services.notices import send_notices
from tenant_apps.uploads.rules import UploadKind
from tenant_apps.uploads.services import forget_files, keep_made_file
from tenants.context import campus_context, current_campus

logger = logging.getLogger("eas.exports")

TASK: Final = "tenant_apps.exports.tasks.make_export"
NOTICE: Final = "export.finished"
_SHORTER: Final = "Narrow the list, or take XLSX or CSV."

Clock = Callable[[], datetime]


class _Overtaken(Exception):
    """Somebody removed the export, or another worker makes it: nothing of this one is kept."""


@transaction.atomic
def request_export(*, by: User, at: datetime, dataset: str, format: str, filters: Mapping[str, str]) -> Export:
    """Have a list made into a file, by a worker. The list is read once, so that what it refuses is refused at once.

    Locks: the person's account. Raises: UnknownFilter, MissingFilter, ListRefused, ExportTooLong, TooManyExports.
    """
    page = read_page(user=by, dataset=DATASETS[dataset], filters=filters, most=1)
    _confirm_length(format, page.count)
    User.objects.select_for_update(no_key=True).filter(pk=by.pk).exists()
    if Export.objects.filter(requested_by_id=by.pk).exclude(state__in=ENDED).count() >= MOST_UNFINISHED:
        raise TooManyExports
    export = Export.objects.create(
        dataset=dataset, format=format, filters=dict(filters), rows_total=page.count, requested_by_id=by.pk,
        created_at=at, expires_at=at + KEPT_FOR,
    )  # fmt: skip
    add_message(kind=TASK, payload={"export_id": str(export.pk)}, at=at)
    record_action(
        at=at, by=by, action="export.requested", target_type="export", target_id=export.pk,
        changes={"dataset": dataset, "format": format, "filters": sorted(filters)},
    )  # fmt: skip
    return export


@transaction.atomic
def remove_export(*, by: User, at: datetime, export_id: UUID) -> None:
    """Remove an export and its file; one that is being made is given up.

    Locks: the export, then the campus's room. Raises: ExportNotFound.
    """
    found = get_export(user=by, export_id=export_id)
    _forget(found.pk)
    record_action(at=at, by=by, action="export.removed", target_type="export", target_id=found.pk)


def expire_exports(*, at: datetime) -> int:
    """Remove the exports whose time is over, with their files; return how many."""
    due = list(Export.objects.filter(expires_at__lte=at).values_list("pk", flat=True))
    for export_id in due:
        with suppress(ExportNotFound), transaction.atomic():
            _forget(export_id)
    return len(due)


def make_file(*, export_id: UUID, clock: Clock) -> None:
    """Make the file of an export; one that has ended, or is not there any more, needs none. Stand in the campus,
    outside ``atomic()``.

    Raises: ExportBusy while another worker makes it.
    """
    export = _claim(export_id, at=clock())
    if export is None:
        return
    try:
        if export.attempts > MOST_ATTEMPTS:
            raise ExportGivenUp
        _make(export, clock=clock)
    except DomainError as error:
        _end(export, ExportState.FAILED, at=clock(), error=error)
    except _Overtaken:
        logger.info("export_overtaken")


@transaction.atomic
def _claim(export_id: UUID, *, at: datetime) -> Export | None:
    """Take an export for this worker; None where there is nothing to do. Locks: the export."""
    export = Export.objects.select_for_update(no_key=True).filter(pk=export_id).exclude(state__in=ENDED).first()
    if export is None:
        return None
    if export.seen_at is not None and export.seen_at > at - SILENT_FOR:
        raise ExportBusy
    export.state, export.seen_at, export.rows_done = ExportState.RUNNING, at, 0
    export.attempts += 1
    export.save(update_fields=["state", "seen_at", "rows_done", "attempts"])
    return export


def _make(export: Export, *, clock: Clock) -> None:
    """Write the rows to a file and keep it.

    Raises: _Overtaken, and whatever makes the file impossible.
    """
    by = User.objects.filter(pk=export.requested_by_id, is_active=True).first()
    if by is None:
        raise UserNotFound
    with TemporaryFile() as file, _Pulse(export, clock=clock) as pulse:
        at = clock()
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            write_rows(
                file, format=export.format, dataset=DATASETS[export.dataset], about=_tell_filters(export), at=at,
                rows=_read(export, by=by, pulse=pulse),
            )  # fmt: skip
        keep_made_file(
            by=by, at=clock(), kind=UploadKind.EXPORT, subject_id=export.pk, file=file,
            media_type=MEDIA_TYPES[ExportFormat(export.format)],
            confirm=lambda: _end(export, ExportState.DONE, at=clock(), rows=pulse.rows),
        )  # fmt: skip


def _read(export: Export, *, by: User, pulse: "_Pulse") -> Iterator[Mapping[str, Any]]:
    for page in read_pages(user=by, dataset=DATASETS[export.dataset], filters=export.filters):
        pulse.confirm()
        pulse.total = page.count
        pulse.rows += len(page.rows)
        _confirm_length(export.format, max(page.count or 0, pulse.rows))
        yield from page.rows


def _confirm_length(format: str, rows: int | None) -> None:
    if (rows or 0) > MOST_ROWS[ExportFormat(format)]:
        raise ExportTooLong(f"A {format.upper()} has at most {MOST_ROWS[ExportFormat(format)]} rows. {_SHORTER}")


def _tell_filters(export: Export) -> str:
    return " · ".join(f"{name}: {value}" for name, value in sorted(export.filters.items()))


@transaction.atomic
def _end(export: Export, state: ExportState, *, at: datetime, rows: int = 0, error: DomainError | None = None) -> None:
    """Write down how it ended, and tell whoever asked. Locks: the export.

    Raises: _Overtaken where it is not this worker's any more.
    """
    own = Export.objects.select_for_update(no_key=True).filter(pk=export.pk, attempts=export.attempts)
    locked = own.exclude(state__in=ENDED).first()
    if locked is None:
        raise _Overtaken
    locked.state, locked.finished_at, locked.expires_at = state, at, at + KEPT_FOR
    if error is None:
        locked.rows_done = locked.rows_total = rows
    else:
        locked.error_code, locked.error_detail = error.code, error.message[:500]
    locked.save()
    what = f"{DATASETS[export.dataset].title} ({export.format.upper()})"
    text = f"Your export is ready: {what}." if error is None else f"Your export could not be made: {what}."
    send_notices(to=[export.requested_by_id], kind=NOTICE, text=text, at=at, once=f"export:{export.pk}")
    record_action(
        at=at, by=None, action=f"export.{state}", target_type="export", target_id=export.pk, changes={"rows": rows}
    )


def _forget(export_id: UUID) -> None:
    """Delete an export with its file, in the caller's transaction. Locks: the export, then the campus's room.

    Raises: ExportNotFound where somebody else was faster.
    """
    if not Export.objects.filter(pk=export_id).delete()[0]:
        raise ExportNotFound
    forget_files(kind=UploadKind.EXPORT, subject_id=export_id)


class _Pulse(Thread):
    """Says from a connection of its own how far the worker is, as the worker's own transaction shows nobody anything.

    It goes on while one statement, or the setting of pages, takes long: whoever is silent was killed.
    """

    def __init__(self, export: Export, *, clock: Clock) -> None:
        super().__init__(daemon=True)
        self.rows, self.total = 0, export.rows_total
        self._export, self._clock, self._campus = export, clock, current_campus()
        self._over, self._lost = Signal(), Signal()

    def __enter__(self) -> "_Pulse":
        self.start()
        return self

    def __exit__(self, *problem: object) -> None:
        self._over.set()
        self.join()

    def confirm(self) -> None:
        """Raises: _Overtaken where the export is not this worker's any more."""
        if self._lost.is_set():
            raise _Overtaken

    def run(self) -> None:
        with campus_context(self._campus):
            while not self._over.wait(BEAT.total_seconds()) and not self._lost.is_set():
                try:
                    self._beat()
                except DatabaseError:  # the worker itself will meet it, or the next beat is in time
                    logger.warning("export_beat_missed")

    def _beat(self) -> None:
        own = Export.objects.filter(pk=self._export.pk, attempts=self._export.attempts, state=ExportState.RUNNING)
        if not own.update(seen_at=self._clock(), rows_done=self.rows, rows_total=self.total):
            self._lost.set()
