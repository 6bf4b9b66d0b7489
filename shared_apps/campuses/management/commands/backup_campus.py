"""Write one campus to a file while it serves."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from shared_apps.campuses.management.commands._registry import plain_errors, require_campus
from shared_apps.campuses.services import backup_campus
from shared_apps.common.clock import now


class Command(BaseCommand):
    help = "Write one campus to a file while it serves. Needs the owner's credentials in DATABASE_URL."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("code")
        parser.add_argument("file", type=Path)
        parser.add_argument("--force", action="store_true", help="replace the file if there is one")

    def handle(self, *args: Any, code: str, file: Path, force: bool, **options: Any) -> None:
        campus = require_campus(code)
        if file.exists() and not force:
            raise CommandError(f"{file} exists already; --force replaces it.")
        with plain_errors():
            backup_campus(
                by=None, at=now(), campus=campus, file=file, on_progress=lambda s: self.stdout.write(f"  {s}")
            )
        self.stdout.write(f"{campus.code}: {file.stat().st_size / 1024:,.0f} kB in {file}")

    def _show(self, progress: str) -> None:
        self.stdout.write(f"  {progress}")
