"""``periodic/runs/``: what ran when, for which campus, with what result."""

from typing import Any, ClassVar

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from shared_apps.accounts.api.base import View
from shared_apps.accounts.roles import Can
from shared_apps.common.api.filters import InstantFilter
from shared_apps.common.api.lists import answer_list
from shared_apps.common.api.serializers import InstantField
from shared_apps.common.clock import now
from shared_apps.periodic.models import Run
from shared_apps.periodic.rules import RunState, state_of
from shared_apps.periodic.selectors import list_runs, narrow_to_state


class RunSerializer(serializers.ModelSerializer):
    """One turn of something periodic at one site."""

    campus = serializers.CharField(source="site", help_text="Code of the campus; PUBLIC for the public site's own work")
    state = serializers.SerializerMethodField()
    begins_at = InstantField(help_text="The turn: work is done once in each, whatever the number of beats")
    sent_at = InstantField()
    started_at = InstantField(allow_null=True)
    finished_at = InstantField(allow_null=True)

    class Meta:
        model = Run
        fields = (
            "id",
            "name",
            "campus",
            "begins_at",
            "state",
            "sent_at",
            "started_at",
            "finished_at",
            "count",
            "error",
        )

    @extend_schema_field(serializers.ChoiceField(choices=RunState.choices))
    def get_state(self, run: Run) -> str:
        return state_of(state=run.state, expires_at=run.expires_at, at=self.context["at"])


class RunFilter(django_filters.FilterSet):
    """Narrow by kind of work, campus, state and time."""

    name = django_filters.CharFilter(field_name="name", help_text="Kind of work, as in the answers")
    campus = django_filters.CharFilter(field_name="site", lookup_expr="iexact")
    state = django_filters.ChoiceFilter(choices=RunState.choices, method="of_state")
    since = InstantFilter(field_name="begins_at", lookup_expr="gte")
    until = InstantFilter(field_name="begins_at", lookup_expr="lt")

    def of_state(self, rows: QuerySet[Run], name: str, value: str) -> QuerySet[Run]:
        return narrow_to_state(rows, value, at=now())


class RunListView(View):
    """Periodic work, for super admins."""

    filterset_class = RunFilter
    queryset = Run.objects.none()
    permissions: ClassVar = {"get": Can.READ_JOBS}

    @extend_schema(responses=RunSerializer(many=True))
    def get(self, request: Request) -> Response:
        """List what ran when, for which campus, with what result; the latest turn first."""

        def context(runs: list[Any]) -> dict[str, Any]:
            return {"at": now()}

        return answer_list(request, rows=list_runs(), filters=RunFilter, serializer=RunSerializer, context=context)
