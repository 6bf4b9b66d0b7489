"""How lists of events are narrowed: an allow-list of filters, search and ordering."""

import datetime as dt
from typing import Any

import django_filters
from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet

from shared_apps.common.api.filters import BooleanFilter, InstantFilter
from shared_apps.common.clock import EARLIEST, LATEST, now, to_instant
from shared_apps.federation.models import FederatedEvent
from tenant_apps.events.models import Event
from tenant_apps.events.rules.events import EventStatus
from tenants.context import current_campus


class _DayFormField(forms.DateField):
    def clean(self, value: Any) -> Any:
        day: dt.date | None = super().clean(value)
        if day is not None and not EARLIEST.date() <= day < LATEST.date():
            raise ValidationError("Must lie between the years 2000 and 2100.", code="out_of_range")
        return day


class DayFilter(django_filters.Filter):
    """Filter by a day of the campus."""

    field_class = _DayFormField
    openapi_format = "date"


class EventFilter(django_filters.FilterSet):
    """``search`` looks in title, venue and description; every word must be found."""

    search = django_filters.CharFilter(method="find", max_length=64, label="Words in title, venue and description")
    status = django_filters.ChoiceFilter(choices=EventStatus.choices)
    starts_after = InstantFilter(field_name="starts_at", lookup_expr="gte")
    starts_before = InstantFilter(field_name="starts_at", lookup_expr="lt")
    date = DayFilter(method="on_day", label="Events that happen on this day of the campus")
    organizer = django_filters.UUIDFilter(field_name="organizer_id")
    mine = BooleanFilter(method="only_mine", label="Events that one runs")
    ongoing = BooleanFilter(method="only_ongoing", label="Events that are happening now")
    ordering = django_filters.OrderingFilter(
        fields=(("starts_at", "starts_at"), ("title", "title"), ("created_at", "created_at"), ("status", "status"))
    )

    class Meta:
        model = Event
        fields: tuple[str, ...] = ()

    def find(self, events: QuerySet[Event], _: str, text: str) -> QuerySet[Event]:
        for word in text.split()[:5]:
            events = events.filter(Q(title__icontains=word) | Q(venue__icontains=word) | Q(description__icontains=word))
        return events

    def on_day(self, events: QuerySet[Event], _: str, day: dt.date) -> QuerySet[Event]:
        zone = current_campus().zone
        begins = to_instant(dt.datetime.combine(day, dt.time()), zone)
        ends = to_instant(dt.datetime.combine(day + dt.timedelta(days=1), dt.time()), zone)
        return events.filter(starts_at__lt=ends, ends_at__gte=begins)

    def only_mine(self, events: QuerySet[Event], _: str, wanted: bool) -> QuerySet[Event]:
        mine = Q(organizer_id=self.request.user.pk)
        return events.filter(mine if wanted else ~mine)

    def only_ongoing(self, events: QuerySet[Event], _: str, wanted: bool) -> QuerySet[Event]:
        moment = now()
        running = Q(status=EventStatus.PUBLISHED, starts_at__lte=moment, ends_at__gte=moment)
        return events.filter(running if wanted else ~running)


class InvitedEventFilter(EventFilter):
    """The same for events of other campuses: nobody here runs them."""

    organizer = django_filters.UUIDFilter(method="of_nobody")

    class Meta:
        model = FederatedEvent
        fields: tuple[str, ...] = ()

    def of_nobody(self, events: QuerySet[Any], _: str, organizer: Any) -> QuerySet[Any]:
        return events.none()

    def only_mine(self, events: QuerySet[Any], _: str, wanted: bool) -> QuerySet[Any]:
        return events.none() if wanted else events
