"""``events/flags/``: the review queue."""

from typing import ClassVar
from uuid import UUID

import django_filters
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from shared_apps.accounts.api.base import ViewSet, actor
from shared_apps.accounts.roles import Can
from shared_apps.common.api.lists import answer_list
from shared_apps.common.api.serializers import InstantField, StrictSerializer
from shared_apps.common.clock import now
from shared_apps.common.text import PRINTABLE
from tenant_apps.attendance.api.serializers import ScanSerializer
from tenant_apps.attendance.models import Flag
from tenant_apps.attendance.rules.reviews import FlagKind, FlagState
from tenant_apps.attendance.selectors.reviews import get_flag, list_evidence, list_flags
from tenant_apps.attendance.services.reviews import close_flag


class NoteSerializer(StrictSerializer):
    """What came of looking at it."""

    note = serializers.CharField(max_length=500, validators=[PRINTABLE])


class FlagSerializer(serializers.ModelSerializer):
    """Something suspicious. ``evidence`` has ids, times and counts by the kind of the finding; no names."""

    detail = serializers.CharField(source="get_kind_display", help_text="The kind as a sentence")
    event_title = serializers.CharField(source="event.title", default=None)
    session_name = serializers.CharField(source="session.name", default=None)
    person = serializers.UUIDField(source="person_id", allow_null=True, help_text="Their id in the federation")
    evidence = serializers.DictField()
    raised_at = InstantField()
    reviewed_at = InstantField(allow_null=True)
    reviewed_by = serializers.UUIDField(
        source="reviewed_by_id", allow_null=True, help_text="Null with a time: it closed by itself"
    )

    class Meta:
        model = Flag
        fields: tuple[str, ...] = (
            "id", "kind", "detail", "event", "event_title", "session", "session_name", "person", "evidence", "state",
            "raised_at", "reviewed_at", "reviewed_by", "note",
        )  # fmt: skip


class FlagEvidenceSerializer(FlagSerializer):
    """One flag with the scans that it names."""

    scans = serializers.SerializerMethodField()

    class Meta(FlagSerializer.Meta):
        fields = (*FlagSerializer.Meta.fields, "scans")

    @extend_schema_field(ScanSerializer(many=True))
    def get_scans(self, flag: Flag) -> list[dict[str, object]]:
        return list(ScanSerializer(self.context["scans"], many=True, context=self.context).data)


class FlagFilter(django_filters.FilterSet):
    """The queue is what is open; everything else by ``state``."""

    kind = django_filters.ChoiceFilter(choices=FlagKind.choices)
    state = django_filters.ChoiceFilter(choices=FlagState.choices)
    event = django_filters.UUIDFilter(field_name="event_id")

    class Meta:
        model = Flag
        fields: tuple[str, ...] = ()

    def filter_queryset(self, queryset):  # type: ignore[no-untyped-def]
        narrowed = super().filter_queryset(queryset)
        return narrowed if self.form.cleaned_data["state"] else narrowed.filter(state=FlagState.OPEN)


class FlagViewSet(ViewSet):
    """What looks suspicious, and what came of it. Nothing here changes an attendance."""

    queryset = Flag.objects.none()
    serializer_class = FlagSerializer
    filterset_class = FlagFilter
    lookup_value_converter = "uuid"
    permissions: ClassVar = dict.fromkeys(("list", "retrieve", "dismiss", "confirm"), Can.REVIEW_FLAGS)

    @extend_schema(responses=FlagSerializer(many=True))
    def list(self, request: Request) -> Response:
        """List open flags, newest first; others by ``state``. Organizers see those of the events they run."""
        return answer_list(request, rows=list_flags(actor(request)), filters=FlagFilter, serializer=FlagSerializer)

    @extend_schema(responses=FlagEvidenceSerializer)
    def retrieve(self, request: Request, pk: UUID) -> Response:
        """Read one flag with the scans that are its evidence."""
        flag = get_flag(user=actor(request), flag_id=pk)
        context = {"request": request, "scans": list_evidence(flag)}
        return Response(FlagEvidenceSerializer(flag, context=context).data)

    @extend_schema(request=NoteSerializer, responses=FlagSerializer)
    @action(detail=True, methods=["post"])
    def dismiss(self, request: Request, pk: UUID) -> Response:
        """Say that nothing is wrong, with a note."""
        return self._close(request, pk, FlagState.DISMISSED)

    @extend_schema(request=NoteSerializer, responses=FlagSerializer)
    @action(detail=True, methods=["post"])
    def confirm(self, request: Request, pk: UUID) -> Response:
        """Say that something is wrong, with a note. Attendance is corrected by itself, with its own reason."""
        return self._close(request, pk, FlagState.CONFIRMED)

    def _close(self, request: Request, pk: UUID, state: FlagState) -> Response:
        body = NoteSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        flag = close_flag(by=actor(request), at=now(), flag_id=pk, state=state, note=body.validated_data["note"])
        return Response(FlagSerializer(flag, context={"request": request}).data)
