"""What can be exported: each list once, with its path, its filters and its columns.

A filter is that of the list's own query string; those of the path are ``needed``. Tests compare both with the API's
description, and the rows with what the list answers.
"""

from dataclasses import dataclass
from string import Formatter
from typing import Final

from tenant_apps.exports.rules.cells import Kind


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its head, and where its value is in a row of the list."""

    title: str
    path: str
    kind: Kind = Kind.TEXT


@dataclass(frozen=True, slots=True)
class Dataset:
    """A list. ``part`` is where its rows are in the answer, where they are not all of it."""

    title: str
    path: str
    columns: tuple[Column, ...]
    query: tuple[str, ...] = ()
    part: str = ""

    @property
    def needed(self) -> tuple[str, ...]:
        """The ids that the path has."""
        return tuple(name for _, name, _, _ in Formatter().parse(self.path) if name)

    @property
    def filters(self) -> tuple[str, ...]:
        """Everything that it is narrowed by."""
        return (*self.needed, *self.query)


def _text(title: str, path: str) -> Column:
    return Column(title, path)


def _number(title: str, path: str) -> Column:
    return Column(title, path, Kind.NUMBER)


def _is(title: str, path: str) -> Column:
    return Column(title, path, Kind.YES_NO)


def _at(title: str, path: str) -> Column:
    return Column(title, path, Kind.INSTANT)


def _id(title: str, path: str) -> Column:
    return Column(title, path, Kind.ID)


_GROUP: Final = (
    _text("Department", "department"), _text("Program", "program"), _number("Year", "year_level"),
    _text("Section", "section"),
)  # fmt: skip
_PERSON: Final = (_text("Name", "display_name"), _text("Student number", "student_id"))
_SCOPE: Final = (
    "since", "until", "event", "session", "department", "program", "year_level", "section", "person", "home",
)  # fmt: skip
_COUNTS: Final = tuple(
    (title, name) for title, name in (
        ("Expected", "expected"), ("Came", "came"), ("Present", "present"), ("Late", "late"),
        ("Left early", "left_early"), ("Excused", "excused"), ("Absent", "absent"), ("Unaccounted", "unaccounted"),
        ("Visitors", "visitors"), ("Guests", "guests"), ("People", "people"), ("Rate", "rate"),
    )
)  # fmt: skip
_REQUEST: Final = (
    _text("Kind", "kind"), _text("State", "state"), *_PERSON, _text("Event", "event_title"),
    _text("Session", "session_name"), _text("Wanted", "wanted_status"), _text("Category", "category"),
    _text("Reason", "reason"), _at("Asked", "requested_at"), _at("Decide by", "decide_by"),
    _at("Decided", "decided_at"), _text("Reason of the decision", "decision_reason"), _id("Id", "id"),
)  # fmt: skip

DATASETS: Final[dict[str, Dataset]] = {
    "people": Dataset(
        "People", "accounts/users/",
        (*_PERSON, _text("Last name", "last_name"), _text("First name", "first_name"), _text("Username", "username"),
         _text("E-mail", "email"), _text("Role", "role"), *_GROUP, _text("Telephone", "phone"),
         _is("Active", "is_active"), _at("Created", "created_at"), _id("Id", "id")),
        ("search", "role", "is_active", "student_id", "department", "program", "year_level", "section", "ordering"),
    ),
    "events": Dataset(
        "Events", "events/events/",
        (_text("Title", "title"), _text("Venue", "venue"), _text("Status", "status"), _at("Starts", "starts_at"),
         _at("Ends", "ends_at"), _text("Organizer", "organizer_name"), _text("Campus", "campus"),
         _text("Registration", "registration"), _number("Capacity", "capacity"), _is("Required", "is_required"),
         _is("Shared", "is_federated"), _text("Cancelled because", "cancel_reason"), _id("Id", "id")),
        ("search", "status", "date", "mine", "ongoing", "organizer", "starts_after", "starts_before", "ordering"),
    ),
    "sessions": Dataset(
        "Sessions", "events/events/{event}/sessions/",
        (_text("Session", "name"), _at("Opens", "opens_at"), _at("Starts", "starts_at"),
         _at("Late after", "late_after"), _at("Ends", "ends_at"), _at("Closes", "closes_at"),
         _is("Check-out", "requires_check_out"), _at("Closed", "closed_at"), _id("Id", "id")),
    ),
    "registrations": Dataset(
        "Registrations", "events/events/{event}/registrations/",
        (*_PERSON, _text("State", "state"), _number("Position", "position"), _is("Walk-in", "is_walk_in"),
         _at("Asked", "requested_at"), _at("Waiting since", "waiting_since"), _at("Promoted", "promoted_at"),
         _at("Decided", "decided_at"), _text("Reason", "reason"), _id("Id", "id")),
        ("search", "state", "is_walk_in", "ordering"),
    ),
    "guests": Dataset(
        "Guests", "events/events/{event}/guests/",
        (_text("Name", "name"), _text("Organization", "organization"), _text("E-mail", "email"),
         _text("Telephone", "phone"), _text("State", "state"), _is("Walk-in", "is_walk_in"),
         _at("Asked", "requested_at"), _id("Id", "id")),
        ("search", "state"),
    ),
    "expected": Dataset(
        "Expected", "events/events/{event}/sessions/{session}/expected/",
        (*_PERSON, *_GROUP, _text("Status", "status"), _at("First scan", "first_in_at"),
         _text("Counted at", "attended_at"), _id("Person", "user")),
        ("status", "department", "program", "year_level", "section"),
    ),
    "attendance": Dataset(
        "Attendance", "events/attendance/",
        (*_PERSON, _text("Event", "event_title"), _text("Session", "session_name"), _text("Status", "status"),
         _at("First scan", "first_in_at"), _at("Last scan", "last_out_at"), _text("Method", "method"),
         _text("Home campus", "home_campus"), _text("Campus", "campus"), _is("Marked by self", "marked_by_self"),
         _id("Id", "id")),
        ("event", "session", "user", "status", "marked_by_self", "ordering"),
    ),
    "scans": Dataset(
        "Scans", "events/attendance/scans/",
        (_at("Counts as of", "effective_at"), _text("Outcome", "outcome"), _text("Code", "code"),
         _text("Direction", "direction"), _text("Method", "method"), _text("Door", "door"), _text("Reason", "reason"),
         _at("Captured", "captured_at"), _at("Received", "received_at"), _is("Time corrected", "time_corrected"),
         _id("Event", "event"), _id("Session", "session"), _id("Person", "user"), _id("Guest", "guest"),
         _id("Operator", "operator"), _id("Scanner", "scanner"), _id("Id", "id")),
        ("event", "session", "user", "outcome", "code"),
    ),
    "requests": Dataset("Own requests", "events/attendance-requests/", _REQUEST, ("state", "kind", "event", "overdue")),
    "requests_to_decide": Dataset(
        "Requests", "events/attendance-requests/to-decide/", _REQUEST, ("state", "kind", "event", "overdue")
    ),
    "reviews": Dataset(
        "Reviews", "events/flags/",
        (_text("Kind", "kind"), _text("State", "state"), _text("Event", "event_title"),
         _text("Session", "session_name"), _text("What", "detail"), _at("Raised", "raised_at"),
         _at("Reviewed", "reviewed_at"), _text("Note", "note"), _id("Id", "id")),
        ("kind", "state", "event"),
    ),
    "scanners": Dataset(
        "Scanners", "events/scanners/",
        (_text("Name", "name"), _text("Kind", "kind"), _text("State", "state"), _at("Enrolled", "enrolled_at"),
         _at("Until", "expires_at"), _at("Revoked", "revoked_at"), _at("Last heard", "last_contact_at"),
         _text("Hardware", "hardware"), _text("Software", "software"), _id("Events", "event_ids"), _id("Id", "id")),
    ),
    "certificates": Dataset(
        "Certificates", "certificates/",
        (_text("Name", "name"), _text("Event", "event_title"), _text("Session", "session_name"),
         Column("Held on", "held_on", Kind.DAY), _is("Valid", "valid"), _at("Issued", "issued_at"),
         _at("Revoked", "revoked_at"), _text("Reason", "revoke_reason"), _id("Code", "code"), _id("Id", "id")),
        ("event",),
    ),
    "visits": Dataset(
        "Visits", "federation/visits/",
        (_text("Name", "display_name"), _text("Event", "event_title"), _text("Session", "session_name"),
         _text("Host", "host"), _text("Home", "home"), _text("Status", "status"), _at("First scan", "first_in_at"),
         _at("Last scan", "last_out_at"), _id("Person", "person_id"), _id("Id", "id")),
        ("event", "host", "home", "status", "after", "before", "away", "direction", "ordering"),
    ),
    "figures": Dataset(
        "Figures", "reports/figures/",
        (_text("Event", "key.title"), _text("Session", "key.name"), _at("Starts", "key.starts_at"),
         Column("Day", "key.day", Kind.DAY), _text("Department", "key.department"), _text("Program", "key.program"),
         _number("Year", "key.year_level"), _text("Section", "key.section"), _text("Name", "key.display_name"),
         _text("Student number", "key.student_id"), _text("Home", "key.home"),
         *(_number(title, name) for title, name in _COUNTS),
         _at("First scan", "first_scan_at"), _at("Last scan", "last_scan_at")),
        (*_SCOPE, "per"),
    ),
    "report_rows": Dataset(
        "People at sessions", "reports/rows/",
        (*_PERSON, *_GROUP, _text("Home", "home"), _text("Event", "title"), _text("Session", "session_name"),
         _at("Starts", "starts_at"), _is("Expected", "is_expected"), _text("Status", "status"),
         _at("First scan", "first_in_at"), _at("Last scan", "last_out_at"), _id("Attendance", "attendance")),
        (*_SCOPE, "figure"),
    ),
    "arrivals": Dataset(
        "Arrivals", "reports/arrivals/",
        (_at("From", "at"), _number("Came", "came"), _number("So far", "so_far")), (*_SCOPE, "minutes"),
    ),
    "comparison": Dataset(
        "Comparison", "reports/comparison/",
        (_at("From", "since"), _at("Until", "until"),
         *(_number(title, f"figures.{name}") for title, name in _COUNTS),
         *(_number(f"{title}, difference", f"difference.{name}") for title, name in
           (("Expected", "expected"), ("Came", "came"), ("Rate", "rate"))), _id("Event", "event")),
        ("department", "program", "year_level", "section", "person", "home", "events", "periods"),
    ),
    "visit_counts": Dataset(
        "Visits by campus", "reports/visits/",
        (_text("Host", "host"), _text("Home", "home"), _number("Visits", "visits"), _number("People", "people"),
         _number("Events", "events"), _at("First", "first_at"), _at("Last", "last_at")),
        ("event", "since", "until"),
    ),
    "transcript": Dataset(
        "Participation", "reports/transcript/",
        (_text("Event", "event_title"), _text("Session", "session_name"), _text("Host", "host"), _text("Home", "home"),
         _text("Origin", "origin"), _text("Status", "status"), _at("First scan", "first_in_at"),
         _at("Last scan", "last_out_at")),
        ("user", "since", "until"), part="entries",
    ),
}  # fmt: skip
