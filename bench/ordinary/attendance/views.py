"""The guide's ``mark_attendance``, made to work: a scanner names the student."""

from typing import Any

from rest_framework import serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response

from bench.ordinary.attendance.models import Attendance, Event, User


class MayScan(BasePermission):
    """Staff and scanners record."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Return whether the role may."""
        return request.user.role in {"scanner", "organizer", "campus_admin"}


class MarkSerializer(serializers.Serializer):
    """What the scanner sends."""

    event_id = serializers.PrimaryKeyRelatedField(queryset=Event.objects.all())
    student_id = serializers.SlugRelatedField(slug_field="student_id", queryset=User.objects.all())


class AttendanceSerializer(serializers.ModelSerializer):
    """What it gets."""

    class Meta:
        model = Attendance
        fields = "__all__"


class AttendanceViewSet(viewsets.ModelViewSet):
    """Attendance."""

    queryset = Attendance.objects.all()
    serializer_class = AttendanceSerializer
    permission_classes = [MayScan]

    @action(detail=False, methods=["post"])
    def mark_attendance(self, request: Request) -> Response:
        """Record a presence."""
        body = MarkSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        event, user = body.validated_data["event_id"], body.validated_data["student_id"]
        if event.status != "published":
            return Response({"error": "The event is not open"}, status=status.HTTP_400_BAD_REQUEST)
        if Attendance.objects.filter(event=event, user=user).exists():
            return Response({"error": "Already recorded"}, status=status.HTTP_400_BAD_REQUEST)
        attendance = Attendance.objects.create(event=event, user=user, scanned_by=request.user)
        return Response(self.get_serializer(attendance).data, status=status.HTTP_201_CREATED)
