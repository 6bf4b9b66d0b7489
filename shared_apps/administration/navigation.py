"""What the side bar and the menu under one's name lead to; unfold asks for it by name (``settings.UNFOLD``)."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse

_PAGES = (
    ("", (("At a glance", "monitoring", "index"),)),
    ("University", (("Campuses", "account_balance", "campuses"), ("Shared events", "event", "events"))),
    (
        "Records",
        (
            ("Ledger", "menu_book", "ledger"),
            ("Audit", "policy", "audit"),
        ),
    ),
    ("Work", (("Periodic work", "schedule", "runs"), ("Messages", "outbox", "jobs"))),
)


def list_pages(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the side bar's groups of pages."""
    return [
        {
            "title": title,
            "separator": False,
            "items": [{"title": name, "icon": icon, "link": reverse(f"admin:{page}")} for name, icon, page in pages],
        }
        for title, pages in _PAGES
    ]


def list_account_links(request: HttpRequest) -> list[dict[str, Any]]:
    """Return what one may do with one's own account."""
    return [{"title": "Change password", "link": reverse("admin:password")}]
