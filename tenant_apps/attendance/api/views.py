"""``events/attendance/``: presence."""

from typing import ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from shared_apps.accounts.api.base import ViewSet, actor
from shared_apps.accounts.roles import Can, may
from shared_apps.common.api.lists import Part, answer_cursor_list, answer_merged_list
from shared_apps.common.api.pagination import Cursor
from shared_apps.common.api.serializers import ReasonSerializer
from shared_apps.common.clock import now
from shared_apps.federation.selectors import get_invited_event, get_visit
from tenant_apps.attendance.api.filters import AttendanceFilter, AwayFilter, ScanFilter
from tenant_apps.attendance.api.plain import read_plain_scan
from tenant_apps.attendance.api.serializers import (
    AttendanceSerializer,
    AwayAttendanceSerializer,
    CorrectSerializer,
    HistoryEntrySerializer,
    MarkAttendanceSerializer,
    ScanAnswerSerializer,
    ScanRefusalSerializer,
    ScanSerializer,
    read_scan,
)
from tenant_apps.attendance.errors import AttendanceNotFound, ProofRequired
from tenant_apps.attendance.models import Attendance
from tenant_apps.attendance.rules.scans import AttendanceStatus
from tenant_apps.attendance.selectors.attendance import (
    get_attendance,
    list_attendance,
    list_away_attendance,
    list_scans,
)
from tenant_apps.attendance.selectors.history import list_history
from tenant_apps.attendance.services.corrections import correct_attendance, undo_attendance
from tenant_apps.attendance.services.recording import record_scan
from tenant_apps.attendance.services.verdicts import measure_skew
from tenant_apps.events.selectors.events import find_visible_event


class AttendanceViewSet(ViewSet):
    """What scans amount to, and the one call that records them."""

    queryset = Attendance.objects.none()
    serializer_class = AttendanceSerializer
    filterset_class = AttendanceFilter
    lookup_value_converter = "uuid"
    permissions: ClassVar = {
        "list": Can.READ_ATTENDANCE,
        "retrieve": Can.READ_ATTENDANCE,
        "mark_attendance": Can.CALL_MARK_ATTENDANCE,
        "undo": Can.CORRECT_ATTENDANCE,
        "correct": Can.CORRECT_ATTENDANCE,
        "history": Can.READ_ATTENDANCE,
        "scans": Can.CORRECT_ATTENDANCE,
    }

    @property
    def takes_idempotency_key(self) -> bool:  # type: ignore[override]
        """Recording has a key of its own, ``scan_id``, and may not run inside another transaction."""
        return self.action != "mark_attendance"

    @extend_schema(responses=AttendanceSerializer(many=True))
    def list(self, request: Request) -> Response:
        """List attendance: students their own, organizers that of the events they run, campus admins all; with the
        visits of the same people to other campuses. Newest first: by when it was written.
        """
        here = Part(list_attendance(actor(request)), AttendanceFilter, AttendanceSerializer)
        away = Part(list_away_attendance(actor(request)), AwayFilter, AwayAttendanceSerializer)
        return answer_merged_list(request, parts=[here, away], order_columns=("created_at", "first_in_at", "status"))

    @extend_schema(responses=AttendanceSerializer)
    def retrieve(self, request: Request, pk: UUID) -> Response:
        """Read one attendance, or a visit to another campus by its id (its history is at ``federation/visits/``)."""
        user = actor(request)
        try:
            found = get_attendance(user=user, attendance_id=pk)
        except AttendanceNotFound:
            away = get_visit(list_away_attendance(user), pk)
            return Response(AwayAttendanceSerializer(away, context={"request": request}).data)
        return Response(AttendanceSerializer(found, context={"request": request}).data)

    @extend_schema(
        request=MarkAttendanceSerializer,
        responses={
            201: ScanAnswerSerializer,
            200: ScanAnswerSerializer,
            403: ScanRefusalSerializer,
            404: ScanRefusalSerializer,
            422: ScanRefusalSerializer,
        },
    )
    @action(detail=False, methods=["post"])
    def mark_attendance(self, request: Request) -> Response:
        """Record somebody's presence: 201 recorded, 200 recorded before, 422 refused by a rule (and stored). ``rules``
        says what was looked at; with ``dry_run`` the answer is the same, and nothing is written.
        """
        user = actor(request)
        may_mark = may(user.role, Can.MARK_ATTENDANCE)
        data = read_plain_scan(request.data) if may_mark else None
        if data is None:
            body = MarkAttendanceSerializer(data=request.data, context={"request": request, "needs_person": may_mark})
            body.is_valid(raise_exception=True)
            data = body.validated_data
        if not may_mark:
            if find_visible_event(user=user, event_id=data["event_id"]) is None:
                get_invited_event(data["event_id"])
            raise ProofRequired
        at = now()
        skew = measure_skew(device_now=data.get("device_now"), at=at)
        answer = record_scan(by=user, at=at, scan=read_scan(data, skew=skew), dry_run=data["dry_run"])
        return Response(answer.body, status=answer.status)

    @extend_schema(request=ReasonSerializer, responses=AttendanceSerializer)
    @action(detail=True, methods=["post"])
    def undo(self, request: Request, pk: UUID) -> Response:
        """Make an attendance void, with a reason. The scans stay; a later scan may revive it."""
        body = ReasonSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        attendance = undo_attendance(
            by=actor(request), at=now(), attendance_id=pk, reason=body.validated_data["reason"]
        )
        return Response(AttendanceSerializer(attendance, context={"request": request}).data)

    @extend_schema(request=CorrectSerializer, responses=AttendanceSerializer)
    @action(detail=True, methods=["post"])
    def correct(self, request: Request, pk: UUID) -> Response:
        """Decide what an attendance is, with a reason. The scans stay; the decision is appended to its history."""
        body = CorrectSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        attendance = correct_attendance(
            by=actor(request), at=now(), attendance_id=pk, status=AttendanceStatus(body.validated_data["status"]),
            reason=body.validated_data["reason"],
        )  # fmt: skip
        return Response(AttendanceSerializer(attendance, context={"request": request}).data)

    @extend_schema(responses=HistoryEntrySerializer(many=True))
    @action(detail=True, pagination_class=None, filterset_class=None)
    def history(self, request: Request, pk: UUID) -> Response:
        """Read how an attendance came to be: its scans and decisions in order, who, when and why."""
        entries = list_history(get_attendance(user=actor(request), attendance_id=pk))
        return Response(HistoryEntrySerializer(entries, many=True, context={"request": request}).data)

    @extend_schema(responses=ScanSerializer(many=True), filters=True)
    @action(detail=False, filterset_class=ScanFilter, pagination_class=Cursor)
    def scans(self, request: Request) -> Response:
        """Read the scan log, refusals included, newest first, by cursor."""
        rows = list_scans(actor(request))
        return answer_cursor_list(request, rows=rows, filters=ScanFilter, serializer=ScanSerializer)
