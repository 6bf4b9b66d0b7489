"""django-tenants' own commands, closed: they change schemas past the registry, the logins and the grants."""

from typing import Any, ClassVar, NoReturn

from django.core.management.base import BaseCommand, CommandError


class Refusal(BaseCommand):
    """``instead`` is the command to use."""

    instead: ClassVar[str]
    requires_system_checks: tuple[str, ...] = ()

    help = "Closed: django-tenants' way past the registry. It says what to use instead."

    def run_from_argv(self, argv: list[str]) -> NoReturn:
        """Refuse whatever the arguments are."""
        self.stderr.write(f"CommandError: {self._sentence()}")
        raise SystemExit(1)

    def handle(self, *args: Any, **options: Any) -> NoReturn:
        raise CommandError(self._sentence())

    def _sentence(self) -> str:
        return f"EAS does not do this in django-tenants' way: use {self.instead}."
