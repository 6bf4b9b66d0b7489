"""Show the registry."""

from typing import Any

from django.core.management.base import BaseCommand

from tenants.registry import list_campuses
from tenants.versions import code_version


class Command(BaseCommand):
    help = "Show every campus with its state, schema version and hosts."

    def handle(self, *args: Any, **options: Any) -> None:
        for campus in list_campuses():
            behind = "" if campus.schema_version >= code_version() else f" (behind: the code has {code_version()})"
            self.stdout.write(
                f"{campus.code:<16} {campus.state:<13} schema {campus.schema_version}{behind}  "
                f"{', '.join(campus.hosts)}"
            )
