"""``campus/campuses/``: on the public site the registry, on a campus the campus itself; acting in a campus."""

from typing import ClassVar
from uuid import UUID

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from shared_apps.accounts.api.base import View, ViewSet, actor
from shared_apps.accounts.roles import Can
from shared_apps.campuses import services
from shared_apps.campuses.api.serializers import (
    ActingSerializer,
    CampusChangeSerializer,
    CampusCreateSerializer,
    CampusSerializer,
    ExchangeSerializer,
    GrantCreateSerializer,
    GrantSerializer,
    NewGrantSerializer,
    OwnCampusSerializer,
)
from shared_apps.campuses.selectors import get_campus, list_grants, list_registry, primary_host
from shared_apps.common.api.lists import answer_list
from shared_apps.common.api.pagination import Pages
from shared_apps.common.api.serializers import ReasonSerializer
from shared_apps.common.clock import now
from tenants.context import current_campus
from tenants.errors import CampusNotFound
from tenants.registry import confirm_current_campus


class CampusViewSet(ViewSet):
    """The registry, for super admins on the public site."""

    queryset = list_registry()
    serializer_class = CampusSerializer
    lookup_value_converter = "uuid"
    permissions: ClassVar = dict.fromkeys(
        ("list", "retrieve", "create", "partial_update", "suspend", "reactivate", "archive"), Can.MANAGE_CAMPUSES
    )

    @extend_schema(responses=CampusSerializer(many=True))
    def list(self, request: Request) -> Response:
        """List the campuses."""
        pages = Pages()
        page = pages.paginate_queryset(list_registry(), request, view=self)
        return pages.get_paginated_response(CampusSerializer(page, many=True, context={"request": request}).data)

    @extend_schema(responses=CampusSerializer)
    def retrieve(self, request: Request, pk: UUID) -> Response:
        """Read one campus; while it is provisioned ``progress`` says how far it is."""
        return self._answer(request, pk)

    @extend_schema(request=CampusCreateSerializer, responses={202: CampusSerializer})
    def create(self, request: Request) -> Response:
        """Create a campus. It is set up in the background: watch ``progress`` until ``state`` is ``ready``."""
        body = CampusCreateSerializer(data=request.data, context={"request": request})
        body.is_valid(raise_exception=True)
        data = {"timezone": "Asia/Manila", **body.validated_data}
        campus = services.create_campus(by=actor(request), at=now(), **data)
        return self._answer(request, campus.pk, status.HTTP_202_ACCEPTED)

    @extend_schema(request=CampusChangeSerializer, responses=CampusSerializer)
    def partial_update(self, request: Request, pk: UUID) -> Response:
        """Change name, time zone, hosts or allowed origins."""
        body = CampusChangeSerializer(data=request.data, partial=True, context={"request": request})
        body.is_valid(raise_exception=True)
        services.update_campus(by=actor(request), at=now(), campus_id=pk, changes=body.validated_data)
        return self._answer(request, pk)

    @extend_schema(request=ReasonSerializer, responses=CampusSerializer)
    @action(detail=True, methods=["post"])
    def suspend(self, request: Request, pk: UUID) -> Response:
        """Stop serving the campus; nothing is lost."""
        return self._change_state(services.suspend_campus, request, pk)

    @extend_schema(request=ReasonSerializer, responses=CampusSerializer)
    @action(detail=True, methods=["post"])
    def reactivate(self, request: Request, pk: UUID) -> Response:
        """Serve a suspended campus again."""
        return self._change_state(services.reactivate_campus, request, pk)

    @extend_schema(request=ReasonSerializer, responses=CampusSerializer)
    @action(detail=True, methods=["post"])
    def archive(self, request: Request, pk: UUID) -> Response:
        """Close a suspended campus for good; its data are kept."""
        return self._change_state(services.archive_campus, request, pk)

    def _change_state(self, change, request: Request, pk: UUID) -> Response:  # type: ignore[no-untyped-def]
        body = ReasonSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        change(by=actor(request), at=now(), campus_id=pk, reason=body.validated_data["reason"])
        return self._answer(request, pk)

    def _answer(self, request: Request, pk: UUID, code: int = status.HTTP_200_OK) -> Response:
        return Response(CampusSerializer(get_campus(pk), context={"request": request}).data, status=code)


class GrantListView(View):
    """``campus/campuses/{campus_id}/grants/``: leave for super admins to act in a campus."""

    permissions: ClassVar = {"get": Can.ACT_IN_CAMPUS, "post": Can.ACT_IN_CAMPUS}
    takes_idempotency_key = False  # a stored answer would hold the secret

    @extend_schema(responses=GrantSerializer(many=True))
    def get(self, request: Request, campus_id: UUID) -> Response:
        """List who was let act in the campus, newest first; ``exchanged_at`` says whether and when they began."""
        return answer_list(request, rows=list_grants(campus_id), filters=None, serializer=GrantSerializer)

    @extend_schema(request=GrantCreateSerializer, responses={201: NewGrantSerializer})
    def post(self, request: Request, campus_id: UUID) -> Response:
        """Let oneself act in the campus: the answer's ``grant`` works once, within 5 minutes, at its auth/act/."""
        body = GrantCreateSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        grant, text = services.grant_acting(by=actor(request), at=now(), campus_id=campus_id, **body.validated_data)
        answer = {
            **GrantSerializer(grant, context={"request": request}).data,
            "grant": text,
            "host": primary_host(get_campus(campus_id)),
        }
        return Response(answer, status=status.HTTP_201_CREATED)


class ActView(View):
    """``auth/act/``: a super admin's way into a campus."""

    permissions: ClassVar = {"post": Can.ANYONE}
    authentication_classes = []

    @extend_schema(request=ExchangeSerializer, responses=ActingSerializer, auth=[])
    def post(self, request: Request) -> Response:
        """Exchange a super admin's grant for a token of this campus, good for 15 minutes."""
        confirm_current_campus()
        body = ExchangeSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        begun = services.exchange_grant(text=body.validated_data["grant"], at=now())
        return Response(ActingSerializer(begun, context={"request": request}).data)


class OwnCampusViewSet(ViewSet):
    """The campus one is at; there is no other to be seen from here."""

    serializer_class = OwnCampusSerializer
    lookup_value_converter = "uuid"
    permissions: ClassVar = {"list": Can.READ_CAMPUS, "retrieve": Can.READ_CAMPUS}

    @extend_schema(responses=OpenApiResponse(OwnCampusSerializer(many=True)))
    def list(self, request: Request) -> Response:
        """Read the campus, as a page of one."""
        return Response({"count": 1, "next": None, "previous": None, "results": [self._own()]})

    @extend_schema(responses=OwnCampusSerializer)
    def retrieve(self, request: Request, pk: UUID) -> Response:
        """Read the campus by its id."""
        if pk != current_campus().id:
            raise CampusNotFound
        return Response(self._own())

    def _own(self) -> dict[str, object]:
        campus = current_campus()
        return {
            "id": str(campus.id),
            "code": campus.code,
            "name": campus.name,
            "timezone": campus.zone.key,
            "domain": campus.hosts[0] if campus.hosts else None,
            "is_active": campus.state == "ready",
        }
