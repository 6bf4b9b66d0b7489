"""How the ledger and the shared events are narrowed."""

import django_filters
from django.db.models import F, QuerySet

from shared_apps.common.api.filters import BooleanFilter, InstantFilter
from shared_apps.federation.models import FederatedEvent, Visit
from shared_apps.federation.rules import FederatedKind, FederatedStatus, VisitStatus
from tenants.context import current_campus


class FederatedEventFilter(django_filters.FilterSet):
    """``search`` looks in the title; every word must be found."""

    search = django_filters.CharFilter(method="find", max_length=64, label="Words in the title")
    kind = django_filters.ChoiceFilter(choices=FederatedKind.choices)
    host = django_filters.CharFilter(lookup_expr="iexact", max_length=16)
    status = django_filters.ChoiceFilter(choices=FederatedStatus.choices)
    starts_after = InstantFilter(field_name="starts_at", lookup_expr="gte")
    starts_before = InstantFilter(field_name="starts_at", lookup_expr="lt")
    ordering = django_filters.OrderingFilter(fields=(("starts_at", "starts_at"), ("title", "title")))

    class Meta:
        model = FederatedEvent
        fields: tuple[str, ...] = ()

    def find(self, events: QuerySet[FederatedEvent], _: str, text: str) -> QuerySet[FederatedEvent]:
        for word in text.split()[:5]:
            events = events.filter(title__icontains=word)
        return events


class VisitFilter(django_filters.FilterSet):
    """Void visits are shown only where they are asked for."""

    event = django_filters.UUIDFilter(field_name="event_id")
    host = django_filters.CharFilter(lookup_expr="iexact", max_length=16)
    home = django_filters.CharFilter(lookup_expr="iexact", max_length=16)
    status = django_filters.ChoiceFilter(choices=VisitStatus.choices)
    after = InstantFilter(field_name="first_in_at", lookup_expr="gte")
    before = InstantFilter(field_name="first_in_at", lookup_expr="lt")
    away = BooleanFilter(method="only_away", label="Whether host and home differ")
    ordering = django_filters.OrderingFilter(fields=(("first_in_at", "first_in_at"), ("status", "status")))

    class Meta:
        model = Visit
        fields: tuple[str, ...] = ()

    def only_away(self, visits: QuerySet[Visit], _: str, wanted: bool) -> QuerySet[Visit]:
        return visits.exclude(host=F("home")) if wanted else visits.filter(host=F("home"))

    def filter_queryset(self, queryset):  # type: ignore[no-untyped-def]
        narrowed = super().filter_queryset(queryset)
        return narrowed if self.form.cleaned_data["status"] else narrowed.exclude(status=VisitStatus.VOID)


class CampusVisitFilter(VisitFilter):
    """``direction``: ``away`` are this campus's people at others, ``here`` those of others at this one."""

    direction = django_filters.ChoiceFilter(
        method="in_direction", choices=[("away", "away"), ("here", "here"), ("home", "home")]
    )

    def in_direction(self, visits: QuerySet[Visit], _: str, direction: str) -> QuerySet[Visit]:
        me = current_campus().code
        if direction == "home":
            return visits.filter(host=me, home=me)
        return (
            visits.filter(home=me).exclude(host=me)
            if direction == "away"
            else visits.filter(host=me).exclude(home=F("host"))
        )
