"""Create a super admin of the public site: the guide's createsuperuser."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from shared_apps.accounts.roles import Role
from shared_apps.accounts.services.users import create_user
from shared_apps.campuses.management.commands._registry import ask_password, plain_errors
from shared_apps.common.clock import now
from tenants.context import public_context


class Command(BaseCommand):
    help = (
        "Create a super admin on the public site. The password is asked for, or taken from DJANGO_SUPERUSER_PASSWORD."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--username", required=True)
        parser.add_argument("--email", required=True)
        parser.add_argument("--noinput", action="store_true", help="never ask")

    def handle(self, *args: Any, username: str, email: str, noinput: bool, **options: Any) -> None:
        password = ask_password("DJANGO_SUPERUSER_PASSWORD", may_ask=not noinput)
        with plain_errors(), public_context():
            create_user(by=None, at=now(), username=username, email=email, role=Role.SUPER_ADMIN, password=password)
        self.stdout.write(f"{username} may sign in on the public site")
