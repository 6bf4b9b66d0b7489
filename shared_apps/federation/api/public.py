"""``federation/`` on the public site: every shared event, the ledger, totals and the reconciliation."""

from collections.abc import Iterable
from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from shared_apps.accounts.api.base import View, ViewSet, actor
from shared_apps.accounts.roles import Can
from shared_apps.common.api.lists import answer_list
from shared_apps.common.api.serializers import ReasonSerializer
from shared_apps.common.clock import now
from shared_apps.federation.api.filters import FederatedEventFilter, VisitFilter
from shared_apps.federation.api.serializers import (
    CommonEventChangeSerializer,
    FederatedEventSerializer,
    ReconciliationRequestSerializer,
    ReconciliationSerializer,
    TotalsSerializer,
    VisitSerializer,
)
from shared_apps.federation.models import FederatedEvent, Reconciliation, Visit
from shared_apps.federation.selectors import (
    compute_totals,
    get_federated_event,
    get_reconciliation,
    group_invitations,
    list_federated_events,
    list_reconciliations,
    list_visits,
)
from shared_apps.federation.services import reconciliations, university


class UniversityEventViewSet(ViewSet):
    """All shared events; university-wide ones are called here."""

    queryset = FederatedEvent.objects.none()
    serializer_class = FederatedEventSerializer
    filterset_class = FederatedEventFilter
    lookup_value_converter = "uuid"
    permissions: ClassVar = dict.fromkeys(
        ("list", "retrieve", "create", "partial_update", "cancel"), Can.MANAGE_FEDERATION
    )

    @extend_schema(responses=FederatedEventSerializer(many=True))
    def list(self, request: Request) -> Response:
        """List all shared events with their invitations, latest start first."""
        return answer_list(
            request,
            rows=list_federated_events(),
            filters=FederatedEventFilter,
            serializer=FederatedEventSerializer,
            context=_invitations,
        )

    @extend_schema(responses=FederatedEventSerializer)
    def retrieve(self, request: Request, pk: UUID) -> Response:
        """Read one shared event."""
        return self._answer(request, pk)

    @extend_schema(request=CommonEventChangeSerializer, responses={201: FederatedEventSerializer})
    def create(self, request: Request) -> Response:
        """Call one event at several campuses; each gets a draft of its own to fill in, within seconds."""
        body = CommonEventChangeSerializer(data=request.data, context={"request": request})
        body.is_valid(raise_exception=True)
        event = university.call_event(by=actor(request), at=now(), **body.validated_data)
        return self._answer(request, event.pk, status.HTTP_201_CREATED)

    @extend_schema(request=CommonEventChangeSerializer, responses=FederatedEventSerializer)
    def partial_update(self, request: Request, pk: UUID) -> Response:
        """Change what is common, or let further campuses take part."""
        body = CommonEventChangeSerializer(data=request.data, partial=True, context={"request": request})
        body.is_valid(raise_exception=True)
        university.change_event(by=actor(request), at=now(), event_id=pk, changes=body.validated_data)
        return self._answer(request, pk)

    @extend_schema(request=ReasonSerializer, responses=FederatedEventSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: UUID) -> Response:
        """Call it off at every campus; what was counted stays counted."""
        body = ReasonSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        university.cancel_event(by=actor(request), at=now(), event_id=pk, reason=body.validated_data["reason"])
        return self._answer(request, pk)

    def _answer(self, request: Request, pk: UUID, code: int = status.HTTP_200_OK) -> Response:
        event = get_federated_event(pk)
        context = {"request": request, **_invitations([event])}
        return Response(FederatedEventSerializer(event, context=context).data, status=code)


class LedgerViewSet(ViewSet):
    """The ledger: everyone counted at a federated event, by opaque person ids."""

    queryset = Visit.objects.none()
    serializer_class = VisitSerializer
    filterset_class = VisitFilter
    lookup_value_converter = "uuid"
    permissions: ClassVar = {"list": Can.READ_LEDGER}

    @extend_schema(responses=VisitSerializer(many=True))
    def list(self, request: Request) -> Response:
        """List visits of all campuses, newest first."""
        return answer_list(request, rows=list_visits(), filters=VisitFilter, serializer=VisitSerializer)


class TotalsView(View):
    """``federation/totals/``"""

    pagination_class = None
    filterset_class = VisitFilter
    permissions: ClassVar = {"get": Can.READ_LEDGER}

    @extend_schema(responses=OpenApiResponse(TotalsSerializer(many=True)))
    def get(self, request: Request) -> Response:
        """Count per campus: at home, away, visitors, distinct people. From the ledger alone, in one statement."""
        return Response(TotalsSerializer(compute_totals(), many=True).data)


class ReconciliationViewSet(ViewSet):
    """Comparing the ledger with the attendances of every host."""

    queryset = Reconciliation.objects.none()
    serializer_class = ReconciliationSerializer
    lookup_value_converter = "uuid"
    permissions: ClassVar = dict.fromkeys(("list", "retrieve", "create"), Can.MANAGE_FEDERATION)

    @extend_schema(responses=ReconciliationSerializer(many=True))
    def list(self, request: Request) -> Response:
        """List the runs, newest first."""
        return answer_list(request, rows=list_reconciliations(), filters=None, serializer=ReconciliationSerializer)

    @extend_schema(responses=ReconciliationSerializer)
    def retrieve(self, request: Request, pk: UUID) -> Response:
        """Read one run with every difference it named."""
        return Response(ReconciliationSerializer(get_reconciliation(pk), context={"request": request}).data)

    @extend_schema(request=ReconciliationRequestSerializer, responses={202: ReconciliationSerializer})
    def create(self, request: Request) -> Response:
        """Compare in the background, and repair if asked to: watch ``state`` until it is ``done``."""
        body = ReconciliationRequestSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        run = reconciliations.request_reconciliation(by=actor(request), at=now(), repairs=body.validated_data["repair"])
        data = ReconciliationSerializer(run, context={"request": request}).data
        return Response(data, status=status.HTTP_202_ACCEPTED)


def _invitations(events: Iterable[FederatedEvent]) -> dict[str, Any]:
    """Return the invitations of ``events`` by event; one statement."""
    return {"invitations": group_invitations([event.pk for event in events])}
