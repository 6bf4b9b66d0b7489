"""Choosing by which channels one hears of what."""

from collections.abc import Iterable
from typing import Any

from django.db import transaction

from shared_apps.accounts.models import User
from tenant_apps.notifications.models import Preference
from tenant_apps.notifications.selectors.preferences import Choice, list_choices


@transaction.atomic
def choose_channels(*, by: User, choices: Iterable[dict[str, Any]]) -> list[Choice]:
    """Set one's own channels of some kinds (``kind``, and ``in_app`` or ``email`` or both); return all of them.

    A kind that is named twice gets what is said last. It holds for what is told from now on. Nobody else is concerned,
    so it is not in the audit.
    """
    known = {choice.kind: choice for choice in list_choices(by)}
    rows = {
        row["kind"]: Preference(
            user_id=by.pk,
            kind=row["kind"],
            in_app=row.get("in_app", known[row["kind"]].in_app),
            email=row.get("email", known[row["kind"]].email),
        )
        for row in choices
    }
    # In the order of kinds: two clients of one person that choose at once do not wait for each other in a circle.
    Preference.objects.bulk_create(
        [rows[kind] for kind in sorted(rows)],
        update_conflicts=True,
        unique_fields=["user", "kind"],
        update_fields=["in_app", "email"],
    )
    return list_choices(by)
