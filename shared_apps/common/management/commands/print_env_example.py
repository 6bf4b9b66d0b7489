"""Print the example of an environment file."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from shared_apps.common.management.commands.print_settings import show


class Command(BaseCommand):
    help = "Print .env.example from the table in config/env.py."
    requires_system_checks: tuple[str, ...] = ()

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(
            "# Settings of EAS; printed by `manage.py print_env_example`. `manage.py up` needs none of them."
        )
        for variable in settings.VARIABLES:
            self.stdout.write(f"\n# {variable.reason}.\n# {variable.unit}")
            value = "" if variable.default is None else show(variable.default)
            self.stdout.write(f"{'' if variable.default is None else '# '}{variable.name}={value}")
