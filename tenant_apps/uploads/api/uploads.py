"""``uploads/``: the campus's logo, people's photos, and what one has uploaded.

Posters of events and evidence are with the apps that know who may see them, under the same path.
"""

from typing import Any, ClassVar
from uuid import UUID

import django_filters
from django.conf import settings
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from shared_apps.accounts.api.base import View, actor
from shared_apps.accounts.roles import STAFF_ROLES, Can, Role
from shared_apps.accounts.selectors import get_person
from shared_apps.common.api.files import FileSerializer, KeptFileSerializer, UploadParser, answer_file
from shared_apps.common.api.lists import answer_list
from shared_apps.common.api.parsers import StrictJSONParser
from shared_apps.common.api.serializers import InstantField
from shared_apps.common.clock import now
from tenant_apps.uploads.models import Upload
from tenant_apps.uploads.rules import ENDINGS, MediaType, UploadKind
from tenant_apps.uploads.selectors import find_campus_used, get_file_of, list_uploads, read_upload, sum_used
from tenant_apps.uploads.services import keep_file, remove_file
from tenants.context import current_campus

PICTURE = OpenApiResponse(OpenApiTypes.BINARY, "The picture")
# A stranger's browser may keep the logo for so many seconds.
_LOGO_CACHE = "public, max-age=300"


class UploadSerializer(serializers.ModelSerializer):
    """One file that is kept, and what it belongs to."""

    subject = serializers.UUIDField(source="subject_id", help_text="The campus, person, event or request")
    uploaded_by = serializers.UUIDField(source="uploaded_by_id")
    uploaded_at = InstantField()

    class Meta:
        model = Upload
        fields = ("id", "kind", "subject", "media_type", "size", "width", "height", "uploaded_by", "uploaded_at")


class UploadFilter(django_filters.FilterSet):
    """Narrow by what files are for, or by who uploaded them."""

    kind = django_filters.ChoiceFilter(choices=UploadKind.choices)
    uploaded_by = django_filters.UUIDFilter(field_name="uploaded_by_id")

    class Meta:
        model = Upload
        fields: tuple[str, ...] = ()


class UploadListView(View):
    """``uploads/``"""

    filterset_class = UploadFilter
    permissions: ClassVar = {"get": Can.LIST_UPLOADS}

    @extend_schema(operation_id="uploads_list", responses=UploadSerializer(many=True))
    def get(self, request: Request) -> Response:
        """List what one has uploaded (campus admins: everything), newest first."""
        return answer_list(
            request, rows=list_uploads(actor(request)), filters=UploadFilter, serializer=UploadSerializer
        )


class UsageSerializer(serializers.Serializer):
    """How much room is taken, in bytes."""

    used = serializers.IntegerField()
    quota = serializers.IntegerField()
    campus_used = serializers.IntegerField(allow_null=True, help_text="For campus admins; null for others")
    campus_quota = serializers.IntegerField(allow_null=True)
    largest_file = serializers.IntegerField()
    most_pixels = serializers.IntegerField()


class UsageView(View):
    """``uploads/usage/``"""

    permissions: ClassVar = {"get": Can.LIST_UPLOADS}

    @extend_schema(responses=UsageSerializer)
    def get(self, request: Request) -> Response:
        """Read how much room one's files take, how much there is, and what a file may be."""
        user = actor(request)
        is_admin = user.role == Role.CAMPUS_ADMIN
        is_staff = user.role in STAFF_ROLES
        return Response(
            {
                "used": sum_used(user),
                "quota": settings.UPLOAD_STAFF_QUOTA if is_staff else settings.UPLOAD_PERSON_QUOTA,
                "campus_used": find_campus_used() if is_admin else None,
                "campus_quota": settings.UPLOAD_CAMPUS_QUOTA if is_admin else None,
                "largest_file": settings.UPLOAD_LIMIT,
                "most_pixels": settings.UPLOAD_PIXELS,
            }
        )


class LogoView(View):
    """``uploads/logo/``"""

    parser_classes = [UploadParser, StrictJSONParser]
    takes_idempotency_key = False  # the same picture again is the same logo
    permissions: ClassVar = {"get": Can.ANYONE, "post": Can.SET_LOGO, "delete": Can.SET_LOGO}

    @extend_schema(responses={(200, "image/png"): PICTURE})
    def get(self, request: Request) -> HttpResponseBase:
        """Show the campus's logo, also to somebody who has not signed in. 404 where it has none."""
        return _show(request, UploadKind.LOGO, current_campus().id, cache=_LOGO_CACHE)

    @extend_schema(request={"multipart/form-data": FileSerializer}, responses={201: KeptFileSerializer})
    def post(self, request: Request) -> Response:
        """Give the campus a logo (JPEG, PNG or WebP) in place of the one it has. It is kept as PNG."""
        return _keep(request, UploadKind.LOGO, current_campus().id)

    @extend_schema(responses={204: None})
    def delete(self, request: Request) -> Response:
        """Remove the campus's logo."""
        remove_file(by=actor(request), at=now(), kind=UploadKind.LOGO, subject_id=current_campus().id)
        return Response(status=204)


class OwnPhotoView(View):
    """``uploads/photo/``"""

    parser_classes = [UploadParser, StrictJSONParser]
    takes_idempotency_key = False
    permissions: ClassVar = dict.fromkeys(("get", "post", "delete"), Can.HAVE_PHOTO)

    @extend_schema(responses={(200, "image/jpeg"): PICTURE})
    def get(self, request: Request) -> HttpResponseBase:
        """Show one's own photo."""
        return _show(request, UploadKind.PHOTO, actor(request).pk)

    @extend_schema(request={"multipart/form-data": FileSerializer}, responses={201: KeptFileSerializer})
    def post(self, request: Request) -> Response:
        """Hand in a photo of oneself (JPEG, PNG or WebP) in place of the one that is there. It is kept as JPEG."""
        return _keep(request, UploadKind.PHOTO, actor(request).pk)

    @extend_schema(responses={204: None})
    def delete(self, request: Request) -> Response:
        """Remove one's own photo."""
        remove_file(by=actor(request), at=now(), kind=UploadKind.PHOTO, subject_id=actor(request).pk)
        return Response(status=204)


class PhotoView(View):
    """``uploads/photos/{user_id}/``"""

    permissions: ClassVar = {"get": Can.SEE_PHOTOS, "delete": Can.MANAGE_PEOPLE}

    @extend_schema(responses={(200, "image/jpeg"): PICTURE})
    def get(self, request: Request, user_id: UUID) -> HttpResponseBase:
        """Show somebody's photo: to staff, and to whoever stands at the gate and compares."""
        return _show(request, UploadKind.PHOTO, get_person(user_id).pk)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, user_id: UUID) -> Response:
        """Remove a photo that should not be there."""
        remove_file(by=actor(request), at=now(), kind=UploadKind.PHOTO, subject_id=user_id)
        return Response(status=204)


def _keep(request: Request, kind: UploadKind, subject_id: UUID) -> Response:
    """Keep a file for something that the caller's role alone lets them give one."""
    content = FileSerializer.read(request)
    kept = keep_file(
        by=actor(request), at=now(), kind=kind, subject_id=subject_id, content=content, confirm=lambda: None
    )
    return Response(KeptFileSerializer(kept, context={"request": request}).data, status=201)


def _show(request: Request, kind: UploadKind, subject_id: UUID, **more: Any) -> HttpResponseBase:
    upload = get_file_of(kind=kind, subject_id=subject_id)
    return answer_file(
        request, read_upload(upload), media_type=upload.media_type, digest=upload.digest, as_attachment=False,
        name=f"{kind.value}.{ENDINGS[MediaType(upload.media_type)]}", **more,
    )  # fmt: skip
