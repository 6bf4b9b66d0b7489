"""The venue's code: shown at ``…/sessions/{id}/venue-code/``, entered at ``events/attendance/venue-code/``."""

import base64
import hashlib
import re
from pathlib import Path
from typing import Any, ClassVar, Final
from uuid import UUID

import segno
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from shared_apps.accounts.api.base import View, actor
from shared_apps.accounts.roles import Can
from shared_apps.common.api.serializers import IdField, InstantField, StrictSerializer
from shared_apps.common.clock import now
from tenant_apps.attendance.api.scanners import draw_svg
from tenant_apps.attendance.api.serializers import ScanAnswerSerializer, ScanRefusalSerializer
from tenant_apps.attendance.errors import SessionNotOpen
from tenant_apps.attendance.rules.scans import Direction
from tenant_apps.attendance.rules.venue_codes import DIGITS, STEP_SECONDS, VenueState
from tenant_apps.attendance.services.venue_codes import (
    CodeEntry,
    VenueCodes,
    enter_venue_code,
    make_display_link,
    show_codes,
    show_codes_on_display,
)
from tenants.context import current_campus
from tenants.registry import confirm_current_campus

_SHORTEST_DEVICE: Final = 16
_LONGEST_DEVICE: Final = 64
_PAGE: Final = (Path(__file__).parent / "venue_code_page.html").read_text()


def _hash_of(tag: str) -> str:
    """Return what a policy allows of the page: the one element as it stands there, to the letter."""
    (content,) = re.findall(rf"<{tag}>(.*?)</{tag}>", _PAGE, re.DOTALL)
    return "sha256-" + base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()


_POLICY: Final = (
    f"default-src 'none'; script-src '{_hash_of('script')}'; style-src '{_hash_of('style')}'; img-src data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class ShownCodeSerializer(serializers.Serializer):
    """One code, and when it is on show. The one before is taken too."""

    digits = serializers.CharField(help_text="For typing")
    text = serializers.CharField(help_text="The text of the QR code: EASV1.<session>.<mac>")
    valid_from = InstantField()
    valid_until = InstantField()


class VenueCodesSerializer(serializers.Serializer):
    """What the venue shows now and next; no codes while the session is not open."""

    event = serializers.UUIDField(source="session.event_id")
    event_title = serializers.CharField(source="session.event.title")
    session = serializers.UUIDField(source="session.pk")
    session_name = serializers.CharField(source="session.name")
    state = serializers.ChoiceField(choices=VenueState.choices)
    opens_at = InstantField(source="session.opens_at")
    closes_at = InstantField(source="session.closes_at")
    server_time = InstantField(source="at")
    step_seconds = serializers.SerializerMethodField()
    digits = serializers.SerializerMethodField(help_text="How many digits a code has")
    current = ShownCodeSerializer(allow_null=True)
    next = ShownCodeSerializer(allow_null=True)

    def get_step_seconds(self, codes: VenueCodes) -> int:
        return STEP_SECONDS

    def get_digits(self, codes: VenueCodes) -> int:
        return DIGITS


class DisplayedCodeSerializer(ShownCodeSerializer):
    """A code with its picture."""

    qr = serializers.SerializerMethodField(help_text="The QR code as a data: URI")

    def get_qr(self, code: Any) -> str:
        return str(segno.make(code.text, error="m", micro=False).svg_data_uri(border=2, dark="#000", light="#fff"))


class DisplaySerializer(VenueCodesSerializer):
    """What a projector needs."""

    current = DisplayedCodeSerializer(allow_null=True)
    next = DisplayedCodeSerializer(allow_null=True)


class DisplayLinkSerializer(serializers.Serializer):
    """A link for the projector. What follows the # is the key: browsers send it to nobody, the page sends it itself."""

    url = serializers.CharField()
    expires_at = InstantField()


class VenueCodeEntrySerializer(StrictSerializer):
    """What somebody enters: digits (with the session, if the app knows it), or the text of the QR code."""

    session_id = IdField(required=False, help_text="Of the digits; without it the one open session that shows them")
    digits = serializers.RegexField(rf"\A[0-9]{{{DIGITS}}}\Z", required=False)
    code = serializers.CharField(max_length=100, required=False, help_text="The text of the QR code")
    device = serializers.CharField(
        max_length=100, help_text="A random key of 16 to 64 bytes that the app made once on this device, base64url"
    )
    scan_id = IdField(
        required=False, allow_null=True, help_text="Your own id of this try: a retry gets the first answer"
    )
    direction = serializers.ChoiceField(choices=Direction.choices, default=Direction.IN)

    def validate_device(self, text: str) -> bytes:
        try:
            raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except ValueError:
            raw = b""
        if not _SHORTEST_DEVICE <= len(raw) <= _LONGEST_DEVICE:
            raise ValidationError("16 to 64 bytes in base64url.", code="invalid_device")
        return raw

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("digits" in attrs) == ("code" in attrs) or ("code" in attrs and "session_id" in attrs):
            problem = ErrorDetail("Give either digits, with or without session_id, or code.", "digits_or_code")
            raise ValidationError({"digits": [problem]})
        return attrs


class EnteredSerializer(ScanAnswerSerializer):
    """The answer to a code that was entered."""

    server_time = InstantField()


class CodeRefusedSerializer(ScanRefusalSerializer):
    """The answer to one that was refused."""

    server_time = InstantField()


class SVGRenderer(BaseRenderer):
    """An SVG is answered as it was drawn. Errors stay JSON."""

    media_type = "image/svg+xml"
    format = "svg"
    charset = None

    def render(self, data: Any, accepted_media_type: Any = None, renderer_context: Any = None) -> bytes:
        if isinstance(data, str):
            return data.encode()
        renderer_context["response"]["Content-Type"] = "application/json"
        return bytes(JSONRenderer().render(data))


class VenueCodeView(View):
    """``…/venue-code/``"""

    permissions: ClassVar = {"get": Can.SHOW_VENUE_CODE}

    @extend_schema(responses=VenueCodesSerializer)
    def get(self, request: Request, event_id: UUID, session_id: UUID) -> Response:
        """Read the code of this moment and the next, by the server's clock."""
        codes = show_codes(by=actor(request), at=now(), event_id=event_id, session_id=session_id)
        return Response(VenueCodesSerializer(codes, context={"request": request}).data)


class VenueCodeSVGView(View):
    """``…/venue-code.svg``"""

    permissions: ClassVar = {"get": Can.SHOW_VENUE_CODE}
    renderer_classes = [SVGRenderer, JSONRenderer]

    @extend_schema(responses={(200, "image/svg+xml"): OpenApiResponse(OpenApiTypes.STR)})
    def get(self, request: Request, event_id: UUID, session_id: UUID) -> Response:
        """Show the QR code of this moment."""
        codes = show_codes(by=actor(request), at=now(), event_id=event_id, session_id=session_id)
        if codes.current is None:
            raise SessionNotOpen
        return Response(draw_svg(codes.current.text, scale=8), content_type="image/svg+xml")


class VenueDisplayView(View):
    """``…/venue-code/display/``: for the projector."""

    permissions: ClassVar = {"post": Can.SHOW_VENUE_CODE, "get": Can.ANYONE}
    takes_idempotency_key = False

    def get_authenticators(self) -> list[Any]:
        # The projector has its key and no token; a token that comes along is not looked at.
        return [] if self.request and self.request.method in {"GET", "HEAD"} else super().get_authenticators()

    @extend_schema(
        parameters=[OpenApiParameter("Display-Key", str, OpenApiParameter.HEADER, required=True)],
        responses=DisplaySerializer,
        auth=[],
    )
    def get(self, request: Request, event_id: UUID, session_id: UUID) -> Response:
        """Read the codes of one session with the key of a display link."""
        confirm_current_campus()
        codes = show_codes_on_display(
            key=request.headers.get("Display-Key", ""), at=now(), event_id=event_id, session_id=session_id
        )
        return Response(DisplaySerializer(codes, context={"request": request}).data)

    @extend_schema(request=None, responses={201: DisplayLinkSerializer})
    def post(self, request: Request, event_id: UUID, session_id: UUID) -> Response:
        """Make a link for the projector: it shows this session's codes until the session has closed, nothing else."""
        link = make_display_link(by=actor(request), at=now(), event_id=event_id, session_id=session_id)
        page = request.build_absolute_uri(request.path.removesuffix("display/") + "page/")
        answer = {"url": f"{page}#{link.key}", "expires_at": link.expires_at}
        return Response(
            DisplayLinkSerializer(answer, context={"request": request}).data, status=status.HTTP_201_CREATED
        )  # fmt: skip


class VenuePageView(View):
    """``…/venue-code/page/``"""

    permissions: ClassVar = {"get": Can.ANYONE}
    authentication_classes = []

    @extend_schema(responses={(200, "text/html"): OpenApiResponse(OpenApiTypes.STR)}, auth=[])
    def get(self, request: Request, event_id: UUID, session_id: UUID) -> HttpResponse:
        """Open the page for the projector: the same for every session, without a code in it. Use the display link."""
        response = HttpResponse(_PAGE, content_type="text/html; charset=utf-8")
        response["Content-Security-Policy"] = _POLICY
        return response

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        # It is HTML whatever is asked for.
        return super().perform_content_negotiation(request, force=True)


class EnterVenueCodeView(View):
    """``events/attendance/venue-code/``"""

    permissions: ClassVar = {"post": Can.ENTER_VENUE_CODE}
    # Recording has a key of its own, ``scan_id``, and may not run inside another transaction.
    takes_idempotency_key = False

    @extend_schema(
        request=VenueCodeEntrySerializer,
        responses={201: EnteredSerializer, 200: EnteredSerializer, 422: CodeRefusedSerializer},
    )
    def post(self, request: Request) -> Response:
        """Record one's own presence with the venue's code: 201, 200 recorded before, 422 refused by a rule."""
        body = VenueCodeEntrySerializer(data=request.data)
        body.is_valid(raise_exception=True)
        data, at = body.validated_data, now()
        answer = enter_venue_code(
            by=actor(request),
            at=at,
            entry=CodeEntry(
                device=data["device"],
                digits=data.get("digits", ""),
                text=data.get("code", ""),
                session_id=data.get("session_id"),
                direction=Direction(data["direction"]),
                scan_id=data.get("scan_id"),
            ),
        )
        server_time = at.astimezone(current_campus().zone).isoformat()
        return Response({**answer.body, "server_time": server_time}, status=answer.status)
