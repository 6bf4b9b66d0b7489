"""``uploads/posters/{event_id}/``: posters of events."""

from typing import ClassVar
from uuid import UUID

from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from shared_apps.accounts.api.base import View, actor
from shared_apps.accounts.roles import Can
from shared_apps.common.api.files import FileSerializer, KeptFileSerializer, UploadParser, answer_file
from shared_apps.common.api.parsers import StrictJSONParser
from shared_apps.common.clock import now
from tenant_apps.events.selectors.events import get_visible_event
from tenant_apps.events.services.posters import remove_poster, set_poster
from tenant_apps.uploads.rules import UploadKind
from tenant_apps.uploads.selectors import get_file_of, read_upload


class PosterView(View):
    """The poster of one event."""

    parser_classes = [UploadParser, StrictJSONParser]
    takes_idempotency_key = False  # the same picture again is the same poster
    permissions: ClassVar = {"get": Can.READ_EVENTS, "post": Can.MANAGE_EVENTS, "delete": Can.MANAGE_EVENTS}

    @extend_schema(responses={(200, "image/jpeg"): OpenApiResponse(OpenApiTypes.BINARY, "The picture")})
    def get(self, request: Request, event_id: UUID) -> HttpResponseBase:
        """Show the poster of an event that one may see. 404 where it has none."""
        event = get_visible_event(user=actor(request), event_id=event_id)
        poster = get_file_of(kind=UploadKind.POSTER, subject_id=event.pk)
        return answer_file(
            request, read_upload(poster), media_type=poster.media_type, name="poster.jpg", digest=poster.digest,
            as_attachment=False,
        )  # fmt: skip

    @extend_schema(request={"multipart/form-data": FileSerializer}, responses={201: KeptFileSerializer})
    def post(self, request: Request, event_id: UUID) -> Response:
        """Give an event that one runs a poster (JPEG, PNG or WebP) in place of the one it has. It is kept as JPEG."""
        content = FileSerializer.read(request)
        kept = set_poster(by=actor(request), at=now(), event_id=event_id, content=content)
        return Response(KeptFileSerializer(kept, context={"request": request}).data, status=201)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, event_id: UUID) -> Response:
        """Remove the poster of an event that one runs."""
        remove_poster(by=actor(request), at=now(), event_id=event_id)
        return Response(status=204)
