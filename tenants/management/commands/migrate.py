"""The name everybody knows for migrate_campuses."""

from django.db.migrations.autodetector import MigrationAutodetector

from tenants.management.commands.migrate_campuses import Command as MigrateCampuses


class Command(MigrateCampuses):
    autodetector = MigrationAutodetector  # a system check compares it with makemigrations'
