"""Bring people in by file, in the foreground."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from shared_apps.accounts.models import RosterImport
from shared_apps.accounts.services.rosters import queue_import, run_import
from shared_apps.common.clock import now
from shared_apps.common.errors import DomainError
from tenants.context import campus_context
from tenants.registry import find_campus


class Command(BaseCommand):
    help = "Import a roster (CSV or XLSX) into one campus. Run it again as often as you like."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("campus", help="code of the campus")
        parser.add_argument("file")
        parser.add_argument("--map", action="append", default=[], metavar="THEIRS=OURS", help="their header, our field")
        parser.add_argument("--dry-run", action="store_true", help="only say what would change")

    def handle(self, *args: Any, **options: Any) -> None:
        campus = find_campus(options["campus"])
        if campus is None:
            raise CommandError(f"There is no campus {options['campus']!r}.")
        mapping = dict(pair.split("=", 1) for pair in options["map"] if "=" in pair)
        path = Path(options["file"])
        try:
            with campus_context(campus):
                queued = queue_import(
                    by=None, at=now(), file_name=path.name, content=path.read_bytes(), mapping=mapping,
                    dry_run=options["dry_run"],
                )  # fmt: skip
                ended = run_import(import_id=queued.pk, clock=now, on_progress=self._show)
        except (DomainError, OSError) as error:
            raise CommandError(str(error)) from None
        show_results(self, ended)

    def _show(self, current: RosterImport) -> None:
        self.stdout.write(f"  {current.processed} of {current.total} rows")


def show_results(
    command: BaseCommand, ended: RosterImport, *, name_row: Callable[[int], str] = lambda line: f"row {line}"
) -> None:
    """Print what became of an import. ``name_row`` says what a line of the file is called where it came from."""
    for result in ended.results:
        if result["action"] == "failed":
            named = name_row(result["row"])
            command.stderr.write(f"  {named}: {result['code']}: {result['detail']} {result['attr'] or ''}")
    would = "would be " if ended.dry_run else ""
    command.stdout.write(
        f"{ended.file_name}: {ended.created} {would}created, {ended.updated} {would}updated, "
        f"{ended.unchanged} unchanged, {ended.failed} failed"
    )
