"""Papers of an event: the sheet that people sign, and the list of who was there."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from tenant_apps.documents.printing import print_document
from tenant_apps.events.models import Event, Session
from tenant_apps.events.rules.telling import moment, span
from tenants.context import current_campus

_SOURCE: Final = (Path(__file__).parent / "sheet.typ").read_bytes()
# Lines for people whom nobody knew of.
_BLANK: Final = 10
_BLANK_WITHOUT_NAMES: Final = 20
_STATUSES: Final = {"left_early": "left early", None: "not recorded"}


def print_signature_sheet(
    people: Sequence[Mapping[str, Any]], *, event: Event, session: Session | None, group: str, at: datetime
) -> bytes:
    """Return the sheet that people sign, with some lines for those who are not on it.

    Raises: StorageUnavailable.
    """
    rows = [
        [str(number), one["display_name"], one["student_id"] or "", name_group(one), ""]
        for number, one in enumerate(people, start=1)
    ]
    rows += [["", "", "", "", ""] for _ in range(_BLANK if people else _BLANK_WITHOUT_NAMES)]
    columns = [("No.", 0), ("Name", 5), ("Number", 2), ("Section", 3), ("Signature", 4)]
    return _print("Signature sheet", columns, rows, event=event, session=session, group=group, at=at, height=7)


def print_attendance_list(
    facts: Sequence[Mapping[str, Any]], *, event: Event, session: Session | None, group: str, at: datetime
) -> bytes:
    """Return the list of who was at an event, or at one session, and who was not; ``facts`` as ``read_rows`` has them.

    Raises: StorageUnavailable.
    """
    rows = [
        [
            str(number), one["display_name"] or "", one["student_id"] or ("guest" if one["kind"] == "guest" else ""),
            name_group(one) if one["kind"] == "own" else one["home"], one["session_name"],
            _STATUSES.get(one["status"], one["status"]), _clock(one["first_in_at"]), _clock(one["last_out_at"]),
        ]
        for number, one in enumerate(facts, start=1)
    ]  # fmt: skip
    columns = [
        ("No.", 0), ("Name", 5), ("Number", 2.4), ("Section", 3), ("Session", 2.4), ("Status", 2), ("In", 2.8),
        ("Out", 2.8),
    ]  # fmt: skip
    return _print("Attendance list", columns, rows, event=event, session=session, group=group, at=at, height=4)


def name_group(one: Mapping[str, Any]) -> str:
    """Return the program, year and section of somebody as they are called: BSIT 2-A."""
    year = "-".join(str(part) for part in (one["year_level"], one["section"]) if part)
    return " ".join(part for part in (one["program"] or one["department"], year) if part)


def _print(
    title: str, columns: Sequence[tuple[str, float]], rows: list[list[str]], *, event: Event,
    session: Session | None, group: str, at: datetime, height: float,
) -> bytes:  # fmt: skip
    zone = current_campus().zone
    held = session or event
    when = span(held.starts_at, held.ends_at, zone)
    about = [session.name if session else "", when, event.venue, group]
    words = {
        "title": title, "event": event.title, "about": [line for line in about if line],
        "made": f"Printed {moment(at, zone)}", "rows": rows, "height": height,
        "columns": [{"title": name, "width": width} for name, width in columns],
        "signed_by": ["Organizer: name and signature", "Date"],
    }  # fmt: skip
    return print_document(_SOURCE, words=words, at=at, tagged=False)


def _clock(at: datetime | None) -> str:
    return f"{at.astimezone(current_campus().zone):%d %b %H:%M}" if at else ""
