"""``events/events/{id}/walk-ins/``: whoever stands at the door without a place."""

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from shared_apps.accounts.api.base import View, actor
from shared_apps.accounts.roles import Can
from shared_apps.common.api.serializers import IdField, StrictModelSerializer, StrictSerializer
from shared_apps.common.clock import now
from tenant_apps.attendance.api.serializers import ErrorSerializer, ScanAnswerSerializer
from tenant_apps.attendance.services.walk_ins import admit_walk_in
from tenant_apps.events.models import Guest, Registration


class WalkInGuestSerializer(StrictModelSerializer):
    """What is known of a guest."""

    class Meta:
        model = Guest
        fields = ("name", "organization", "email", "phone")


class WalkInWriteSerializer(StrictSerializer):
    """Exactly one of ``user_id``, ``student_id`` and ``guest``."""

    user_id = IdField(required=False)
    student_id = serializers.CharField(max_length=20, required=False)
    guest = WalkInGuestSerializer(required=False)
    session_id = IdField(required=False, help_text="Needed only while several sessions of the event are open")
    scan_id = IdField(required=False, help_text="Your own id of this call: sent again it gets the same answer")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if len({"user_id", "student_id", "guest"} & attrs.keys()) != 1:
            problem = ErrorDetail("Name exactly one of user_id, student_id and guest.", "identify_person")
            raise ValidationError({"user_id": [problem]})
        return attrs


class WalkInPlaceSerializer(serializers.ModelSerializer):
    """The place that was given."""

    class Meta:
        model = Registration
        fields = ("id", "event", "user", "guest", "state", "is_walk_in")


class WalkInSerializer(serializers.Serializer):
    """The place, and the answer to the scan."""

    registration = WalkInPlaceSerializer()
    guest_pass = serializers.CharField(allow_null=True, help_text="Of guests; it is not kept, and not shown again")
    scan = ScanAnswerSerializer()


class WalkInRefusalSerializer(WalkInSerializer):
    """The same where presence was refused: the place is theirs all the same."""

    type = serializers.CharField()
    errors = ErrorSerializer(many=True)  # type: ignore[assignment]


class WalkInView(View):
    """``events/events/{id}/walk-ins/``"""

    takes_idempotency_key = False  # scan_id is the key
    permissions: ClassVar = {"post": Can.MANAGE_REGISTRATIONS}

    @extend_schema(
        request=WalkInWriteSerializer,
        responses={201: WalkInSerializer, 200: WalkInSerializer, 422: WalkInRefusalSerializer},
    )
    def post(self, request: Request, event_id: UUID) -> Response:
        """Give a place and record presence: 201 recorded, 200 recorded before, 422 the place alone was given."""
        body = WalkInWriteSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        admitted = admit_walk_in(by=actor(request), at=now(), event_id=event_id, **body.validated_data)
        answer: dict[str, Any] = {
            "registration": WalkInPlaceSerializer(admitted.registration).data,
            "guest_pass": admitted.guest_pass,
            "scan": admitted.scan.body,
        }
        # A refused scan has the one shape of errors, and so has this.
        answer |= {name: admitted.scan.body[name] for name in ("type", "errors") if name in admitted.scan.body}
        return Response(answer, status=admitted.scan.status)
