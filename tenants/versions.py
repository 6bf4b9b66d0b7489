"""How far a campus's schema is: the number of campus migrations, on disk and applied."""

from functools import cache

from django.apps import apps
from django.conf import settings
from django.db.migrations.loader import MigrationLoader


@cache
def code_version() -> int:
    """Return how many campus migrations this code brings: a schema with fewer is behind and is not served.

    A schema with more is ahead (a newer release is being rolled out) and is served: migrations are safe while old
    code still runs.
    """
    labels = {config.label for config in apps.get_app_configs() if config.name in settings.TENANT_APPS}
    loader = MigrationLoader(None)
    return sum(1 for label, _ in loader.disk_migrations if label in labels)
