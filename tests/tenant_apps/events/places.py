"""Events with places, for tests."""

from typing import Any
from uuid import UUID

from tenant_apps.events.models import Event, Registration
from tenant_apps.notifications.models import Notice
from tests.cast import Http, Person, Site
from tests.factories import make_event

MARK = "events/attendance/mark_attendance/"


def make_placed_event(site: Site, **changes: Any) -> Event:
    """Create an event of ``site`` that is open now and takes registrations; ``changes`` as ``make_event``, and fields of
    ``Event``.
    """
    made = {name: changes.pop(name) for name in ("status", "title", "organizer", "starts") if name in changes}
    event = make_event(site, **made)
    with site.here():
        Event.objects.filter(pk=event.pk).update(**{"registration": "required", **changes})
        event.refresh_from_db()
    return event


def path_of(event: Event, rest: str = "registrations/") -> str:
    return f"events/events/{event.pk}/{rest}"


def error_of(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["errors"][0]["code"]


def state_of(answer: Any) -> tuple[int, str, int | None]:
    body = answer.json()
    assert answer.status_code < 300, answer.content
    return answer.status_code, body["state"], body["position"]


def states(site: Site, event: Event) -> dict[UUID, str]:
    """Return the state of everybody's place at ``event``, by user or guest id."""
    with site.here():
        rows = Registration.objects.filter(event=event)
        return {row.user_id or row.guest_id: row.state for row in rows}


def notices(person: Person) -> list[str]:
    """Return the kinds of what ``person`` was told, oldest first."""
    assert person.site is not None
    with person.site.here():
        rows = Notice.objects.filter(user_id=person.id).order_by("created_at", "id")
        return list(rows.values_list("kind", flat=True))


def scan(http: Http, site: Site, event: Event, person: Person) -> Any:
    """Record ``person`` at the door."""
    return http.post(MARK, {"event_id": str(event.pk), "user_id": str(person.id)}, by=site.scanner)
