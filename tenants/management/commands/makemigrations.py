"""Django's makemigrations, standing as the owner in the public schema for its consistency check."""

from typing import Any

from django.core.management.commands.makemigrations import Command as Plain

from tenants.context import owner_context


class Command(Plain):
    def handle(self, *args: Any, **options: Any) -> None:
        with owner_context():
            super().handle(*args, **options)
