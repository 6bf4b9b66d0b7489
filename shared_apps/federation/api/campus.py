"""``federation/`` on a campus: shared events as far as they concern it, places at those of others, and visits."""

from collections.abc import Iterable
from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from shared_apps.accounts.api.base import ViewSet, actor
from shared_apps.accounts.roles import Can, may
from shared_apps.common.api.lists import answer_list
from shared_apps.common.clock import now
from shared_apps.federation.api.filters import CampusVisitFilter, FederatedEventFilter
from shared_apps.federation.api.serializers import (
    FederatedEventSerializer,
    NamedVisitSerializer,
    RegistrationCreateSerializer,
    RegistrationSerializer,
    VisitDetailSerializer,
)
from shared_apps.federation.interfaces import name_visits
from shared_apps.federation.models import FederatedEvent, FederatedRegistration, Visit
from shared_apps.federation.selectors import (
    get_federated_event,
    get_visit,
    group_invitations,
    list_changes,
    list_federated_events,
    list_own_side,
    list_registrations,
)
from shared_apps.federation.services import registrations


class FederatedEventViewSet(ViewSet):
    """Shared events that this campus hosts, takes part in or is invited to."""

    queryset = FederatedEvent.objects.none()
    serializer_class = FederatedEventSerializer
    filterset_class = FederatedEventFilter
    lookup_value_converter = "uuid"
    permissions: ClassVar = {"list": Can.READ_EVENTS, "retrieve": Can.READ_EVENTS}

    @extend_schema(responses=FederatedEventSerializer(many=True))
    def list(self, request: Request) -> Response:
        """List them, latest start first. Staff see seats: a host those of every invited campus, others their own."""
        return answer_list(
            request,
            rows=list_federated_events(),
            filters=FederatedEventFilter,
            serializer=FederatedEventSerializer,
            context=lambda rows: _invitations(request, rows),
        )

    @extend_schema(responses=FederatedEventSerializer)
    def retrieve(self, request: Request, pk: UUID) -> Response:
        """Read one of them."""
        event = get_federated_event(pk)
        context = {"request": request, **_invitations(request, [event])}
        return Response(FederatedEventSerializer(event, context=context).data)


class RegistrationViewSet(ViewSet):
    """One's own places at events of other campuses."""

    queryset = FederatedRegistration.objects.none()
    serializer_class = RegistrationSerializer
    lookup_field, lookup_url_kwarg, lookup_value_converter = "event_id", "pk", "uuid"
    permissions: ClassVar = {"list": Can.REGISTER_AWAY, "create": Can.REGISTER_AWAY, "withdraw": Can.REGISTER_AWAY}

    @extend_schema(responses=RegistrationSerializer(many=True))
    def list(self, request: Request) -> Response:
        """List one's own places, newest first."""
        rows = list_registrations(actor(request))
        return answer_list(request, rows=rows, filters=None, serializer=RegistrationSerializer)

    @extend_schema(
        request=RegistrationCreateSerializer, responses={201: RegistrationSerializer, 200: RegistrationSerializer}
    )
    def create(self, request: Request) -> Response:
        """Take a place, or a waiting place where the campus's seats are taken: 201; 200 where one has it already."""
        body = RegistrationCreateSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        event_id = body.validated_data["event_id"]
        _, is_new = registrations.register(by=actor(request), at=now(), event_id=event_id)
        return self._answer(request, event_id, status.HTTP_201_CREATED if is_new else status.HTTP_200_OK)

    @extend_schema(request=None, responses=RegistrationSerializer)
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, pk: UUID) -> Response:
        """Give the place at that event back; the next who waits gets it."""
        registrations.withdraw(by=actor(request), at=now(), event_id=pk)
        return self._answer(request, pk, status.HTTP_200_OK)

    def _answer(self, request: Request, event_id: UUID, code: int) -> Response:
        found = list_registrations(actor(request)).get(event_id=event_id)
        return Response(RegistrationSerializer(found, context={"request": request}).data, status=code)


class VisitViewSet(ViewSet):
    """The ledger, as far as it concerns this campus. Students read their own visits."""

    queryset = Visit.objects.none()
    serializer_class = NamedVisitSerializer
    filterset_class = CampusVisitFilter
    lookup_field, lookup_url_kwarg, lookup_value_converter = "id", "pk", "uuid"
    permissions: ClassVar = {"list": Can.READ_VISITS, "retrieve": Can.READ_VISITS}

    @extend_schema(responses=NamedVisitSerializer(many=True))
    def list(self, request: Request) -> Response:
        """List visits, newest first."""
        rows = name_visits()(list_own_side(actor(request)))
        return answer_list(request, rows=rows, filters=CampusVisitFilter, serializer=NamedVisitSerializer)

    @extend_schema(responses=VisitDetailSerializer)
    def retrieve(self, request: Request, pk: UUID) -> Response:
        """Read one visit with its history."""
        visit = get_visit(name_visits()(list_own_side(actor(request))), pk)
        context = {"request": request, "changes": list_changes(visit)}
        return Response(VisitDetailSerializer(visit, context=context).data)


def _invitations(request: Request, events: Iterable[FederatedEvent]) -> dict[str, Any]:
    """Return the invitations of ``events`` by event, for staff; one statement."""
    is_staff = may(actor(request).role, Can.MANAGE_EVENTS)
    return {"invitations": group_invitations([event.pk for event in events]) if is_staff else {}}
