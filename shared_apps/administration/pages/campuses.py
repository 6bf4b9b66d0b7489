"""The registry: campuses are made, changed, suspended, opened again and archived, by the services the API calls."""

from typing import Any, Final
from uuid import UUID

from django import forms
from django.core.validators import RegexValidator
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from unfold.widgets import (
    UnfoldAdminEmailInputWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from shared_apps.accounts.models import User
from shared_apps.accounts.roles import Can
from shared_apps.administration.pages.base import FormPage, Page, go, show, tell
from shared_apps.administration.pages.cells import badge, link, moment, two
from shared_apps.administration.pages.records import runs_of
from shared_apps.administration.selectors import CampusView, view_campuses
from shared_apps.campuses import services
from shared_apps.campuses.rules import PROVISIONING_STEPS
from shared_apps.campuses.selectors import get_campus
from shared_apps.common.clock import now
from shared_apps.common.errors import DomainError
from shared_apps.common.text import PRINTABLE
from tenants.models import Campus, CampusState, check_zone
from tenants.versions import code_version

COLUMNS: Final = ("Campus", "State", "Schema", "Last activity (UTC)", "People", "Visitors", "Given up")

# What may be done to a campus in which state: the service, the button, its colour, and what it says.
_CHANGES: Final = {
    "suspend": (
        CampusState.READY, services.suspend_campus, "Suspend", "danger",
        "Its people get 403 with their next request. Nothing is lost, and it can be opened again.",
    ),
    "reactivate": (
        CampusState.SUSPENDED, services.reactivate_campus, "Reactivate", "primary", "It is served again at once.",
    ),
    "archive": (
        CampusState.SUSPENDED, services.archive_campus, "Archive", "danger",
        "It is closed for good. Its data stay where they are; its code is never used again. There is no way back but a "
        "backup.",
    ),
}  # fmt: skip


def campus_cells(view: CampusView) -> list[Any]:
    """Return one row of a table of campuses."""
    campus = view.campus
    schema: Any = f"{campus.schema_version} of {code_version()}"
    return [
        two(link(reverse("admin:campus", args=[campus.pk]), campus.name), campus.code),
        badge(campus.state),
        two(schema, "behind") if view.is_behind else schema,
        moment(view.last_activity),
        _figure(view.figures.get("people_own")),
        _figure(view.figures.get("people_visiting")),
        view.stuck_messages or "–",
    ]


class HostsField(forms.CharField):
    """Host names, separated by spaces, commas or lines."""

    def clean(self, value: Any) -> list[str]:
        return super().clean(value).replace(",", " ").split()[:11]


def _text(**attrs: Any) -> UnfoldAdminTextInputWidget:
    return UnfoldAdminTextInputWidget(attrs=attrs)


class CampusForm(forms.Form):
    name = forms.CharField(max_length=100, validators=[PRINTABLE], widget=_text())
    hosts = HostsField(
        max_length=2600, widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        help_text="Host names that lead to it, the first one is the one people know. One a line.",
    )  # fmt: skip
    timezone = forms.CharField(
        max_length=50, validators=[check_zone], initial="Asia/Manila", label="Time zone", widget=_text()
    )

    def clean_hosts(self) -> list[str]:
        hosts: list[str] = self.cleaned_data["hosts"]
        if len(hosts) > 10:
            raise forms.ValidationError("At most 10 host names.")
        return hosts


class NewCampusForm(CampusForm):
    code = forms.CharField(
        max_length=16, widget=_text(autocapitalize="characters"),
        validators=[RegexValidator(r"\A[A-Za-z][A-Za-z0-9]{1,15}\Z", "2-16 letters and digits, a letter first.")],
        help_text="Short, and for ever: schema, login, tokens and passes carry it.",
    )  # fmt: skip
    username = forms.CharField(
        max_length=64, required=False, widget=_text(autocomplete="off"), label="Username of the first admin",
        validators=User._meta.get_field("username").validators,
        help_text="May be left empty, and made later with create_campus_admin.",
    )  # fmt: skip
    email = forms.EmailField(required=False, widget=UnfoldAdminEmailInputWidget(), label="E-mail of the first admin")
    first_name = forms.CharField(max_length=100, required=False, validators=[PRINTABLE], widget=_text())
    last_name = forms.CharField(max_length=100, required=False, validators=[PRINTABLE], widget=_text())
    password = forms.CharField(
        max_length=128, required=False, strip=False, label="Password of the first admin",
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}), help_text="At least 10 characters.",
    )  # fmt: skip
    field_order = ("code", "name", "hosts", "timezone", "username", "email", "first_name", "last_name", "password")

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        wanted = [name for name in ("username", "email", "first_name", "last_name", "password") if data.get(name)]
        for name in ("username", "password"):
            if wanted and not data.get(name) and name not in self.errors:
                self.add_error(name, "A first admin has a username and a password.")
        return data

    def body(self) -> dict[str, Any]:
        """Return what ``create_campus`` takes."""
        data = dict(self.cleaned_data)
        person = {name: data.pop(name) for name in ("username", "email", "first_name", "last_name", "password")}
        return {**data, "first_admin": person if person["username"] else None}


class ReasonForm(forms.Form):
    reason = forms.CharField(
        max_length=500, validators=[PRINTABLE], label="Why",
        widget=_text(placeholder="It is kept in the audit"),
    )  # fmt: skip


class CampusListPage(Page):
    """``/admin/campuses/``"""

    needs = Can.MANAGE_CAMPUSES

    def get(self, request: HttpRequest) -> HttpResponse:
        """List the campuses; the text that is asked for is in code or name."""
        asked = request.GET.get("q", "")[:100].strip()
        views = [
            view for view in view_campuses()
            if asked.casefold() in f"{view.campus.code} {view.campus.name} {view.campus.state}".casefold()
        ]  # fmt: skip
        table = {"headers": list(COLUMNS), "rows": [campus_cells(view) for view in views]}
        return show(request, "campuses.html", title="Campuses", table=table, asked=asked, count=len(views))


class NewCampusPage(FormPage):
    """``/admin/campuses/new/``"""

    needs = Can.MANAGE_CAMPUSES
    form, title, button, back = NewCampusForm, "New campus", "Create campus", "campuses"

    def do(self, request: HttpRequest, form: NewCampusForm) -> HttpResponse:
        """Enter a campus into the registry; the provisioner makes the rest."""
        campus = services.create_campus(by=self.by, at=now(), **form.body())
        return go(request, "campus", campus.pk, told=f"{campus.name} is being made.")


class CampusPage(Page):
    """``/admin/campuses/<id>/``"""

    needs = Can.MANAGE_CAMPUSES

    def get(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Show one campus, and what may be done with it; while it is being made, how far that is."""
        return show_campus(request, get_campus(pk))


class CampusChangePage(Page):
    """``/admin/campuses/<id>/change/``"""

    needs = Can.MANAGE_CAMPUSES

    def get(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        campus = get_campus(pk)
        hosts = "\n".join(_hosts(campus))
        form = CampusForm(initial={"name": campus.name, "hosts": hosts, "timezone": campus.timezone})
        return self._show(request, campus, form)

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Change name, hosts or time zone."""
        campus, form = get_campus(pk), CampusForm(request.POST)
        if not form.is_valid():
            return self._show(request, campus, form, status=400)
        try:
            services.update_campus(by=self.by, at=now(), campus_id=pk, changes=form.cleaned_data)
        except DomainError as refusal:
            tell(form, refusal)
            return self._show(request, campus, form, status=refusal.status)
        return go(request, "campus", pk, told="Changed.")

    def _show(self, request: HttpRequest, campus: Campus, form: forms.Form, status: int = 200) -> HttpResponse:
        return show(
            request, "form.html", title=f"Change {campus.name}", form=form, button="Save",
            back=reverse("admin:campus", args=[campus.pk]), status=status,
        )  # fmt: skip


class CampusStatePage(Page):
    """``/admin/campuses/<id>/suspend|reactivate|archive/``"""

    needs = Can.MANAGE_CAMPUSES

    def post(self, request: HttpRequest, pk: UUID, change: str) -> HttpResponse:
        """Change the campus's state, with a reason."""
        form = ReasonForm(request.POST)
        if not form.is_valid():
            return show_campus(request, get_campus(pk), failed=change, form=form, status=400)
        try:
            campus = _CHANGES[change][1](by=self.by, at=now(), campus_id=pk, reason=form.cleaned_data["reason"])
        except DomainError as refusal:
            tell(form, refusal)
            return show_campus(request, get_campus(pk), failed=change, form=form, status=refusal.status)
        return go(request, "campus", pk, told=f"{campus.name} is {campus.state}.")


def show_campus(
    request: HttpRequest, campus: Campus, *, failed: str = "", form: forms.Form | None = None, status: int = 200
) -> HttpResponse:
    """Return the page of one campus. ``failed`` names the change whose ``form`` was refused."""
    changes = [
        {
            "name": name, "button": button, "variant": variant, "text": text,
            "form": form if name == failed else ReasonForm(auto_id=f"id_{name}_%s"),
        }
        for name, (state, _, button, variant, text) in _CHANGES.items()
        if campus.state == state or name == failed
    ]  # fmt: skip
    step = campus.provisioning_step
    done = PROVISIONING_STEPS.index(step) if step in PROVISIONING_STEPS else 0
    facts = [
        ("Code", campus.code),
        ("State", badge(campus.state)),
        ("Why", campus.state_reason),
        ("Hosts", ", ".join(_hosts(campus))),
        ("Time zone", campus.timezone),
        ("Schema", f"{campus.schema_version} of {code_version()} migrations"),
        ("Last error", campus.provisioning_error),
        ("Entered (UTC)", moment(campus.created_at)),
        ("Changed (UTC)", moment(campus.updated_at)),
        ("Id", campus.pk),
    ]
    return show(
        request, "campus.html", title=campus.name, campus=campus, facts=[fact for fact in facts if fact[1]],
        changes=changes, runs=runs_of(campus.code), done=done, of=len(PROVISIONING_STEPS),
        percent=100 * done // len(PROVISIONING_STEPS), steps=list(enumerate(PROVISIONING_STEPS)),
        is_being_made=campus.state == CampusState.PROVISIONING, status=status,
    )  # fmt: skip


def _hosts(campus: Campus) -> list[str]:
    return [
        domain.host for domain in sorted(campus.domains.all(), key=lambda domain: (not domain.is_primary, domain.host))
    ]


def _figure(number: int | None) -> str:
    return "–" if number is None else f"{number:,}"
