"""Commands that change a campus's state."""

from collections.abc import Callable
from typing import Any, ClassVar

from django.core.management.base import BaseCommand, CommandParser

from shared_apps.campuses.management.commands._registry import plain_errors, require_campus
from shared_apps.common.clock import now
from tenants.context import public_context
from tenants.models import Campus


class StateCommand(BaseCommand):
    """``change`` is the service that is called."""

    change: ClassVar[Callable[..., Campus]]

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("code")
        parser.add_argument("--reason", required=True, help="kept in the audit")

    def handle(self, *args: Any, code: str, reason: str, **options: Any) -> None:
        campus = require_campus(code)
        with plain_errors(), public_context():
            changed = type(self).change(by=None, at=now(), campus_id=campus.id, reason=reason)
        self.stdout.write(f"{changed.code} is {changed.state}")
