"""``notifications/``: what one was told."""

from typing import Any, ClassVar
from uuid import UUID

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from shared_apps.accounts.api.base import View, actor
from shared_apps.accounts.roles import Can
from shared_apps.common.api.filters import BooleanFilter
from shared_apps.common.api.lists import answer_list
from shared_apps.common.api.serializers import InstantField
from shared_apps.common.clock import now
from tenant_apps.notifications.models import Notice
from tenant_apps.notifications.selectors.notices import count_unread, list_notices
from tenant_apps.notifications.services import notices as services


class NoticeSerializer(serializers.ModelSerializer):
    """One thing that one was told."""

    event = serializers.UUIDField(source="event_id", allow_null=True, help_text="What it is about")
    created_at = InstantField()
    read_at = InstantField(allow_null=True)

    class Meta:
        model = Notice
        fields = ("id", "kind", "text", "event", "created_at", "read_at")


class UnreadSerializer(serializers.Serializer):
    """A number of notices."""

    unread = serializers.IntegerField()


class NoticeFilter(django_filters.FilterSet):
    """``unread`` tells read and unread ones apart."""

    unread = BooleanFilter(field_name="read_at", lookup_expr="isnull", label="Whether they are not read yet")

    class Meta:
        model = Notice
        fields: tuple[str, ...] = ()


class NoticeListView(View):
    """``notifications/``"""

    filterset_class = NoticeFilter
    permissions: ClassVar = {"get": Can.READ_NOTICES}

    @extend_schema(operation_id="notifications_list", responses=NoticeSerializer(many=True))
    def get(self, request: Request) -> Response:
        """List one's own notices, newest first."""
        rows: QuerySet[Any] = list_notices(actor(request))
        return answer_list(request, rows=rows, filters=NoticeFilter, serializer=NoticeSerializer)


class UnreadView(View):
    """``notifications/unread/``"""

    permissions: ClassVar = {"get": Can.READ_NOTICES}

    @extend_schema(responses=UnreadSerializer)
    def get(self, request: Request) -> Response:
        """Read how many of one's own notices one has not read."""
        return Response({"unread": count_unread(actor(request))})


class ReadView(View):
    """``notifications/{id}/read/``"""

    permissions: ClassVar = {"post": Can.READ_NOTICES}

    @extend_schema(request=None, responses=NoticeSerializer)
    def post(self, request: Request, notice_id: UUID) -> Response:
        """Mark one's own notice as read."""
        notice = services.read_notice(by=actor(request), at=now(), notice_id=notice_id)
        return Response(NoticeSerializer(notice, context={"request": request}).data)


class ReadAllView(View):
    """``notifications/read-all/``"""

    permissions: ClassVar = {"post": Can.READ_NOTICES}

    @extend_schema(request=None, responses=UnreadSerializer)
    def post(self, request: Request) -> Response:
        """Mark all of one's own notices as read; the answer says how many are left."""
        services.read_all_notices(by=actor(request), at=now())
        return Response({"unread": count_unread(actor(request))})
