"""``reports/exports/``: lists and reports as files."""

from typing import ClassVar
from uuid import UUID

from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from shared_apps.accounts.api.base import View, actor
from shared_apps.accounts.roles import Can
from shared_apps.common.api.files import answer_file
from shared_apps.common.api.lists import answer_list
from shared_apps.common.api.serializers import InstantField, StrictSerializer
from shared_apps.common.clock import now
from shared_apps.common.text import PRINTABLE
from tenant_apps.exports.lists import read_page
from tenant_apps.exports.models import Export
from tenant_apps.exports.rules.datasets import DATASETS
from tenant_apps.exports.rules.exports import ExportFormat, ExportState
from tenant_apps.exports.selectors import get_export, get_made_export, list_exports
from tenant_apps.exports.services import remove_export, request_export
from tenant_apps.uploads.rules import UploadKind
from tenant_apps.uploads.selectors import get_file_of, open_upload


class ExportRequestSerializer(StrictSerializer):
    """Which list, as what, and narrowed by what."""

    dataset = serializers.ChoiceField(choices=sorted(DATASETS))
    format = serializers.ChoiceField(choices=ExportFormat.choices)
    filters = serializers.DictField(
        child=serializers.CharField(max_length=1000, validators=[PRINTABLE]), required=False, default=dict,
        help_text="As the query string of the list has them, by name; and the ids that its path has "
        "(`event`, `session`)",
    )  # fmt: skip


class ExportSerializer(serializers.ModelSerializer):
    """How far an export is."""

    dataset = serializers.ChoiceField(choices=sorted(DATASETS))
    filters = serializers.DictField(child=serializers.CharField())
    rows_total = serializers.IntegerField(allow_null=True, help_text="Null: not known yet")
    requested_by = serializers.UUIDField(source="requested_by_id")
    created_at = InstantField()
    finished_at = InstantField(allow_null=True)
    expires_at = InstantField(help_text="When it is removed, with its file")
    file = serializers.SerializerMethodField(help_text="Where the file is, once it is made")

    class Meta:
        model = Export
        fields = (
            "id", "dataset", "format", "filters", "state", "rows_done", "rows_total", "error_code", "error_detail",
            "requested_by", "created_at", "finished_at", "expires_at", "file",
        )  # fmt: skip

    def get_file(self, export: Export) -> str | None:
        return f"/api/v1/reports/exports/{export.pk}/file/" if export.state == ExportState.DONE else None


class ExportListView(View):
    """``reports/exports/``"""

    permissions: ClassVar = {"get": Can.EXPORT, "post": Can.EXPORT}

    @extend_schema(operation_id="reports_exports_list", responses=ExportSerializer(many=True))
    def get(self, request: Request) -> Response:
        """List one's own exports (campus admins: everybody's), newest first."""
        return answer_list(request, rows=list_exports(actor(request)), filters=None, serializer=ExportSerializer)

    @extend_schema(request=ExportRequestSerializer, responses={202: ExportSerializer})
    def post(self, request: Request) -> Response:
        """Have a list or report that one may read made into a file, by a worker. What the list refuses, this refuses;
        read how far it is at its id.
        """
        body = ExportRequestSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        export = request_export(by=actor(request), at=now(), **body.validated_data)
        return _answer(request, export, status.HTTP_202_ACCEPTED)


class ExportView(View):
    """``reports/exports/{id}/``"""

    permissions: ClassVar = {"get": Can.EXPORT, "delete": Can.EXPORT}

    @extend_schema(responses=ExportSerializer)
    def get(self, request: Request, export_id: UUID) -> Response:
        """Read how far an export is."""
        return _answer(request, get_export(user=actor(request), export_id=export_id), status.HTTP_200_OK)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, export_id: UUID) -> Response:
        """Remove an export and its file; one that is being made is given up."""
        remove_export(by=actor(request), at=now(), export_id=export_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class ExportFileView(View):
    """``reports/exports/{id}/file/``"""

    permissions: ClassVar = {"get": Can.EXPORT}

    @extend_schema(responses={(200, "application/octet-stream"): OpenApiResponse(OpenApiTypes.BINARY, "The file")})
    def get(self, request: Request, export_id: UUID) -> HttpResponseBase:
        """Save the file of one's own export, while one may still read the list."""
        user = actor(request)
        export = get_made_export(user=user, export_id=export_id)
        read_page(user=user, dataset=DATASETS[export.dataset], filters=export.filters, most=1)
        upload = get_file_of(kind=UploadKind.EXPORT, subject_id=export.pk)
        return answer_file(
            request, open_upload(upload), media_type=upload.media_type, cache="no-store",
            name=f"{export.dataset}-{export.created_at:%Y%m%d}-{export.pk.hex[-6:]}.{export.format}",
        )  # fmt: skip


def _answer(request: Request, export: Export, code: int) -> Response:
    return Response(ExportSerializer(export, context={"request": request}).data, status=code)
