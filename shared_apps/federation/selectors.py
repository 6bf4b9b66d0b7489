"""Questions about what campuses share. On a campus, row-level security bounds every answer to its own rows."""

from uuid import UUID

from django.db.models import QuerySet

from shared_apps.accounts.models import User
from shared_apps.federation.errors import FederatedEventNotFound, VisitNotFound
from shared_apps.federation.models import FederatedEvent, FederatedRegistration, Invitation, Visit, VisitChange
from shared_apps.federation.rules import FederatedKind, FederatedStatus
from tenants.context import current_campus


def list_invited_events() -> QuerySet[FederatedEvent]:
    """Return the events of other campuses that this one is invited to, latest start first."""
    me = current_campus().code
    invited = Invitation.objects.filter(campus=me, withdrawn_at__isnull=True)
    return (
        FederatedEvent.objects.filter(kind=FederatedKind.HOSTED, pk__in=invited.values("event_id"))
        .exclude(host=me)
        .exclude(status=FederatedStatus.WITHDRAWN)
        .order_by("-starts_at", "-id")
    )


def get_invited_event(event_id: UUID) -> FederatedEvent:
    """Return one event of another campus that this one is invited to.

    Raises: FederatedEventNotFound, for all others alike.
    """
    found = list_invited_events().filter(pk=event_id).first()
    if found is None:
        raise FederatedEventNotFound
    return found


def list_federated_events() -> QuerySet[FederatedEvent]:
    """Return every shared event that this site may see: a campus those it hosts, takes part in or is invited to."""
    return FederatedEvent.objects.order_by("-starts_at", "-id")


def get_federated_event(event_id: UUID) -> FederatedEvent:
    """Return one of them.

    Raises: FederatedEventNotFound.
    """
    found = list_federated_events().filter(pk=event_id).first()
    if found is None:
        raise FederatedEventNotFound
    return found


def list_invitations(event_ids: list[UUID]) -> QuerySet[Invitation]:
    """Return the invitations to those events that this site may see, by campus."""
    return Invitation.objects.filter(event_id__in=event_ids).order_by("campus")


def list_registrations(user: User) -> QuerySet[FederatedRegistration]:
    """Return one's own places at other campuses' events, newest first."""
    return FederatedRegistration.objects.filter(person_id=user.person_id).order_by("-requested_at", "-event_id")


def count_ahead(registration: FederatedRegistration) -> int:
    """Return how many of the same campus wait before this one."""
    return FederatedRegistration.objects.filter(
        event_id=registration.event_id,
        home=registration.home,
        state=registration.state,
        requested_at__lt=registration.requested_at,
    ).count()


def list_visits() -> QuerySet[Visit]:
    """Return the ledger as this site may see it, newest first."""
    return Visit.objects.order_by("-first_in_at", "-id")


def list_away_visits() -> QuerySet[Visit]:
    """Return the visits of this campus's people to others, newest first."""
    me = current_campus().code
    return list_visits().filter(home=me).exclude(host=me)


def get_visit(visits: QuerySet[Visit], visit_id: UUID) -> Visit:
    """Return one of ``visits``.

    Raises: VisitNotFound.
    """
    found = visits.filter(id=visit_id).first()
    if found is None:
        raise VisitNotFound
    return found


def list_changes(visit: Visit) -> QuerySet[VisitChange]:
    """Return what was decided about a visit, oldest first."""
    return VisitChange.objects.filter(event_id=visit.event_id, visit_id=visit.id).order_by("changed_at", "id")
