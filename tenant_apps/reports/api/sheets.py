"""Papers of an event as PDF: the sheet that people sign, and the list of who was there."""

from datetime import datetime
from typing import Any, ClassVar, Final
from uuid import UUID

from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request

from shared_apps.accounts.api.base import View, actor
from shared_apps.accounts.roles import Can
from shared_apps.common.api.files import answer_file
from shared_apps.common.clock import now
from tenant_apps.attendance.selectors.roster import get_roster_event
from tenant_apps.events.errors import SessionNotFound
from tenant_apps.events.models import Event, Session
from tenant_apps.reports.api.queries import ScopeQuery, read_query, read_scope
from tenant_apps.reports.documents import name_group, print_attendance_list, print_signature_sheet
from tenant_apps.reports.errors import PaperTooLong
from tenant_apps.reports.rules import GROUP_PARTS, Scope
from tenant_apps.reports.selectors.rows import read_rows
from tenant_apps.reports.selectors.scopes import get_reported_event
from tenant_apps.reports.selectors.sheets import list_signers

MOST_ON_PAPER: Final = 5000
_PDF: Final = {(200, "application/pdf"): OpenApiResponse(OpenApiTypes.BINARY, "A4, as many pages as it takes")}


class SheetQuery(ScopeQuery):
    """Of one session, of one group; without anything, everybody of the event."""

    event = person = home = since = until = None  # type: ignore[assignment]


class SignatureSheetView(View):
    """``events/events/{id}/signature-sheet/``"""

    permissions: ClassVar = {"get": Can.READ_ROSTER}

    @extend_schema(parameters=[SheetQuery], responses=_PDF)
    def get(self, request: Request, event_id: UUID) -> HttpResponseBase:
        """Save the sheet that people sign, of an event that one runs: whoever is expected or has a place, by section
        and name, with lines for others.
        """
        at, data = now(), read_query(request, SheetQuery)
        event = get_roster_event(user=actor(request), event_id=event_id, at=at)
        session = _find_session(event, data)
        scope = Scope(event_id=event.pk, **{part: data[part] for part in GROUP_PARTS if part in data})
        people = list_signers(event=event, scope=scope, most=MOST_ON_PAPER + 1)
        return _answer(request, print_signature_sheet, people, event, session, data, at=at, name="signatures")


class AttendanceListView(View):
    """``events/events/{id}/attendance-list/``"""

    permissions: ClassVar = {"get": Can.READ_REPORTS}

    @extend_schema(parameters=[SheetQuery], responses=_PDF)
    def get(self, request: Request, event_id: UUID) -> HttpResponseBase:
        """Save the list of who was at an event that one runs and who was not, to be signed and filed."""
        at, data = now(), read_query(request, SheetQuery)
        event = get_reported_event(user=actor(request), event_id=event_id)
        session = _find_session(event, data)
        scope = read_scope(request, {**data, "event": event.pk})
        facts = read_rows(scope=scope, figure=None, most=MOST_ON_PAPER + 1).lines
        facts.sort(key=lambda one: (one["starts_at"], *(str(one[part]).casefold() for part in GROUP_PARTS)))
        return _answer(request, print_attendance_list, facts, event, session, data, at=at, name="attendance")


def _find_session(event: Event, data: dict[str, Any]) -> Session | None:
    if "session" not in data:
        return None
    session = Session.objects.filter(pk=data["session"], event=event).first()
    if session is None:
        raise SessionNotFound
    return session


def _answer(
    request: Request, print_paper: Any, lines: list[dict[str, Any]], event: Event, session: Session | None,
    data: dict[str, Any], *, at: datetime, name: str,
) -> HttpResponseBase:  # fmt: skip
    if len(lines) > MOST_ON_PAPER:
        raise PaperTooLong
    asked = {part: data.get(part, "") for part in GROUP_PARTS}
    group = " ".join(part for part in (asked["department"] if asked["program"] else "", name_group(asked)) if part)
    content = print_paper(lines, event=event, session=session, group=group, at=at)
    return answer_file(
        request, content, media_type="application/pdf", name=f"{name}-{event.pk.hex[:8]}.pdf", cache="no-store"
    )
