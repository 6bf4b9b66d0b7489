"""What campuses cost the operator: run as a program of its own, as the owner.

    python -m bench.operations CAMPUSES FILE

Creates campuses, and measures that against running the migrations; then migrates all of them with nothing pending, and
with one added column, against what django-tenants' standard executor does: Django's ``migrate`` in each schema in turn.
"""

import io
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import django

django.setup()

from django.core.management import call_command  # noqa: E402
from django.core.management.commands.migrate import Command as Migrate  # noqa: E402
from django.db import connection, migrations, models  # noqa: E402
from django.db.migrations.executor import MigrationExecutor  # noqa: E402
from django.db.migrations.loader import MigrationLoader  # noqa: E402

from bench.marks import refuse_other_databases  # noqa: E402
from shared_apps.campuses.services import create_campus, provision  # noqa: E402
from shared_apps.common.clock import now  # noqa: E402
from tenants import migrating, registry  # noqa: E402
from tenants.context import owner_context, public_context  # noqa: E402
from tenants.models import Campus  # noqa: E402

# Of how many campuses the standard executor is timed; the rest is counted as costing the same.
SAMPLE = 12


def main(campuses: int, file: Path) -> None:
    """Measure, and write the figures to ``file``."""
    with owner_context(), connection.cursor() as cursor:
        refuse_other_databases(cursor)
    found: dict[str, float | list[float]] = {"campuses": campuses}
    found["migrations"] = [_seconds(lambda number=number: _run_migrations(f"m_{number}")) for number in range(3)]
    found["creating"] = [_seconds(lambda number=number: _create(number)) for number in range(campuses)]
    found["nothing_pending"] = _seconds(_migrate_campuses)
    with _new_column():
        with public_context():
            schemas = list(Campus.objects.order_by("-code").values_list("schema_name", flat=True)[:SAMPLE])
        found["standard"] = [_seconds(lambda schema=schema: _migrate_as_standard(schema)) for schema in schemas]
        found["added_column"] = _seconds(_migrate_campuses)
        with public_context():
            lagging = Campus.objects.exclude(schema_version=migrating.code_version()).count()
        assert lagging == 0, f"{lagging} campuses were not migrated"
    file.write_text(json.dumps(found))


def _create(number: int) -> None:
    code = f"OPS{number}"
    with public_context():
        campus = create_campus(
            by=None, at=now(), code=code, name=code, hosts=[f"{code.lower()}.bench.test"], timezone="Asia/Manila"
        )
    for _ in provision(campus_id=campus.pk):
        pass
    registry.forget()


def _run_migrations(schema: str) -> None:
    with owner_context(), connection.cursor() as cursor:
        cursor.execute(f"CREATE SCHEMA {schema}")
    with owner_context(schema):
        executor = MigrationExecutor(connection)
        executor.migrate(executor.loader.graph.leaf_nodes())


def _migrate_campuses() -> None:
    call_command("migrate_campuses", stdout=io.StringIO())


def _migrate_as_standard(schema: str) -> None:
    with owner_context(schema):
        call_command(Migrate(), interactive=False, verbosity=0)


@contextmanager
def _new_column() -> Iterator[None]:
    """Let the code bring one migration more, that adds a column to the events of every campus."""
    (last,) = MigrationLoader(None).graph.leaf_nodes("events")

    class AddColour(migrations.Migration):
        dependencies = [last]
        operations = [migrations.AddField("event", "colour", models.CharField(max_length=10, default=""))]

    load, version = MigrationLoader.load_disk, migrating.code_version()

    def load_with_new(self: MigrationLoader) -> None:
        load(self)
        self.disk_migrations["events", "9999_add_colour"] = AddColour("9999_add_colour", "events")

    MigrationLoader.load_disk = load_with_new
    migrating.code_version = registry.code_version = lambda: version + 1
    yield


def _seconds(work: Callable[[], None]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
