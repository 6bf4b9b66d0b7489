"""``federation/visits/`` on a campus: its people away, and visitors here, with the names that this campus knows."""

from typing import Any, ClassVar
from uuid import UUID

import django_filters
from django.db.models import F, QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from shared_apps.accounts.api.base import ViewSet, actor
from shared_apps.accounts.roles import Can
from shared_apps.common.api.lists import answer_list
from shared_apps.federation.api.filters import VisitFilter
from shared_apps.federation.api.serializers import VisitChangeSerializer, VisitSerializer
from shared_apps.federation.models import Visit
from shared_apps.federation.selectors import get_visit, list_changes
from tenant_apps.attendance.selectors import list_named_visits
from tenants.context import current_campus


class CampusVisitFilter(VisitFilter):
    """``direction``: ``away`` are this campus's people at others, ``here`` those of others at this one."""

    direction = django_filters.ChoiceFilter(
        method="in_direction", choices=[("away", "away"), ("here", "here"), ("home", "home")]
    )

    def in_direction(self, visits: QuerySet[Visit], _: str, direction: str) -> QuerySet[Visit]:
        me = current_campus().code
        if direction == "home":
            return visits.filter(host=me, home=me)
        return (
            visits.filter(home=me).exclude(host=me)
            if direction == "away"
            else visits.filter(host=me).exclude(home=F("host"))
        )


class NamedVisitSerializer(VisitSerializer):
    """A visit, with the person as this campus knows them: a user of its own, a visitor's display name."""

    user = serializers.UUIDField(source="user_id", allow_null=True)
    display_name = serializers.SerializerMethodField()

    class Meta(VisitSerializer.Meta):
        fields: ClassVar[tuple[str, ...]] = (*VisitSerializer.Meta.fields, "user", "display_name")

    def get_display_name(self, visit: Any) -> str | None:
        own = f"{visit.first_name or ''} {visit.last_name or ''}".strip() or visit.username
        return own or visit.visitor_name


class VisitDetailSerializer(NamedVisitSerializer):
    """One visit, with what the host decided about it, oldest first."""

    history = serializers.SerializerMethodField()

    class Meta(NamedVisitSerializer.Meta):
        fields: ClassVar[tuple[str, ...]] = (*NamedVisitSerializer.Meta.fields, "history")

    @extend_schema_field(VisitChangeSerializer(many=True))
    def get_history(self, visit: Visit) -> Any:
        return VisitChangeSerializer(list_changes(visit), many=True, context=self.context).data


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
        rows = list_named_visits(actor(request))
        return answer_list(request, rows=rows, filters=CampusVisitFilter, serializer=NamedVisitSerializer)

    @extend_schema(responses=VisitDetailSerializer)
    def retrieve(self, request: Request, pk: UUID) -> Response:
        """Read one visit with its history."""
        visit = get_visit(list_named_visits(actor(request)), pk)
        return Response(VisitDetailSerializer(visit, context={"request": request}).data)
