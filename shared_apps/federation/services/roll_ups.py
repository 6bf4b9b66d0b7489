"""What a campus tells the public site of itself."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from django.db import transaction

from shared_apps.federation.models import RollUp
from tenants.context import current_campus


@dataclass(frozen=True, slots=True)
class Told:
    """One row. ``figures`` None: of so few people that nothing is told."""

    kind: str
    starts_on: date
    department: str
    figures: dict[str, int | None] | None


@transaction.atomic
def store_roll_ups(*, rows: Iterable[Told], at: datetime) -> int:
    """Replace what this campus tells of itself; return how many rows that is. Two statements.

    Locks: its own rows, in the order of their key. Whoever is overtaken writes nothing older over what is there.
    """
    me = current_campus().code
    told = RollUp.objects.bulk_create(
        [
            RollUp(
                campus=me, kind=row.kind, starts_on=row.starts_on, department=row.department, figures=row.figures,
                as_of=at,
            )
            for row in sorted(rows, key=lambda row: (row.kind, row.starts_on, row.department))
        ],
        update_conflicts=True, update_fields=["figures", "as_of"],
        unique_fields=["campus", "kind", "starts_on", "department"],
    )  # fmt: skip
    RollUp.objects.filter(campus=me, as_of__lt=at).delete()
    return len(told)
