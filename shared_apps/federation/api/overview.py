"""``reports/overview/`` on the public site: what campuses tell of themselves. No campus is opened for it."""

from typing import Any, ClassVar

from django.urls import path
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from shared_apps.accounts.api.base import View
from shared_apps.accounts.roles import Can
from shared_apps.common.api.pagination import Pages
from shared_apps.common.api.serializers import InstantField
from shared_apps.federation.rules import RollUpKind
from shared_apps.federation.selectors import CampusesOfOverview, sum_roll_ups
from tenants.models import CampusState


class RollUpSerializer(serializers.Serializer):
    """What a campus tells of a month, a year, or a department in it."""

    starts_on = serializers.DateField()
    department = serializers.CharField(allow_blank=True, help_text="Empty: the whole campus")
    figures = serializers.DictField(
        child=serializers.IntegerField(allow_null=True),
        allow_null=True,
        help_text="Null, also for one of them: fewer than five people, so it is not told",
    )


class OverviewSerializer(serializers.Serializer):
    """One campus."""

    id = serializers.UUIDField()
    campus = serializers.CharField(help_text="Its code")
    name = serializers.CharField()
    state = serializers.ChoiceField(choices=CampusState.choices)
    as_of = InstantField(allow_null=True, help_text="When it counted; null: not yet")
    year = RollUpSerializer(allow_null=True)
    months = RollUpSerializer(many=True)
    departments = RollUpSerializer(many=True)


class UniversitySerializer(serializers.Serializer):
    """The sums of what campuses tell of a month, or of the year."""

    kind = serializers.ChoiceField(choices=RollUpKind.choices)
    starts_on = serializers.DateField()
    campuses = serializers.IntegerField(help_text="How many tell anything of it")
    as_of = InstantField(help_text="That of the oldest part")
    figures = serializers.DictField(child=serializers.IntegerField())


class OverviewView(View):
    """``reports/overview/``"""

    permissions: ClassVar = {"get": Can.READ_OVERVIEW}

    @extend_schema(responses=OverviewSerializer(many=True))
    def get(self, request: Request) -> Response:
        """List what each campus tells of itself, by code: the last twelve months, the year they make, departments."""
        pages, campuses = Pages(), CampusesOfOverview()
        page: list[Any] = pages.paginate_queryset(campuses, request) or []  # type: ignore[arg-type]
        shown = OverviewSerializer(page, many=True, context={"request": request}).data
        return pages.get_paginated_response(shown)


class UniversityView(View):
    """``reports/overview/university/``"""

    pagination_class = None
    permissions: ClassVar = {"get": Can.READ_OVERVIEW}

    @extend_schema(responses=OpenApiResponse(UniversitySerializer(many=True)))
    def get(self, request: Request) -> Response:
        """Read the sums over all campuses, month by month and of the year. What is not told is in no sum."""
        return Response(UniversitySerializer(sum_roll_ups(), many=True, context={"request": request}).data)


urls = [
    path("overview/", OverviewView.as_view(), name="overview"),
    path("overview/university/", UniversityView.as_view(), name="overview-university"),
]
