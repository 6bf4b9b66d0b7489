"""``events/scanners/``: devices at the door, and what they need."""

import io
import json
from typing import Any, ClassVar
from uuid import UUID

import segno
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from shared_apps.accounts.api.base import View, ViewSet, actor
from shared_apps.accounts.roles import Can
from shared_apps.common.api.lists import answer_list
from shared_apps.common.api.serializers import (
    DeviceClockField,
    IdField,
    InstantField,
    ReasonSerializer,
    StrictSerializer,
)
from shared_apps.common.clock import now
from shared_apps.common.network import client_address
from shared_apps.common.text import PRINTABLE
from tenant_apps.attendance.models import Scanner
from tenant_apps.attendance.rules.scanners import MOST_EVENTS, ScannerKind, ScannerState, scanner_state
from tenant_apps.attendance.selectors.scanners import find_own_scanner, get_scanner, list_scanners
from tenant_apps.attendance.services.manifests import manifest_key, manifest_version, sign_manifest
from tenant_apps.attendance.services.scanners import (
    Enrolment,
    create_scanner,
    enrol_scanner,
    record_contact,
    renew_code,
    revoke_scanner,
    update_scanner,
)
from tenants.context import current_campus
from tenants.registry import confirm_current_campus


class ScannerWriteSerializer(StrictSerializer):
    """A device as staff prepare it."""

    name = serializers.CharField(max_length=100, validators=[PRINTABLE], help_text="Where it stands: 'Gym, left door'")
    kind = serializers.ChoiceField(
        choices=ScannerKind.choices, default=ScannerKind.SCANNER, help_text="A kiosk records and lists nothing"
    )
    event_ids = serializers.ListField(
        child=IdField(), min_length=1, max_length=MOST_EVENTS, help_text="Published or draft events that you run"
    )
    expires_at = InstantField(
        required=False, help_text="At most 180 days ahead; a day after the last event if it is left out"
    )


class ScannerChangeSerializer(StrictSerializer):
    """What can be changed of a device."""

    name = serializers.CharField(max_length=100, validators=[PRINTABLE], required=False)
    event_ids = serializers.ListField(child=IdField(), min_length=1, max_length=MOST_EVENTS, required=False)
    expires_at = InstantField(required=False)


class EnrolSerializer(StrictSerializer):
    """A device that uses its code."""

    code = serializers.CharField(max_length=64, help_text="As the QR code has it; it works once")
    hardware = serializers.CharField(
        max_length=200, required=False, default="", allow_blank=True, validators=[PRINTABLE],
        help_text="What staff see of the device, as is 'software'",
    )  # fmt: skip
    software = serializers.CharField(
        max_length=200, required=False, default="", allow_blank=True, validators=[PRINTABLE]
    )


class ContactSerializer(StrictSerializer):
    """What a device says of itself."""

    device_now = DeviceClockField(help_text="Its own clock at the moment of sending")
    queue_depth = serializers.IntegerField(min_value=0, max_value=2_000_000_000, help_text="Scans still to be sent")
    software = serializers.CharField(max_length=200, required=False, allow_blank=True, validators=[PRINTABLE])
    manifest_version = serializers.CharField(
        max_length=64, required=False, help_text="Of the manifest it has; the answer says whether there is another"
    )


class ManifestQuerySerializer(StrictSerializer):
    """Which manifest."""

    event = IdField(required=False)
    since = InstantField(required=False)


class ScannerSerializer(serializers.ModelSerializer):
    """A device as staff see it."""

    state = serializers.SerializerMethodField()
    expires_at = InstantField()
    enrolled_at = InstantField(allow_null=True)
    enrolment_expires_at = InstantField(allow_null=True, help_text="Until when its code can be used")
    revoked_at = InstantField(allow_null=True)
    last_contact_at = InstantField(allow_null=True)
    queue_depth = serializers.IntegerField(allow_null=True, help_text="Scans it still had to send at its last contact")
    skew = serializers.IntegerField(allow_null=True, help_text="Milliseconds its clock was ahead at its last contact")
    created_by = serializers.UUIDField(source="created_by_id", allow_null=True)
    created_at = InstantField()

    class Meta:
        model = Scanner
        fields = (
            "id", "name", "kind", "state", "event_ids", "expires_at", "enrolled_at", "enrolment_expires_at",
            "revoked_at", "hardware", "software", "last_contact_at", "queue_depth", "skew", "created_by", "created_at",
        )  # fmt: skip

    def get_state(self, scanner: Scanner) -> ScannerState:
        return scanner_state(
            enrolled_at=scanner.enrolled_at,
            enrolment_expires_at=scanner.enrolment_expires_at,
            expires_at=scanner.expires_at,
            revoked_at=scanner.revoked_at,
            at=self.context["at"],
        )


class EnrolmentSerializer(serializers.Serializer):
    """A device that waits for its code; the code is shown this once."""

    scanner = ScannerSerializer()
    code = serializers.CharField()
    code_expires_at = InstantField()
    text = serializers.CharField(help_text="The text of the QR code")
    qr_svg = serializers.CharField(help_text="The QR code as SVG, for the device to read off the screen")


class PublicKeySerializer(serializers.Serializer):
    """The key that verifies manifests of this campus."""

    key_id = serializers.IntegerField()
    public_key = serializers.CharField(help_text="Ed25519, 32 bytes, base64url")


class EnrolledSerializer(serializers.Serializer):
    """An enrolled device. ``token`` is shown this once."""

    token = serializers.CharField()
    expires_at = InstantField(help_text="When token and device end; later contacts may say another end")
    scanner_id = serializers.UUIDField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(choices=ScannerKind.choices)
    campus = serializers.CharField()
    campus_id = serializers.UUIDField()
    event_ids = serializers.ListField(child=serializers.UUIDField())
    server_time = InstantField()
    manifest_key = PublicKeySerializer()


class ContactAnswerSerializer(serializers.Serializer):
    """What the server says to a device."""

    server_time = InstantField()
    skew = serializers.IntegerField(
        help_text="Milliseconds the device's clock is ahead: decide by its time less this, and send its time as it is"
    )
    expires_at = InstantField()
    event_ids = serializers.ListField(child=serializers.UUIDField())
    manifest_version = serializers.CharField()
    manifest_changed = serializers.BooleanField()


class ManifestSerializer(serializers.Serializer):
    """What a device decides by without a network: see the page on writing a scanner."""

    manifest = serializers.DictField()
    key_id = serializers.IntegerField()
    signature = serializers.CharField(help_text="Ed25519 over 'EASM1.' and the manifest's canonical form, base64url")


class ScannerViewSet(ViewSet):
    """Devices, as staff see them."""

    queryset = Scanner.objects.none()
    serializer_class = ScannerSerializer
    lookup_value_converter = "uuid"
    permissions: ClassVar = {
        "list": Can.MANAGE_SCANNERS,
        "retrieve": Can.MANAGE_SCANNERS,
        "create": Can.MANAGE_SCANNERS,
        "partial_update": Can.MANAGE_SCANNERS,
        "revoke": Can.MANAGE_SCANNERS,
        "renew_code": Can.MANAGE_SCANNERS,
    }

    @property
    def takes_idempotency_key(self) -> bool:  # type: ignore[override]
        """A code is shown once: it must not be kept in stored answers."""
        return self.action not in {"create", "renew_code"}

    @extend_schema(responses=ScannerSerializer(many=True))
    def list(self, request: Request) -> Response:
        """List devices, newest first: organizers those that serve an event they run."""
        at = now()
        rows = list_scanners(actor(request))
        return answer_list(
            request, rows=rows, filters=None, serializer=ScannerSerializer, context=lambda _: {"at": at}
        )  # fmt: skip

    @extend_schema(responses=ScannerSerializer)
    def retrieve(self, request: Request, pk: UUID) -> Response:
        """Read one device."""
        return self._answer(request, get_scanner(user=actor(request), scanner_id=pk))

    @extend_schema(request=ScannerWriteSerializer, responses={201: EnrolmentSerializer})
    def create(self, request: Request) -> Response:
        """Prepare a device: the answer holds the code, once, with which it enrols within 15 minutes."""
        body = ScannerWriteSerializer(data=request.data, context={"request": request})
        body.is_valid(raise_exception=True)
        data = body.validated_data
        enrolment = create_scanner(
            by=actor(request),
            at=now(),
            name=data["name"],
            kind=ScannerKind(data["kind"]),
            event_ids=data["event_ids"],
            expires_at=data.get("expires_at"),
        )
        return self._answer_code(request, enrolment, status.HTTP_201_CREATED)

    @extend_schema(request=ScannerChangeSerializer, responses=ScannerSerializer)
    def partial_update(self, request: Request, pk: UUID) -> Response:
        """Change name, events or end of a device."""
        body = ScannerChangeSerializer(data=request.data, context={"request": request})
        body.is_valid(raise_exception=True)
        scanner = update_scanner(by=actor(request), at=now(), scanner_id=pk, changes=body.validated_data)
        return self._answer(request, scanner)

    @extend_schema(request=ReasonSerializer, responses=ScannerSerializer)
    @action(detail=True, methods=["post"])
    def revoke(self, request: Request, pk: UUID) -> Response:
        """Refuse a device from its very next request on, for good."""
        body = ReasonSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        scanner = revoke_scanner(by=actor(request), at=now(), scanner_id=pk, reason=body.validated_data["reason"])
        return self._answer(request, scanner)

    @extend_schema(request=None, responses=EnrolmentSerializer)
    @action(detail=True, methods=["post"], url_path="renew-code")
    def renew_code(self, request: Request, pk: UUID) -> Response:
        """Give a device another code: its first one lapsed, or it has lost its token."""
        enrolment = renew_code(by=actor(request), at=now(), scanner_id=pk)
        return self._answer_code(request, enrolment, status.HTTP_200_OK)

    def _answer(self, request: Request, scanner: Scanner) -> Response:
        return Response(ScannerSerializer(scanner, context={"request": request, "at": now()}).data)

    def _answer_code(self, request: Request, enrolment: Enrolment, code: int) -> Response:
        url = request.build_absolute_uri("/api/v1/events/scanners/enrol/")
        text = json.dumps({"eas": 1, "url": url, "code": enrolment.code})
        answer = {
            "scanner": enrolment.scanner,
            "code": enrolment.code,
            "code_expires_at": enrolment.scanner.enrolment_expires_at,
            "text": text,
            "qr_svg": draw_svg(text),
        }
        context = {"request": request, "at": now()}
        return Response(EnrolmentSerializer(answer, context=context).data, status=code)


class EnrolView(View):
    """``events/scanners/enrol/``"""

    permissions: ClassVar = {"post": Can.ANYONE}
    authentication_classes = []
    takes_idempotency_key = False

    @extend_schema(request=EnrolSerializer, responses=EnrolledSerializer, auth=[])
    def post(self, request: Request) -> Response:
        """Enrol this device: the code works once, within 15 minutes. The answer holds its token, once."""
        confirm_current_campus()
        body = EnrolSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        at = now()
        enrolled = enrol_scanner(**body.validated_data, address=client_address(request._request), at=at)
        scanner, campus = enrolled.scanner, current_campus()
        answer = {
            "token": enrolled.signed_in.text,
            "expires_at": enrolled.signed_in.expires_at,
            "scanner_id": scanner.pk,
            "name": scanner.name,
            "kind": scanner.kind,
            "campus": campus.code,
            "campus_id": campus.id,
            "event_ids": scanner.event_ids,
            "server_time": at,
            "manifest_key": manifest_key(),
        }
        return Response(EnrolledSerializer(answer, context={"request": request}).data)


class ContactView(View):
    """``events/scanners/contact/``"""

    permissions: ClassVar = {"post": Can.SEND_SCANS}
    takes_idempotency_key = False

    @extend_schema(request=ContactSerializer, responses=ContactAnswerSerializer)
    def post(self, request: Request) -> Response:
        """Say that this device is there; learn the server's time and whether the manifest has changed."""
        body = ContactSerializer(data=request.data, context={"request": request})
        body.is_valid(raise_exception=True)
        data, at, device = body.validated_data, now(), actor(request)
        scanner = record_contact(
            by=device,
            at=at,
            device_now=data["device_now"],
            queue_depth=data["queue_depth"],
            software=data.get("software"),
        )
        version = manifest_version(by=device, at=at, scanner=scanner)
        answer = {
            "server_time": at,
            "skew": scanner.skew,
            "expires_at": scanner.expires_at,
            "event_ids": scanner.event_ids,
            "manifest_version": version,
            "manifest_changed": data.get("manifest_version") != version,
        }
        return Response(ContactAnswerSerializer(answer, context={"request": request}).data)


class ManifestView(View):
    """``events/scanners/manifest/``"""

    permissions: ClassVar = {"get": Can.READ_MANIFEST}

    @extend_schema(
        parameters=[
            OpenApiParameter("event", OpenApiTypes.UUID, description="A device gets all of its own without it"),
            OpenApiParameter("since", OpenApiTypes.DATETIME, description="revocations.until of the last manifest"),
        ],
        responses=ManifestSerializer,
    )
    def get(self, request: Request) -> Response:
        """Read what a scanner needs to decide without a network, signed and valid for a day."""
        named = {name: request.query_params[name] for name in ("event", "since") if name in request.query_params}
        query = ManifestQuerySerializer(data=named, context={"request": request})
        query.is_valid(raise_exception=True)
        user = actor(request)
        signed = sign_manifest(
            by=user,
            at=now(),
            scanner=find_own_scanner(user),
            event_id=query.validated_data.get("event"),
            since=query.validated_data.get("since"),
        )
        return Response({"manifest": signed.manifest, "key_id": signed.key_id, "signature": signed.signature})


def draw_svg(text: str, **options: Any) -> str:
    """Return the QR code of ``text`` as an SVG element."""
    drawn = io.BytesIO()
    # Level M mends 15 % of damage.
    segno.make(text, error="m", micro=False).save(drawn, kind="svg", border=4, xmldecl=False, **options)
    return drawn.getvalue().decode()
