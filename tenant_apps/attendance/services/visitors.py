"""People of other campuses, as this host knows them."""

from uuid import UUID

from tenant_apps.attendance.models import Visitor


def name_visitor(*, person_id: UUID, display_name: str | None) -> None:
    """Keep what the home campus calls the person; None (it is closed, or does not know them) changes nothing."""
    if display_name is not None:
        Visitor.objects.filter(person_id=person_id).update(display_name=display_name)
