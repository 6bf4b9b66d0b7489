"""The first page: the university at a glance."""

from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from shared_apps.accounts.roles import Can
from shared_apps.administration.pages.base import Page, show
from shared_apps.administration.pages.campuses import COLUMNS, campus_cells
from shared_apps.administration.pages.cells import badge, moment
from shared_apps.administration.selectors import University, view_university
from shared_apps.common.clock import now
from shared_apps.periodic.rules import state_of

_MOST_ROWS = 25


class DashboardPage(Page):
    """``/admin/``"""

    needs = Can.MANAGE_CAMPUSES

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show campuses, counts, and what somebody should look at."""
        at = now()
        university = view_university(at=at)
        runs = [
            [
                run.name, moment(run.begins_at), run.site,
                badge(state_of(state=run.state, expires_at=run.expires_at, at=at)),
            ]
            for run in university.last_runs
        ]  # fmt: skip
        return show(
            request, "dashboard.html", title="The university at a glance", cards=_cards(university),
            troubled=university.troubled[:_MOST_ROWS],
            campuses={
                "headers": list(COLUMNS), "rows": [campus_cells(view) for view in university.campuses[:_MOST_ROWS]],
            },
            more=len(university.campuses) - _MOST_ROWS,
            runs={"headers": ["Work", "Last turn (UTC)", "Last at", "Result"], "rows": runs},
        )  # fmt: skip


def _cards(university: University) -> list[dict[str, object]]:
    states = university.states
    closed = ", ".join(f"{count} {state}" for state, count in states.items() if count and state != "ready")
    given_up = university.given_up_messages + university.stuck_messages
    return [
        _card("Campuses in service", states["ready"], closed or "all of them", "campuses"),
        _card("People who came", university.total("people_own"), "at their campus, in twelve months", "campuses"),
        _card("People at other campuses", university.total("people_away"), "in twelve months", "ledger"),
        _card(
            "Failed runs", university.failed_runs, "of periodic work, in 24 hours", "runs",
            query="state=failed", is_bad=university.failed_runs > 0,
        ),
        _card("Messages waiting", university.waiting_messages, "on the public site", "jobs", query="state=waiting"),
        _card(
            "Messages given up", given_up, f"{university.stuck_messages} of them at campuses", "jobs",
            query="state=given+up", is_bad=given_up > 0,
        ),
    ]  # fmt: skip


def _card(title: str, number: int, text: str, page: str, *, query: str = "", is_bad: bool = False) -> dict[str, object]:
    href = reverse(f"admin:{page}") + (f"?{query}" if query else "")
    return {"title": title, "number": f"{number:,}", "text": text, "href": href, "is_bad": is_bad}
