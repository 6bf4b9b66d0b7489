"""``events/attendance/imports/``: files of scans."""

from typing import Any, ClassVar
from uuid import UUID

import django_filters
from django.conf import settings
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from shared_apps.accounts.api.base import ViewSet, actor
from shared_apps.accounts.roles import Can
from shared_apps.common.api.lists import answer_list
from shared_apps.common.api.parsers import BodyTooLarge, LimitedMultiPartParser
from shared_apps.common.api.serializers import IdField, InstantField, StrictSerializer
from shared_apps.common.clock import now
from tenant_apps.attendance.models import ScanImport
from tenant_apps.attendance.rules.imports import ImportState, RowOutcome
from tenant_apps.attendance.rules.scans import AttendanceStatus
from tenant_apps.attendance.selectors.imports import get_scan_import, list_results, list_scan_imports
from tenant_apps.attendance.services.imports import queue_scan_import


class ScanRowResultSerializer(serializers.Serializer):
    """What became, or would become, of one row."""

    row = serializers.IntegerField(help_text="Line of the file, the header's is 1")
    outcome = serializers.ChoiceField(choices=RowOutcome.choices, help_text="failed: the row is unusable")
    code = serializers.CharField(help_text="As mark_attendance has it, or what is wrong with the row")
    detail = serializers.CharField()
    attr = serializers.CharField(allow_null=True, help_text="The column that is wrong")
    status = serializers.ChoiceField(
        choices=AttendanceStatus.choices, allow_null=True, help_text="The attendance after it"
    )  # fmt: skip


class ScanImportSummarySerializer(serializers.ModelSerializer):
    """How far a file of scans is."""

    event = serializers.UUIDField(source="event_id")
    requested_by = serializers.UUIDField(source="requested_by_id")
    created_at = InstantField()
    finished_at = InstantField(allow_null=True)

    class Meta:
        model = ScanImport
        fields = (
            "id", "event", "file_name", "dry_run", "state", "error_code", "error_detail", "total", "processed",
            "recorded", "duplicates", "refused", "failed", "requested_by", "created_at", "finished_at",
        )  # fmt: skip


class ScanImportSerializer(ScanImportSummarySerializer):
    """One file, and what became of its rows so far: at most 500 of them."""

    results = serializers.SerializerMethodField()
    next_after = serializers.SerializerMethodField(help_text="Ask with ``after`` for the rows that follow; null: none")

    class Meta(ScanImportSummarySerializer.Meta):
        fields = (*ScanImportSummarySerializer.Meta.fields, "results", "next_after")  # type: ignore[assignment]

    @extend_schema_field(ScanRowResultSerializer(many=True))
    def get_results(self, _: ScanImport) -> Any:
        return self.context["results"]

    def get_next_after(self, _: ScanImport) -> int | None:
        return self.context["results"][-1]["row"] if self.context["has_more"] else None


class ScanImportCreateSerializer(StrictSerializer):
    """A file of scans."""

    file = serializers.FileField(
        help_text="CSV or XLSX with a header line: scanned_at and one of student_id, pass and user_id; direction, "
        "session (name or id), scan_id and reason where you have them"
    )
    event_id = IdField()
    dry_run = serializers.BooleanField(required=False, default=False, help_text="Only say what would be recorded")


class ResultsQuerySerializer(serializers.Serializer):
    """Which rows are wanted."""

    after = serializers.IntegerField(required=False, default=0, min_value=0, max_value=2**31 - 1)
    outcome = serializers.ChoiceField(choices=RowOutcome.choices, required=False)


class ScanImportFilter(django_filters.FilterSet):
    """Narrow by event or by state."""

    event = django_filters.UUIDFilter(field_name="event_id")
    state = django_filters.ChoiceFilter(choices=ImportState.choices)

    class Meta:
        model = ScanImport
        fields: tuple[str, ...] = ()


class ScanImportViewSet(ViewSet):
    """Files of scans."""

    queryset = ScanImport.objects.none()
    serializer_class = ScanImportSerializer
    filterset_class = ScanImportFilter
    parser_classes = [LimitedMultiPartParser]
    lookup_value_converter = "uuid"
    takes_idempotency_key = False  # sent again, its rows are duplicates
    permissions: ClassVar = dict.fromkeys(("list", "retrieve", "create"), Can.CALL_ROLL)

    @extend_schema(responses=ScanImportSummarySerializer(many=True))
    def list(self, request: Request) -> Response:
        """List the files of the events one runs (campus admins: all), newest first."""
        rows = list_scan_imports(actor(request))
        return answer_list(request, rows=rows, filters=ScanImportFilter, serializer=ScanImportSummarySerializer)

    @extend_schema(parameters=[ResultsQuerySerializer], responses=ScanImportSerializer)
    def retrieve(self, request: Request, pk: UUID) -> Response:
        """Read how far a file is, and what became of its rows."""
        query = ResultsQuerySerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        found = get_scan_import(user=actor(request), import_id=pk)
        results, has_more = list_results(import_id=found.pk, **query.validated_data)
        context: dict[str, Any] = {"request": request, "results": results, "has_more": has_more}
        return Response(ScanImportSerializer(found, context=context).data)

    @extend_schema(
        request={"multipart/form-data": ScanImportCreateSerializer}, responses={202: ScanImportSummarySerializer}
    )
    def create(self, request: Request) -> Response:
        """Hand in a file of scans. A worker records them: watch ``processed`` until ``state`` is ``done``."""
        body = ScanImportCreateSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        file = body.validated_data["file"]
        if file.size > settings.IMPORT_LIMIT:
            raise BodyTooLarge(f"A file has at most {settings.IMPORT_LIMIT} bytes.")
        queued = queue_scan_import(
            by=actor(request), at=now(), event_id=body.validated_data["event_id"], file_name=file.name,
            content=file.read(), dry_run=body.validated_data["dry_run"],
        )  # fmt: skip
        answer = ScanImportSummarySerializer(queued, context={"request": request}).data
        return Response(answer, status=status.HTTP_202_ACCEPTED)
