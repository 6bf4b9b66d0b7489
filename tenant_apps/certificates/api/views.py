"""``certificates/``: one's own and those of the events one runs, their words, runs, and the page that verifies one."""

import base64
import hashlib
import re
from pathlib import Path
from typing import Any, ClassVar, Final
from uuid import UUID

import django_filters
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.template import Context, Engine
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from shared_apps.accounts.api.base import View, actor
from shared_apps.accounts.roles import Can
from shared_apps.common.api.files import answer_file
from shared_apps.common.api.lists import answer_list
from shared_apps.common.api.renderers import JSONRenderer
from shared_apps.common.api.serializers import IdField, InstantField, ReasonSerializer, StrictSerializer
from shared_apps.common.clock import now
from shared_apps.common.text import PRINTABLE
from tenant_apps.certificates.documents import print_certificate
from tenant_apps.certificates.errors import CertificateNotFound, CertificateRevoked
from tenant_apps.certificates.models import Certificate, Run
from tenant_apps.certificates.rules import HEADING, MOST_SIGNATORIES, TEXT, is_valid
from tenant_apps.certificates.selectors import find_by_code, find_template, get_certificate, get_run, list_certificates
from tenant_apps.certificates.services import request_run, revoke_certificate, set_template
from tenant_apps.events.selectors.registrations import get_run_event
from tenants.context import current_campus

_SOURCE: Final = (Path(__file__).parent / "page.html").read_text()
_PAGE: Final = Engine(autoescape=True).from_string(_SOURCE)
_STYLE: Final = base64.b64encode(
    hashlib.sha256(re.findall(r"<style>(.*?)</style>", _SOURCE, re.DOTALL)[0].encode()).digest()
)
_POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_STYLE.decode()}'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)


def _holds(certificate: Certificate) -> bool:
    return is_valid(revoked=certificate.revoked_at is not None, status=certificate.attendance.status)


class CertificateSerializer(serializers.ModelSerializer):
    """One certificate, to whose it is and who runs the event."""

    event = serializers.UUIDField(source="attendance.event_id")
    session = serializers.UUIDField(source="attendance.session_id")
    valid = serializers.SerializerMethodField(help_text="Not revoked, and the presence still stands")
    issued_at = InstantField()
    revoked_at = InstantField(allow_null=True)

    class Meta:
        model = Certificate
        fields = (
            "id", "code", "attendance", "event", "session", "name", "event_title", "session_name", "held_on",
            "heading", "text", "signatories", "valid", "issued_at", "revoked_at", "revoke_reason",
        )  # fmt: skip

    def get_valid(self, certificate: Certificate) -> bool:
        return _holds(certificate)


class CertificateFilter(django_filters.FilterSet):
    """Narrow by the event."""

    event = django_filters.UUIDFilter(field_name="attendance__event_id")

    class Meta:
        model = Certificate
        fields: tuple[str, ...] = ()


class CertificateListView(View):
    """``certificates/``"""

    filterset_class = CertificateFilter
    permissions: ClassVar = {"get": Can.READ_CERTIFICATES}

    @extend_schema(operation_id="certificates_list", responses=CertificateSerializer(many=True))
    def get(self, request: Request) -> Response:
        """List one's own certificates (organizers: also of the events they run; campus admins: all), newest first."""
        rows = list_certificates(actor(request))
        return answer_list(request, rows=rows, filters=CertificateFilter, serializer=CertificateSerializer)


class CertificatePDFView(View):
    """``certificates/{id}/pdf/``"""

    permissions: ClassVar = {"get": Can.READ_CERTIFICATES}

    @extend_schema(responses={(200, "application/pdf"): OpenApiResponse(OpenApiTypes.BINARY, "A page, A4")})
    def get(self, request: Request, certificate_id: UUID) -> HttpResponseBase:
        """Save a certificate as PDF, while it is valid."""
        found = get_certificate(user=actor(request), certificate_id=certificate_id)
        if not _holds(found):
            raise CertificateRevoked
        address = request.build_absolute_uri(reverse("verify-certificate", args=[found.code]))
        return answer_file(
            request, print_certificate(found, address=address), media_type="application/pdf", cache="no-store",
            name=f"certificate-{found.code.hex[:8]}.pdf",
        )  # fmt: skip


class RevokeView(View):
    """``certificates/{id}/revoke/``"""

    permissions: ClassVar = {"post": Can.ISSUE_CERTIFICATES}

    @extend_schema(request=ReasonSerializer, responses=CertificateSerializer)
    def post(self, request: Request, certificate_id: UUID) -> Response:
        """Revoke a certificate of an event that one runs, for good."""
        body = ReasonSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        revoked = revoke_certificate(
            by=actor(request), at=now(), certificate_id=certificate_id, reason=body.validated_data["reason"]
        )
        return Response(CertificateSerializer(revoked, context={"request": request}).data)


class SignatorySerializer(StrictSerializer):
    """Who signs."""

    name = serializers.CharField(max_length=100, validators=[PRINTABLE])
    position = serializers.CharField(
        max_length=100, required=False, default="", allow_blank=True, validators=[PRINTABLE]
    )


class TemplateSerializer(StrictSerializer):
    """What certificates say. Placeholders: {name}, {event}, {session}, {date}, {campus}."""

    heading = serializers.CharField(max_length=100, required=False, default=HEADING, validators=[PRINTABLE])
    text = serializers.CharField(
        max_length=600, required=False, default=TEXT, validators=[PRINTABLE], help_text="What follows the name"
    )
    signatories = SignatorySerializer(
        many=True,
        required=False,
        default=list,
        max_length=MOST_SIGNATORIES,  # type: ignore[call-arg]
    )


class TemplateView(View):
    """``certificates/template/``"""

    permissions: ClassVar = {"get": Can.ISSUE_CERTIFICATES, "put": Can.WORD_CERTIFICATES}

    @extend_schema(responses=TemplateSerializer)
    def get(self, request: Request) -> Response:
        """Read what the campus's certificates say."""
        return _answer_template(None)

    @extend_schema(request=TemplateSerializer, responses=TemplateSerializer)
    def put(self, request: Request) -> Response:
        """Decide what the campus's certificates will say, where an event does not say it by itself."""
        return _set_template(request, None)


class EventTemplateView(View):
    """``certificates/templates/{event_id}/``"""

    permissions: ClassVar = dict.fromkeys(("get", "put"), Can.ISSUE_CERTIFICATES)

    @extend_schema(operation_id="certificates_event_template_retrieve", responses=TemplateSerializer)
    def get(self, request: Request, event_id: UUID) -> Response:
        """Read what certificates of an event that one runs say."""
        return _answer_template(get_run_event(user=actor(request), event_id=event_id).pk)

    @extend_schema(request=TemplateSerializer, responses=TemplateSerializer)
    def put(self, request: Request, event_id: UUID) -> Response:
        """Decide what certificates of an event that one runs will say. Those that were issued stay as they are."""
        return _set_template(request, event_id)


def _answer_template(event_id: UUID | None) -> Response:
    found = find_template(event_id)
    return Response(TemplateSerializer(found or {"heading": HEADING, "text": TEXT, "signatories": []}).data)


def _set_template(request: Request, event_id: UUID | None) -> Response:
    body = TemplateSerializer(data=request.data)
    body.is_valid(raise_exception=True)
    data = {**body.validated_data, "signatories": [dict(one) for one in body.validated_data["signatories"]]}
    template = set_template(by=actor(request), at=now(), event_id=event_id, **data)
    return Response(TemplateSerializer(template).data)


class RunRequestSerializer(StrictSerializer):
    """The event."""

    event_id = IdField()


class RunSerializer(serializers.ModelSerializer):
    """How far a run is. ``issued``: those who had none before."""

    created_at = InstantField()
    finished_at = InstantField(allow_null=True)

    class Meta:
        model = Run
        fields = ("id", "event", "state", "total", "processed", "issued", "created_at", "finished_at")
        extra_kwargs: ClassVar = {"state": {"help_text": "`queued`, `running` or `done`"}}


class RunListView(View):
    """``certificates/runs/``"""

    permissions: ClassVar = {"post": Can.ISSUE_CERTIFICATES}

    @extend_schema(request=RunRequestSerializer, responses={202: RunSerializer})
    def post(self, request: Request) -> Response:
        """Have certificates issued for everybody who was present or late, at each session. A worker does it."""
        body = RunRequestSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        run = request_run(by=actor(request), at=now(), event_id=body.validated_data["event_id"])
        return Response(RunSerializer(run, context={"request": request}).data, status=202)


class RunView(View):
    """``certificates/runs/{id}/``"""

    permissions: ClassVar = {"get": Can.ISSUE_CERTIFICATES}

    @extend_schema(responses=RunSerializer)
    def get(self, request: Request, run_id: UUID) -> Response:
        """Read how far a run is."""
        run = get_run(user=actor(request), run_id=run_id)
        return Response(RunSerializer(run, context={"request": request}).data)


class VerifiedSerializer(serializers.Serializer):
    """All that a stranger learns: what the paper says, and whether it holds."""

    valid = serializers.BooleanField()
    name = serializers.CharField()
    event = serializers.CharField()
    session = serializers.CharField()
    held_on = serializers.DateField()
    campus = serializers.CharField()


class PageRenderer(BaseRenderer):
    """For browsers. The page is made by the view; errors stay JSON."""

    media_type = "text/html"
    format = "html"

    def render(self, data: Any, accepted_media_type: Any = None, renderer_context: Any = None) -> bytes:
        renderer_context["response"]["Content-Type"] = "application/json"
        return JSONRenderer().render(data)


class VerifyView(View):
    """``certificates/verify/{code}/``"""

    renderer_classes = [JSONRenderer, PageRenderer]
    permissions: ClassVar = {"get": Can.ANYONE}

    @extend_schema(
        responses={(200, "application/json"): VerifiedSerializer, (200, "text/html"): OpenApiResponse(OpenApiTypes.STR)}
    )
    def get(self, request: Request, code: UUID) -> HttpResponseBase:
        """Verify a certificate: a page for browsers, JSON for others."""
        found = find_by_code(code)
        wants_page = request.accepted_renderer.format == "html"
        if found is None and not wants_page:
            raise CertificateNotFound
        answer = {} if found is None else VerifiedSerializer(_tell(found)).data
        return _page(answer) if wants_page else Response(answer)


def _tell(found: Certificate) -> dict[str, Any]:
    return {
        "valid": _holds(found), "name": found.name, "event": found.event_title, "session": found.session_name,
        "held_on": found.held_on, "campus": current_campus().name,
    }  # fmt: skip


def _page(answer: Any) -> HttpResponse:
    title = (
        "No such certificate" if not answer
        else "This certificate is valid" if answer["valid"]
        else "This certificate is not valid any more"
    )  # fmt: skip
    page = HttpResponse(_PAGE.render(Context({"title": title, "found": answer})), status=200 if answer else 404)
    page["Content-Security-Policy"] = _POLICY
    return page
