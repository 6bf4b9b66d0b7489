"""``accounts/imports/``: people by file."""

import json
from typing import ClassVar
from uuid import UUID

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from shared_apps.accounts.api.base import ViewSet, actor
from shared_apps.accounts.models import RosterImport
from shared_apps.accounts.roles import Can
from shared_apps.accounts.selectors import get_import, list_imports
from shared_apps.accounts.services.roster_files import check_mapping
from shared_apps.accounts.services.rosters import queue_import
from shared_apps.common.api.lists import answer_list
from shared_apps.common.api.parsers import BodyTooLarge, LimitedMultiPartParser
from shared_apps.common.api.serializers import InstantField, StrictSerializer
from shared_apps.common.clock import now


class RowResultSerializer(serializers.Serializer):
    """What became, or would become, of one row."""

    row = serializers.IntegerField(help_text="Line of the file, the header's is 1")
    action = serializers.ChoiceField(choices=["created", "updated", "failed"])
    code = serializers.CharField(allow_blank=True)
    detail = serializers.CharField(allow_blank=True)
    attr = serializers.CharField(allow_null=True)


class ImportSummarySerializer(serializers.ModelSerializer):
    """How far an import is."""

    created_at = InstantField()
    finished_at = InstantField(allow_null=True)

    class Meta:
        model = RosterImport
        fields = (
            "id", "file_name", "dry_run", "state", "error_code", "error_detail", "ignored_columns", "total",
            "processed", "created", "updated", "unchanged", "failed", "created_at", "finished_at",
        )  # fmt: skip


class ImportSerializer(ImportSummarySerializer):
    """One import with the rows that failed, and the first that were or would be changed."""

    results = RowResultSerializer(many=True)

    class Meta(ImportSummarySerializer.Meta):
        fields = (*ImportSummarySerializer.Meta.fields, "results")  # type: ignore[assignment]


class ImportCreateSerializer(StrictSerializer):
    """A roster."""

    file = serializers.FileField(help_text="CSV or XLSX with a header line")
    mapping = serializers.CharField(
        required=False, default="{}", max_length=10_000,
        help_text='JSON from the file\'s headers to our fields, for example {"Stud. No.": "student_id"}',
    )  # fmt: skip
    dry_run = serializers.BooleanField(required=False, default=False, help_text="Only say what would change")

    def validate_mapping(self, text: str) -> dict[str, str]:
        try:
            return check_mapping(json.loads(text))
        except (ValueError, RecursionError):
            raise serializers.ValidationError("Not a JSON object.", code="invalid_mapping") from None


class ImportViewSet(ViewSet):
    """Rosters."""

    queryset = RosterImport.objects.none()
    serializer_class = ImportSerializer
    parser_classes = [LimitedMultiPartParser]
    lookup_value_converter = "uuid"
    takes_idempotency_key = False  # run again, a file changes nothing
    permissions: ClassVar = dict.fromkeys(("list", "retrieve", "create"), Can.MANAGE_PEOPLE)

    @extend_schema(responses=ImportSummarySerializer(many=True))
    def list(self, request: Request) -> Response:
        """List the imports, newest first."""
        return answer_list(request, rows=list_imports(), filters=None, serializer=ImportSummarySerializer)

    @extend_schema(responses=ImportSerializer)
    def retrieve(self, request: Request, pk: UUID) -> Response:
        """Read how far an import is, and which rows failed."""
        return Response(ImportSerializer(get_import(pk), context={"request": request}).data)

    @extend_schema(request={"multipart/form-data": ImportCreateSerializer}, responses={202: ImportSerializer})
    def create(self, request: Request) -> Response:
        """Hand in a roster. A worker does it: watch ``processed`` until ``state`` is ``done``."""
        body = ImportCreateSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        file = body.validated_data["file"]
        if file.size > settings.IMPORT_LIMIT:
            raise BodyTooLarge(f"A file has at most {settings.IMPORT_LIMIT} bytes.")
        queued = queue_import(
            by=actor(request),
            at=now(),
            file_name=file.name,
            content=file.read(),
            mapping=body.validated_data["mapping"],
            dry_run=body.validated_data["dry_run"],
        )
        answer = ImportSerializer(queued, context={"request": request}).data
        return Response(answer, status=status.HTTP_202_ACCEPTED)
