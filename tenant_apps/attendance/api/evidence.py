"""``uploads/evidence/{request_id}/``: what proves an excuse or a correction, for whose it is and who decides."""

from typing import ClassVar
from uuid import UUID

from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from shared_apps.accounts.api.base import View, actor
from shared_apps.accounts.roles import Can
from shared_apps.common.api.files import FileSerializer, KeptFileSerializer, UploadParser, answer_file
from shared_apps.common.api.parsers import StrictJSONParser
from shared_apps.common.clock import now
from tenant_apps.attendance.selectors.requests import get_request
from tenant_apps.attendance.services.evidence import add_evidence, remove_evidence
from tenant_apps.uploads.rules import ENDINGS, MediaType, UploadKind
from tenant_apps.uploads.selectors import get_file_of, list_files_of, read_upload


class EvidenceSerializer(serializers.Serializer):
    """The files of one request, oldest first."""

    files = KeptFileSerializer(many=True)


class EvidenceListView(View):
    """The files of one request."""

    parser_classes = [UploadParser]
    takes_idempotency_key = False  # the same file again is the one that is there
    permissions: ClassVar = {"get": Can.READ_ATTENDANCE, "post": Can.ASK_FOR_CORRECTION}

    @extend_schema(operation_id="uploads_evidence_list_files", responses=EvidenceSerializer)
    def get(self, request: Request, request_id: UUID) -> Response:
        """List the files of a request of one's own, or on which one may decide."""
        found = get_request(user=actor(request), request_id=request_id)
        files = list_files_of(kind=UploadKind.EVIDENCE, subject_id=found.pk)
        return Response(EvidenceSerializer({"files": files}, context={"request": request}).data)

    @extend_schema(request={"multipart/form-data": FileSerializer}, responses={201: KeptFileSerializer})
    def post(self, request: Request, request_id: UUID) -> Response:
        """Add a picture (JPEG, PNG, WebP) or a PDF to an open request of one's own: at most 5."""
        content = FileSerializer.read(request)
        kept = add_evidence(by=actor(request), at=now(), request_id=request_id, content=content)
        return Response(KeptFileSerializer(kept, context={"request": request}).data, status=201)


class EvidenceView(View):
    """One file of a request."""

    parser_classes = [StrictJSONParser]
    permissions: ClassVar = {"get": Can.READ_ATTENDANCE, "delete": Can.ASK_FOR_CORRECTION}

    @extend_schema(
        responses={
            (200, "image/jpeg"): OpenApiResponse(OpenApiTypes.BINARY, "A picture"),
            (200, "application/pdf"): OpenApiResponse(OpenApiTypes.BINARY, "A document"),
        }
    )
    def get(self, request: Request, request_id: UUID, upload_id: UUID) -> HttpResponseBase:
        """Save a file of a request of one's own, or on which one may decide. Browsers are told not to open it."""
        found = get_request(user=actor(request), request_id=request_id)
        upload = get_file_of(kind=UploadKind.EVIDENCE, subject_id=found.pk, upload_id=upload_id)
        return answer_file(
            request, read_upload(upload), media_type=upload.media_type, cache="no-store",
            name=f"evidence-{upload.pk.hex[-8:]}.{ENDINGS[MediaType(upload.media_type)]}",
        )  # fmt: skip

    @extend_schema(responses={204: None})
    def delete(self, request: Request, request_id: UUID, upload_id: UUID) -> Response:
        """Take a file back, as long as nobody has decided."""
        remove_evidence(by=actor(request), at=now(), request_id=request_id, upload_id=upload_id)
        return Response(status=204)
