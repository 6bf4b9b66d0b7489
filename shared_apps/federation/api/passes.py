"""``accounts/users/me/pass/``: one's own pass, as JSON, PNG or SVG, and ``…/rotating/`` for the phone that shows it."""

import base64
import io
from typing import Any, ClassVar
from uuid import UUID

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
from shared_apps.federation.passes import STEP_SECONDS, rotate, step_of
from shared_apps.federation.services.issuing import issue_pass, print_card
from tenants.context import current_campus


def _draw(text: str, kind: str) -> bytes:
    drawn = io.BytesIO()
    # Level M mends 15 % of damage: a cracked screen, a creased card.
    segno.make(text, error="m", micro=False).save(drawn, kind=kind, scale=8, border=4)
    return drawn.getvalue()


class _QRRenderer(BaseRenderer):
    """Draw ``data["pass"]`` as a QR code. Errors stay JSON."""

    charset = None

    def render(self, data: Any, accepted_media_type: Any = None, renderer_context: Any = None) -> bytes:
        if "pass" not in data:
            renderer_context["response"]["Content-Type"] = "application/json"
            return bytes(JSONRenderer().render(data))
        return _draw(data["pass"], str(self.format))


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


class CardSerializer(PassSerializer):
    """Somebody's pass for printing."""

    student_id = serializers.CharField(allow_null=True)
    qr_svg = serializers.CharField(help_text="The QR code as SVG")


class CardView(View):
    """A card for somebody without a telephone."""

    permissions: ClassVar = {"post": Can.MANAGE_PEOPLE}
    # A pass must not be kept in stored answers.
    takes_idempotency_key = False

    @extend_schema(request=None, responses=CardSerializer)
    def post(self, request: Request, pk: UUID) -> Response:
        """Take out somebody's pass to print it. It is audited; a lost card is ended by replacing the pass."""
        user, issued = print_card(by=actor(request), at=now(), user_id=pk)
        answer = {
            "pass": issued.text,
            "expires_at": issued.expires_at,
            "serial": issued.serial,
            "campus": current_campus().code,
            "display_name": user.display_name,
            "student_id": user.student_id,
            "qr_svg": _draw(issued.text, "svg").decode(),
        }
        return Response(CardSerializer(answer, context={"request": request}).data)


class RotatingPassSerializer(serializers.Serializer):
    """What the app makes the rotating pass with, by its own clock and without a network."""

    stem = serializers.CharField(help_text="EAS2.<payload>.<signature>: what every text begins with")
    secret = serializers.CharField(help_text="32 bytes, base64url; keep it in the phone's key store")
    step_seconds = serializers.IntegerField()
    server_time = InstantField(help_text="To know how far the phone's clock is off: 20 seconds are tolerated")
    text = serializers.CharField(help_text="The text of this moment, to compare one's own with")
    expires_at = InstantField()
    serial = serializers.IntegerField(help_text="Grows when the pass is replaced; the secret changes with it")


class RotatingPassView(View):
    """What one's own phone makes the rotating pass with."""

    permissions: ClassVar = {"get": Can.CARRY_PASS}

    @extend_schema(responses=RotatingPassSerializer)
    def get(self, request: Request) -> Response:
        """Read the secret of one's own pass. ``text = stem + "." + step + "." + mac``: see the page on passes."""
        at = now()
        issued = issue_pass(user=actor(request), at=at)
        answer = {
            "stem": issued.stem,
            "secret": base64.urlsafe_b64encode(issued.secret).rstrip(b"=").decode(),
            "step_seconds": STEP_SECONDS,
            "server_time": at,
            "text": rotate(issued.stem, secret=issued.secret, step=step_of(at)),
            "expires_at": issued.expires_at,
            "serial": issued.serial,
        }
        return Response(RotatingPassSerializer(answer, context={"request": request}).data)
