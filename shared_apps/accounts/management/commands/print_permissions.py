"""Print the table of permissions."""

from typing import Any

from django.core.management.base import BaseCommand

from shared_apps.accounts.roles import NOT_WHILE_ACTING, PERMISSIONS, Can, Role


class Command(BaseCommand):
    help = "Print docs/reference/permissions.md from shared_apps/accounts/roles.py."
    requires_system_checks: tuple[str, ...] = ()

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(
            "# Who may do what\n\n"
            "The table in `shared_apps/accounts/roles.py`, printed by `manage.py print_permissions`.\n"
            "Every route names one line of it; `tests/isolation/test_matrix.py` tries every route with every role.\n\n"
            f"| | everybody | {' | '.join(role.value for role in Role)} |\n| --- | --- |{' --- |' * len(Role)}"
        )
        for what in Can:
            allowed = PERMISSIONS.get(what, frozenset())
            marks = ["yes" if what == Can.ANYONE else "", *("yes" if role in allowed else "" for role in Role)]
            self.stdout.write(f"| {what.label} | {' | '.join(marks)} |")
        self.stdout.write(
            "\nA super admin who acts in a campus may there what its campus_admin may, except: "
            f"{'; '.join(what.label.lower() for what in Can if what in NOT_WHILE_ACTING)}. "
            "Unless the grant says `may_write`, only what changes nothing (`GET`)."
        )
