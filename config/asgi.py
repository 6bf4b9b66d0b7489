"""What the live process imports: streams only. The API stays on WSGI: with psycopg2, ASGI piles up connections."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup(set_prefix=False)

from tenant_apps.live.server import LiveApplication  # noqa: E402 -- needs Django

application = LiveApplication()
