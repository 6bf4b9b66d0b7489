"""Put one campus back as a backup has it, while the others serve."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from shared_apps.campuses.management.commands._registry import plain_errors, require_campus, require_confirmation
from shared_apps.campuses.services import restore_campus
from shared_apps.common.clock import now


class Command(BaseCommand):
    help = (
        "Put one campus back as a backup has it, while the others serve. What has happened there since is lost. "
        "Killed, it has changed all or nothing: run it again. Needs the owner's credentials in DATABASE_URL."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("code")
        parser.add_argument("file", type=Path)
        parser.add_argument("--confirm", help="the campus's code once more, for use in scripts")

    def handle(self, *args: Any, code: str, file: Path, confirm: str | None, **options: Any) -> None:
        campus = require_campus(code)
        require_confirmation(campus, confirm, to=f"replace all its data by {file}")
        with plain_errors():
            label, migrated = restore_campus(by=None, at=now(), campus=campus, file=file, on_progress=self._show)
        self.stdout.write(f"{campus.code} is as it was at {label.made_at}; everybody there has to sign in again")
        if migrated is not None and migrated.error:
            raise CommandError(
                f"Its migrations failed; until migrate_campuses succeeds it answers 503: {migrated.error}"
            )
        if migrated is not None:
            self.stdout.write(f"  {migrated.applied} migrations that are newer than the backup")

    def _show(self, progress: str) -> None:
        self.stdout.write(f"  {progress}")
