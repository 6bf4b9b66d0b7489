"""How lists of presence are narrowed."""

from typing import Any
from uuid import UUID

import django_filters
from django.db.models import F, Q, QuerySet

from shared_apps.accounts.models import User
from shared_apps.common.api.filters import BooleanFilter
from shared_apps.federation.models import Visit
from tenant_apps.attendance.models import Attendance, Scan
from tenant_apps.attendance.rules.scans import AttendanceStatus, Method, Outcome


class AttendanceFilter(django_filters.FilterSet):
    """Void rows are shown only where they are asked for."""

    event = django_filters.UUIDFilter(field_name="event_id")
    session = django_filters.UUIDFilter(field_name="session_id")
    user = django_filters.UUIDFilter(field_name="user_id")
    status = django_filters.ChoiceFilter(choices=AttendanceStatus.choices)
    marked_by_self = BooleanFilter(method="were_marked_by_self")
    ordering = django_filters.OrderingFilter(
        fields=(("created_at", "created_at"), ("first_in_at", "first_in_at"), ("status", "status"))
    )

    class Meta:
        model = Attendance
        fields: tuple[str, ...] = ()

    def were_marked_by_self(self, rows: QuerySet[Any], _: str, wanted: bool) -> QuerySet[Any]:
        if wanted:
            return rows.filter(operator_id=F("user_id")).exclude(method=Method.VENUE_CODE)
        unknown = Q(operator_id__isnull=True) | Q(user_id__isnull=True)
        return rows.filter(unknown | ~Q(operator_id=F("user_id")) | Q(method=Method.VENUE_CODE))

    def filter_queryset(self, queryset):  # type: ignore[no-untyped-def]
        narrowed = super().filter_queryset(queryset)
        return narrowed if self.form.cleaned_data["status"] else narrowed.exclude(status=AttendanceStatus.VOID)


class AwayFilter(AttendanceFilter):
    """The same for visits to other campuses."""

    user = django_filters.UUIDFilter(method="of_user")

    class Meta:
        model = Visit
        fields: tuple[str, ...] = ()

    def were_marked_by_self(self, rows: QuerySet[Any], _: str, wanted: bool) -> QuerySet[Any]:
        return rows.none() if wanted else rows

    def of_user(self, visits: QuerySet[Visit], _: str, user_id: UUID) -> QuerySet[Visit]:
        return visits.filter(person_id__in=User.objects.filter(pk=user_id).values("person_id"))


class ScanFilter(django_filters.FilterSet):
    """The scan log of an event, a session or a person."""

    event = django_filters.UUIDFilter(field_name="event_id")
    session = django_filters.UUIDFilter(field_name="session_id")
    user = django_filters.UUIDFilter(field_name="user_id")
    outcome = django_filters.ChoiceFilter(choices=Outcome.choices)
    code = django_filters.CharFilter(max_length=40)

    class Meta:
        model = Scan
        fields: tuple[str, ...] = ()
