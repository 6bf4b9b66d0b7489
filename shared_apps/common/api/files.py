"""How files come in and go out, in every app: one part of a form, and headers that keep a browser from guessing."""

from typing import Any, Final

from django.conf import settings
from django.core.files.base import File
from django.http import FileResponse, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response
from rest_framework import serializers
from rest_framework.request import Request

from shared_apps.common.api.parsers import BodyTooLarge, LimitedMultiPartParser
from shared_apps.common.api.serializers import InstantField, StrictSerializer

# Whoever opens it directly gets no script, no frame, no origin.
_POLICY: Final = "default-src 'none'; sandbox; frame-ancestors 'none'"


class UploadParser(LimitedMultiPartParser):
    """A form with one file to be kept."""

    limit = "UPLOAD_LIMIT"


class FileSerializer(StrictSerializer):
    """A form with one file. Its name and what the client calls its type count for nothing."""

    file = serializers.FileField()

    @classmethod
    def read(cls, request: Request) -> bytes:
        """Return what is in the file.

        Raises: ValidationError; BodyTooLarge.
        """
        body = cls(data=request.data)
        body.is_valid(raise_exception=True)
        file = body.validated_data["file"]
        if file.size > settings.UPLOAD_LIMIT:
            raise BodyTooLarge(f"A file has at most {settings.UPLOAD_LIMIT} bytes.")
        return bytes(file.read())


class KeptFileSerializer(serializers.Serializer):
    """A file that is kept."""

    id = serializers.UUIDField()
    media_type = serializers.CharField(help_text="By what is in it: `image/png`, `image/jpeg` or `application/pdf`")
    size = serializers.IntegerField(help_text="Bytes")
    width = serializers.IntegerField(allow_null=True, help_text="Pixels; null: a document")
    height = serializers.IntegerField(allow_null=True)
    uploaded_at = InstantField()


def answer_file(
    request: Request,
    content: bytes | File,
    *,
    media_type: str,
    name: str,
    digest: str = "",
    as_attachment: bool = True,
    cache: str = "private, no-cache",
) -> HttpResponseBase:
    """Return a file, or 304 where the client has this one already. ``name`` is ours, of plain letters. An open file is
    sent piece by piece.
    """
    response: Any = (
        HttpResponse(content, content_type=media_type)
        if isinstance(content, bytes)
        else FileResponse(content, content_type=media_type)
    )
    response["Content-Disposition"] = f'{"attachment" if as_attachment else "inline"}; filename="{name}"'
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = _POLICY
    response["Cross-Origin-Resource-Policy"] = "cross-origin" if cache.startswith("public") else "same-site"
    response["Cache-Control"] = cache
    if not digest:
        return response
    response["ETag"] = f'"{digest[:32]}"'
    found: Any = get_conditional_response(request._request, etag=response["ETag"], response=response)
    return found or response
