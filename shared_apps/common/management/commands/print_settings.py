"""Print the page of settings."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Print docs/reference/settings.md from the table in config/env.py."
    requires_system_checks: tuple[str, ...] = ()

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(
            "# Settings\n\nEverything comes from the environment. Printed by `manage.py print_settings` from\n"
            "`config/env.py`, the only place that reads it.\n\n"
            "| variable | value | default | why |\n| --- | --- | --- | --- |"
        )
        for variable in settings.VARIABLES:
            default = "required" if variable.default is None else f"`{show(variable.default)}`"
            bounds = [
                f"{word} {bound}"
                for word, bound in (("from", variable.minimum), ("to", variable.maximum))
                if bound is not None
            ]
            value = f"{variable.unit} ({' '.join(bounds)})" if bounds else variable.unit
            self.stdout.write(f"| `{variable.name}` | {value} | {default} | {variable.reason} |")


def show(value: Any) -> str:
    """Return a default as it is written into the environment."""
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(value) if isinstance(value, list) else str(value)
