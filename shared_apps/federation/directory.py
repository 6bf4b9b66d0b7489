"""What a campus tells another of its people: a display name, nothing else. The only place that asks across campuses."""

from uuid import UUID

from shared_apps.accounts.models import User
from tenants.context import campus_context
from tenants.errors import CampusNotReady
from tenants.models import CampusState
from tenants.registry import find_campus


def ask_display_name(*, home: str, person_id: UUID) -> str | None:
    """Return what the home campus calls the person; None where it is closed or knows nobody by that id.

    Raises: CampusNotReady while it is set up, restored or migrated: ask again later.

    Stand in the asking campus, outside ``atomic()``: for the question this thread stands in the home campus, under that
    campus's own login.
    """
    campus = find_campus(home)
    if campus is None or campus.state == CampusState.ARCHIVED:
        return None
    if campus.state == CampusState.PROVISIONING:
        raise CampusNotReady
    with campus_context(campus):
        person = User.objects.only("first_name", "last_name", "username").filter(person_id=person_id).first()
    return person.display_name if person else None
