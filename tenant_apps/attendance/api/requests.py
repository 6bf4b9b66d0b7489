"""``events/attendance-requests/``: corrections and excuses."""

from typing import Any, ClassVar
from uuid import UUID

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from shared_apps.accounts.api.base import ViewSet, actor
from shared_apps.accounts.roles import Can
from shared_apps.common.api.filters import BooleanFilter
from shared_apps.common.api.lists import answer_list
from shared_apps.common.api.serializers import IdField, InstantField, ReasonSerializer, StrictSerializer
from shared_apps.common.clock import now
from shared_apps.common.text import PRINTABLE, check_paragraphs
from tenant_apps.attendance.models import AttendanceRequest
from tenant_apps.attendance.rules.requests import (
    ExcuseCategory,
    RequestKind,
    RequestState,
    WantedStatus,
    is_overdue,
)
from tenant_apps.attendance.selectors.requests import get_request, list_own_requests, list_requests_to_decide
from tenant_apps.attendance.services.requests import approve_request, ask, decline_request, withdraw_request


class AskSerializer(StrictSerializer):
    """What somebody asks for themselves: an excuse has a category, a correction a session and a status."""

    kind = serializers.ChoiceField(choices=RequestKind.choices)
    event_id = IdField()
    session_id = IdField(
        required=False, allow_null=True, default=None, help_text="An excuse without one is for the whole event"
    )
    category = serializers.ChoiceField(choices=ExcuseCategory.choices, required=False, help_text="Of an excuse")
    status = serializers.ChoiceField(
        choices=WantedStatus.choices, required=False, help_text="Of a correction: `present` or `late`"
    )
    reason = serializers.CharField(max_length=2000, validators=[check_paragraphs])
    evidence = serializers.CharField(
        max_length=2000, required=False, default="", allow_blank=True, validators=[check_paragraphs],
        help_text="What proves it: a certificate's number, where it can be seen",
    )  # fmt: skip

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        is_excuse = attrs["kind"] == RequestKind.EXCUSE
        wanted, other = ("category", "status") if is_excuse else ("status", "category")
        if wanted not in attrs:
            raise ValidationError({wanted: [ErrorDetail("This field is required.", "required")]})
        if other in attrs:
            kind = "an excuse" if is_excuse else "a correction"
            raise ValidationError({other: [ErrorDetail(f"Not a part of {kind}.", "not_allowed")]})
        if attrs.get("status") == WantedStatus.EXCUSED:
            raise ValidationError({"status": [ErrorDetail("Ask for an excuse instead.", "invalid_choice")]})
        return attrs


class ApproveSerializer(StrictSerializer):
    """A request granted, as it was asked or as something else."""

    status = serializers.ChoiceField(choices=WantedStatus.choices, required=False, allow_null=True, default=None)
    reason = serializers.CharField(max_length=500, required=False, default="", allow_blank=True, validators=[PRINTABLE])


class AttendanceRequestSerializer(serializers.ModelSerializer):
    """One request with all its facts; whom it is about and who decides read the same."""

    event_title = serializers.CharField(source="event.title")
    session_name = serializers.SerializerMethodField(help_text="Null: the whole event")
    display_name = serializers.CharField(source="user.display_name")
    student_id = serializers.CharField(source="user.student_id", allow_null=True)
    attendance = serializers.UUIDField(
        source="attendance_id", allow_null=True, help_text="The attendance it is about; its history is there"
    )
    decided_by = serializers.UUIDField(source="decided_by_id", allow_null=True)
    is_overdue = serializers.SerializerMethodField()
    requested_at = InstantField()
    decide_by = InstantField()
    decided_at = InstantField(allow_null=True)

    class Meta:
        model = AttendanceRequest
        fields = (
            "id", "kind", "event", "event_title", "session", "session_name", "user", "display_name", "student_id",
            "wanted_status", "category", "reason", "evidence", "state", "requested_at", "decide_by", "is_overdue",
            "decided_at", "decided_by", "decision_reason", "attendance",
        )  # fmt: skip

    def get_session_name(self, request: AttendanceRequest) -> str | None:
        return request.session.name if request.session else None

    def get_is_overdue(self, request: AttendanceRequest) -> bool:
        return is_overdue(request.state, decide_by=request.decide_by, at=self.context["at"])


class RequestFilter(django_filters.FilterSet):
    """``overdue``: open, and the time to decide is over."""

    state = django_filters.ChoiceFilter(choices=RequestState.choices)
    kind = django_filters.ChoiceFilter(choices=RequestKind.choices)
    event = django_filters.UUIDFilter(field_name="event_id")
    overdue = BooleanFilter(method="are_overdue")

    class Meta:
        model = AttendanceRequest
        fields: tuple[str, ...] = ()

    def are_overdue(self, rows: QuerySet[AttendanceRequest], _: str, wanted: bool) -> QuerySet[AttendanceRequest]:
        overdue = {"state": RequestState.OPEN, "decide_by__lt": now()}
        return rows.filter(**overdue) if wanted else rows.exclude(**overdue)


class DecisionFilter(RequestFilter):
    """What was decided or withdrawn is shown only where it is asked for."""

    def filter_queryset(self, queryset):  # type: ignore[no-untyped-def]
        narrowed = super().filter_queryset(queryset)
        return narrowed if self.form.cleaned_data["state"] else narrowed.filter(state=RequestState.OPEN)


class AttendanceRequestViewSet(ViewSet):
    """Requests: one's own, and those that one decides."""

    queryset = AttendanceRequest.objects.none()
    serializer_class = AttendanceRequestSerializer
    filterset_class = RequestFilter
    lookup_value_converter = "uuid"
    permissions: ClassVar = {
        "list": Can.ASK_FOR_CORRECTION,
        "create": Can.ASK_FOR_CORRECTION,
        # Whose request it is and who decides; a super admin who acts here reads it too.
        "retrieve": Can.READ_ATTENDANCE,
        "withdraw": Can.ASK_FOR_CORRECTION,
        "to_decide": Can.DECIDE_REQUESTS,
        "approve": Can.DECIDE_REQUESTS,
        "decline": Can.DECIDE_REQUESTS,
    }

    @extend_schema(responses=AttendanceRequestSerializer(many=True))
    def list(self, request: Request) -> Response:
        """List what one has asked for, newest first."""
        return self._answer_list(request, list_own_requests(actor(request)), RequestFilter)

    @extend_schema(responses=AttendanceRequestSerializer(many=True), filters=True)
    @action(detail=False, url_path="to-decide", filterset_class=DecisionFilter)
    def to_decide(self, request: Request) -> Response:
        """List requests of others that wait for a decision, the most urgent first; others by ``state``."""
        return self._answer_list(request, list_requests_to_decide(actor(request)), DecisionFilter)

    @extend_schema(request=AskSerializer, responses={201: AttendanceRequestSerializer})
    def create(self, request: Request) -> Response:
        """Ask that one's own presence be corrected, or an absence excused, also before the event."""
        body = AskSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        data = body.validated_data
        made = ask(
            by=actor(request),
            at=now(),
            kind=RequestKind(data["kind"]),
            event_id=data["event_id"],
            session_id=data["session_id"],
            wanted_status=WantedStatus(data.get("status", WantedStatus.EXCUSED)),
            category=data.get("category", ""),
            reason=data["reason"],
            evidence=data["evidence"],
        )
        return self._answer(request, made, status=201)

    @extend_schema(responses=AttendanceRequestSerializer)
    def retrieve(self, request: Request, pk: UUID) -> Response:
        """Read one request of one's own, or on which one may decide."""
        return self._answer(request, get_request(user=actor(request), request_id=pk))

    @extend_schema(request=None, responses=AttendanceRequestSerializer)
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, pk: UUID) -> Response:
        """Take back an open request of one's own."""
        return self._answer(request, withdraw_request(by=actor(request), at=now(), request_id=pk))

    @extend_schema(request=ApproveSerializer, responses=AttendanceRequestSerializer)
    @action(detail=True, methods=["post"])
    def approve(self, request: Request, pk: UUID) -> Response:
        """Grant what somebody else asked for, or ``status`` in its place."""
        body = ApproveSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        status = body.validated_data["status"]
        decided = approve_request(
            by=actor(request), at=now(), request_id=pk, status=WantedStatus(status) if status else None,
            reason=body.validated_data["reason"],
        )  # fmt: skip
        return self._answer(request, decided)

    @extend_schema(request=ReasonSerializer, responses=AttendanceRequestSerializer)
    @action(detail=True, methods=["post"])
    def decline(self, request: Request, pk: UUID) -> Response:
        """Refuse what somebody else asked for, with a reason that they read."""
        body = ReasonSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        declined = decline_request(by=actor(request), at=now(), request_id=pk, reason=body.validated_data["reason"])
        return self._answer(request, declined)

    def _answer(self, request: Request, found: AttendanceRequest, *, status: int = 200) -> Response:
        context = {"request": request, "at": now()}
        return Response(AttendanceRequestSerializer(found, context=context).data, status=status)

    def _answer_list(
        self, request: Request, rows: QuerySet[AttendanceRequest], filters: type[RequestFilter]
    ) -> Response:
        at = now()
        return answer_list(
            request, rows=rows, filters=filters, serializer=AttendanceRequestSerializer, context=lambda _: {"at": at}
        )
