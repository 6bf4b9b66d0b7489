"""What stands in the cells of tables."""

from datetime import datetime
from typing import Any, Final

from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString

_COLOURS: Final = {
    "ready": "success", "done": "success", "present": "success", "published": "success",
    "provisioning": "info", "sent": "info", "waiting": "info", "late": "info", "completed": "info",
    "suspended": "warning", "lost": "warning", "refused": "warning",
    "failed": "danger", "given up": "danger", "void": "danger", "cancelled": "danger",
}  # fmt: skip


def badge(text: str) -> SafeString:
    """Return a state in its colour; the word says it too."""
    label = render_to_string("unfold/helpers/label.html", {"text": text, "type": _COLOURS.get(text, "")})
    return format_html("{}", SafeString(" ".join(label.split())))  # one line: facts make breaks of lines


def link(href: str, text: str) -> SafeString:
    """Return a link."""
    return format_html('<a class="eas-link" href="{}">{}</a>', href, text)


def moment(at: datetime | None) -> Any:
    """Return an instant in UTC, to the second."""
    if at is None:
        return "–"
    return format_html(
        '<time datetime="{}">{} <span class="eas-quiet">{}</span></time>',
        at.isoformat(), f"{at:%d %b %Y}", f"{at:%H:%M:%S}",
    )  # fmt: skip


def code(text: object) -> SafeString:
    """Return an id or a name of a thing."""
    return format_html('<code class="eas-code">{}</code>', text)


def two(main: Any, below: Any) -> Any:
    """Return two lines."""
    if not below:
        return main
    return format_html('<span class="eas-two"><span>{}</span><span class="eas-quiet">{}</span></span>', main, below)
