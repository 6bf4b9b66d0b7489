"""Shared events: all are shown, university-wide ones are called and cancelled here."""

from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from unfold.widgets import (
    SELECT_CLASSES,
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from shared_apps.accounts.roles import Can
from shared_apps.administration.pages.base import FormPage, Page, go, show
from shared_apps.administration.pages.campuses import ReasonForm
from shared_apps.administration.pages.cells import badge, link, moment, two
from shared_apps.administration.pages.lists import Filters, ListPage
from shared_apps.common.clock import EARLIEST, LATEST, now
from shared_apps.common.text import PRINTABLE, check_paragraphs
from shared_apps.federation.models import FederatedEvent
from shared_apps.federation.rules import FederatedKind, FederatedStatus
from shared_apps.federation.selectors import get_federated_event, list_federated_events, list_invitations
from shared_apps.federation.services import university
from tenants.models import CampusState
from tenants.registry import list_campuses


class EventFilters(Filters):
    kind = Filters.choice("Kind", FederatedKind.values)
    status = Filters.choice("Status", FederatedStatus.values)
    title = Filters.text("Title", most=100)


class EventListPage(ListPage):
    """Every event that several campuses share, latest start first."""

    needs = Can.MANAGE_FEDERATION
    title = "Shared events"
    lead = "Every event that several campuses share: hosted by one of them, or called for all, latest start first."
    columns = ("Event", "Kind", "Campuses", "Status", "Starts (UTC)")
    filters = EventFilters
    template = "events.html"

    def rows(self, asked: dict[str, Any]) -> QuerySet[FederatedEvent]:
        events = list_federated_events()
        for field, value in (
            ("kind", asked["kind"]),
            ("status", asked["status"]),
            ("title__icontains", asked["title"]),
        ):
            if value:
                events = events.filter(**{field: value})
        return events

    def cells(self, row: FederatedEvent) -> list[Any]:
        return [
            two(link(reverse("admin:event", args=[row.pk]), row.title), row.venue),
            row.kind,
            row.host or f"{len(row.participants)} campuses",
            badge(row.status),
            moment(row.starts_at),
        ]


class _When(forms.DateTimeField):
    """Wall time; the form says in which zone."""

    def __init__(self, label: str) -> None:
        widget = UnfoldAdminTextInputWidget(attrs={"type": "datetime-local"})
        widget.input_type = "datetime-local"
        super().__init__(label=label, widget=widget, input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"])

    def to_python(self, value: Any) -> Any:
        moment = super().to_python(value)
        return moment.replace(tzinfo=None) if moment else moment


class CallForm(forms.Form):
    """What ``call_event`` takes, with times on the clock of a zone."""

    title = forms.CharField(max_length=200, validators=[PRINTABLE], widget=UnfoldAdminTextInputWidget())
    description = forms.CharField(
        max_length=10_000, required=False, validators=[check_paragraphs],
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 4}),
    )  # fmt: skip
    venue = forms.CharField(max_length=200, required=False, validators=[PRINTABLE], widget=UnfoldAdminTextInputWidget())
    starts_at = _When("Starts")
    ends_at = _When("Ends")
    zone = forms.ChoiceField(
        label="On the clock of", widget=UnfoldAdminSelectWidget(attrs={"class": " ".join(SELECT_CLASSES)})
    )
    campuses = forms.MultipleChoiceField(
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
        help_text="Each gets a draft of its own to fill in, within seconds.",
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        ready = [campus for campus in list_campuses() if campus.state == CampusState.READY]
        zones = [campus.zone.key for campus in ready]
        known = sorted(set(zones), key=lambda zone: (-zones.count(zone), zone))
        self.fields["zone"].choices = [(zone, zone) for zone in dict.fromkeys([*known, "UTC"])]  # type: ignore[attr-defined]
        self.fields["campuses"].choices = [(campus.code, f"{campus.name} ({campus.code})") for campus in ready]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        zone = data.get("zone")
        for name in ("starts_at", "ends_at"):
            if zone and data.get(name):
                data[name] = data[name].replace(tzinfo=ZoneInfo(zone))
                if not EARLIEST <= data[name] < LATEST:
                    self.add_error(name, "Must lie between the years 2000 and 2100.")
        return data


class CallPage(FormPage):
    """``/admin/events/new/``"""

    needs = Can.MANAGE_FEDERATION
    form, title, button, back = CallForm, "Call a university-wide event", "Call event", "events"

    def do(self, request: HttpRequest, form: CallForm) -> HttpResponse:
        """Call one event at several campuses."""
        data = {name: value for name, value in form.cleaned_data.items() if name != "zone"}
        event = university.call_event(by=self.by, at=now(), **data)
        return go(request, "event", event.pk, told=f"“{event.title}” is called at {len(event.participants)} campuses.")


class EventPage(Page):
    """``/admin/events/<id>/``"""

    needs = Can.MANAGE_FEDERATION

    def get(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Show one shared event."""
        return show_event(request, get_federated_event(pk))


class CancelPage(Page):
    """``/admin/events/<id>/cancel/``"""

    needs = Can.MANAGE_FEDERATION

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Call it off at every campus; what was counted stays counted."""
        form = ReasonForm(request.POST)
        if not form.is_valid():
            return show_event(request, get_federated_event(pk), form=form, status=400)
        event = university.cancel_event(by=self.by, at=now(), event_id=pk, reason=form.cleaned_data["reason"])
        return go(request, "event", pk, told=f"“{event.title}” is called off.")


def show_event(
    request: HttpRequest, event: FederatedEvent, *, form: forms.Form | None = None, status: int = 200
) -> HttpResponse:
    """Return the page of one event."""
    is_ours = event.kind == FederatedKind.UNIVERSITY
    facts = [
        ("Status", badge(event.status)),
        ("Why", event.cancel_reason),
        ("Kind", event.kind),
        ("Host", event.host),
        ("Campuses", ", ".join(event.participants)),
        ("Venue", event.venue),
        ("Starts (UTC)", moment(event.starts_at)),
        ("Ends (UTC)", moment(event.ends_at)),
        ("Description", event.description),
        ("Id", event.pk),
    ]
    invited = [
        [
            row.campus,
            "any number" if row.seats is None else row.seats,
            row.taken,
            "withdrawn" if row.withdrawn_at else "–",
        ]
        for row in list_invitations([event.pk])
    ]
    return show(
        request, "event.html", title=event.title, event=event, facts=[fact for fact in facts if fact[1]],
        invitations={"headers": ["Campus", "Seats", "Taken", "Withdrawn"], "rows": invited} if invited else None,
        may_cancel=is_ours and event.status != FederatedStatus.CANCELLED, form=form or ReasonForm(), status=status,
    )  # fmt: skip
