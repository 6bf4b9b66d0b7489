"""Writing the audit."""

from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import structlog

from shared_apps.audit.models import AuditEntry


class Actor(Protocol):
    """Whoever acts. ``grant_id`` is what lets somebody act in a place where they do not belong."""

    pk: UUID

    @property
    def audit_role(self) -> str: ...

    @property
    def grant_id(self) -> UUID | None: ...


def record_action(
    *,
    at: datetime,
    by: Actor | None,
    action: str,
    target_type: str,
    target_id: object,
    reason: str = "",
    changes: dict[str, Any] | None = None,
) -> AuditEntry:
    """Append one entry; call it in the transaction of the deed, so that one is there only with the other.

    ``by`` None is the system itself. ``changes`` names fields, and values only where they are no personal data.
    """
    return AuditEntry.objects.create(
        at=at,
        actor_id=by.pk if by else None,
        actor_role=by.audit_role if by else "system",
        action=action,
        target_type=target_type,
        target_id=str(target_id),
        reason=reason,
        changes={**(changes or {}), **({"grant": str(by.grant_id)} if by and by.grant_id else {})},
        request_id=structlog.contextvars.get_contextvars().get("request_id", ""),
    )
