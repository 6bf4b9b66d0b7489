"""``accounts/users/me/pass/``: one's own pass, as JSON, PNG or SVG."""

import io
from typing import Any, ClassVar

import segno
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from shared_apps.accounts.api.base import View, actor
from shared_apps.accounts.roles import Can
from shared_apps.common.api.serializers import InstantField
from shared_apps.common.clock import now
from shared_apps.federation.services.issuing import issue_pass
from tenants.context import current_campus


class _QRRenderer(BaseRenderer):
    """Draw ``data["pass"]`` as a QR code. Errors stay JSON."""

    charset = None

    def render(self, data: Any, accepted_media_type: Any = None, renderer_context: Any = None) -> bytes:
        if "pass" not in data:
            renderer_context["response"]["Content-Type"] = "application/json"
            return bytes(JSONRenderer().render(data))
        drawn = io.BytesIO()
        # Level M mends 15 % of damage: a cracked screen, a creased card.
        segno.make(data["pass"], error="m", micro=False).save(drawn, kind=self.format, scale=8, border=4)
        return drawn.getvalue()


class PNGRenderer(_QRRenderer):
    media_type = "image/png"
    format = "png"
    render_style = "binary"


class SVGRenderer(_QRRenderer):
    media_type = "image/svg+xml"
    format = "svg"


class PassSerializer(serializers.Serializer):
    """One's own pass."""

    expires_at = InstantField()
    serial = serializers.IntegerField(help_text="Grows when the pass is replaced; earlier ones are then refused")
    campus = serializers.CharField()
    display_name = serializers.CharField()

    def get_fields(self) -> dict[str, serializers.Field]:
        # "pass" is a keyword of Python and the plain word for the thing.
        return {"pass": serializers.CharField(help_text="EAS1.<payload>.<signature>"), **super().get_fields()}


class OwnPassView(View):
    """One's own pass."""

    permissions: ClassVar = {"get": Can.CARRY_PASS}
    renderer_classes = [JSONRenderer, PNGRenderer, SVGRenderer]

    @extend_schema(
        parameters=[OpenApiParameter("format", OpenApiTypes.STR, enum=["json", "png", "svg"])],
        responses={
            (200, "application/json"): PassSerializer,
            (200, "image/png"): OpenApiResponse(OpenApiTypes.BINARY),
            (200, "image/svg+xml"): OpenApiResponse(OpenApiTypes.STR),
        },
    )
    def get(self, request: Request) -> Response:
        """Show one's own pass: by ``Accept`` or ``?format=`` as JSON, PNG or SVG."""
        user = actor(request)
        issued = issue_pass(user=user, at=now())
        answer = {
            "pass": issued.text,
            "expires_at": issued.expires_at,
            "serial": issued.serial,
            "campus": current_campus().code,
            "display_name": user.display_name,
        }
        return Response(PassSerializer(answer, context={"request": request}).data)
