"""Runs of the reconciliation. The comparison itself needs the hosts' attendances: see the attendance app."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import transaction

from shared_apps.audit.services import Actor, record_action
from shared_apps.federation.models import Reconciliation
from shared_apps.federation.rules import DifferenceKind, ReconciliationState
from shared_apps.outbox.services import add_message

MOST_LISTED: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One disagreement between the ledger and the host with code ``host``."""

    host: str
    kind: DifferenceKind
    event: UUID | None = None
    person_id: UUID | None = None
    detail: str = ""
    repaired: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return it as it is stored and answered."""
        values = asdict(self)
        return {
            **values, "kind": self.kind.value, "event": str(self.event) if self.event else None,
            "person_id": str(self.person_id) if self.person_id else None,
            "detail": self.detail or self.kind.label,
        }  # fmt: skip


@transaction.atomic
def request_reconciliation(*, by: Actor | None, at: datetime, repairs: bool) -> Reconciliation:
    """Ask for a comparison; a worker does it. Stand on the public site."""
    run = Reconciliation.objects.create(repairs=repairs, requested_at=at)
    add_message(kind="tenant_apps.attendance.tasks.reconcile", payload={"run_id": str(run.pk)}, at=at)
    record_action(
        at=at, by=by, action="federation.reconciliation", target_type="reconciliation", target_id=run.pk,
        changes={"repairs": repairs},
    )  # fmt: skip
    return run


def finish_reconciliation(
    *, run_id: UUID, at: datetime, hosts: list[str], skipped: list[str], differences: list[Difference]
) -> None:
    """Store what a run has found. Stand on the public site."""
    Reconciliation.objects.filter(pk=run_id).update(
        state=ReconciliationState.DONE,
        finished_at=at,
        hosts=hosts,
        skipped=skipped,
        count=len(differences),
        differences=[one.as_json() for one in differences[:MOST_LISTED]],
    )
