"""Roles, and the one table that says what each may do.

Printed into docs/reference/permissions.md; proven route by route in tests/isolation.
"""

from typing import Final

from django.db import models


class Role(models.TextChoices):
    """A super admin exists on the public site only, the others on a campus only."""

    STUDENT = "student"
    ORGANIZER = "organizer"
    SCANNER = "scanner"
    KIOSK = "kiosk"
    CAMPUS_ADMIN = "campus_admin"
    SUPER_ADMIN = "super_admin"


CAMPUS_ROLES: Final = (Role.STUDENT, Role.ORGANIZER, Role.SCANNER, Role.KIOSK, Role.CAMPUS_ADMIN)
STAFF_ROLES: Final = (Role.ORGANIZER, Role.CAMPUS_ADMIN)


class Can(models.TextChoices):
    """Something a route lets people do. The label is the sentence the docs print."""

    ANYONE = "anyone", "Without signing in: sign in, read the API's description"
    USE_OWN_ACCOUNT = "use_own_account", "Read and edit one's own account, tokens and password"
    CARRY_PASS = "carry_pass", "Have a pass of one's own"
    REPLACE_PASS = "replace_pass", "Replace a pass (others than campus admins: their own)"
    READ_PERSON = "read_person", "Read a person (students and scanners: themselves)"
    EDIT_PROFILE = "edit_profile", "Change a profile (others than campus admins: their own telephone number)"
    READ_CAMPUS = "read_campus", "Read the campus one is at"
    LIST_PEOPLE = "list_people", "List and read people of the campus"
    MANAGE_PEOPLE = "manage_people", "Create, change and deactivate people; import rosters"
    READ_EVENTS = "read_events", "Read published events (organizers: also their own drafts)"
    HAVE_CALENDAR = "have_calendar", "Have a calendar of one's own events, and end it"
    MANAGE_EVENTS = "manage_events", "Create events, and change those one runs (campus admins: all)"
    MARK_ATTENDANCE = "mark_attendance", "Record the presence of others"
    CALL_MARK_ATTENDANCE = "call_mark_attendance", "Call mark_attendance: without a proof it answers proof_required"
    READ_ATTENDANCE = "read_attendance", "Read attendance (students: their own)"
    CORRECT_ATTENDANCE = "correct_attendance", "Undo a recorded presence, with a reason"
    REGISTER = "register", "Take and give back one's own place at an event; read one's own places"
    MANAGE_REGISTRATIONS = "manage_registrations", "Read, approve and decline places; enter walk-ins and guests"
    READ_ROSTER = "read_roster", "Read who is expected at an event (scanners: at those they are enrolled for)"
    CALL_ROLL = "call_roll", "Record a whole section in one call; send a file of scans"
    SEND_SCANS = "send_scans", "Send scans that were taken without a network"
    MANAGE_SCANNERS = "manage_scanners", "Enrol, list and revoke scanners (organizers: of events they run)"
    READ_MANIFEST = "read_manifest", "Read what a scanner needs to decide without a network"
    SHOW_VENUE_CODE = "show_venue_code", "Show the code of the venue (organizers: of events they run)"
    ENTER_VENUE_CODE = "enter_venue_code", "Record one's own presence with the code of the venue"
    ASK_FOR_CORRECTION = "ask_for_correction", "Ask for a correction or an excuse; read one's own requests"
    DECIDE_REQUESTS = "decide_requests", "Decide on corrections and excuses of others"
    REVIEW_FLAGS = "review_flags", "Read and close what looks suspicious"
    READ_NOTICES = "read_notices", "Read one's own notices, and choose how they come"
    SET_LOGO = "set_logo", "Give the campus a logo, and remove it"
    HAVE_PHOTO = "have_photo", "Have a photo of oneself, and remove it"
    SEE_PHOTOS = "see_photos", "See the photos of others"
    LIST_UPLOADS = "list_uploads", "List what one has uploaded (campus admins: everything), and the room that is left"
    READ_CERTIFICATES = "read_certificates", "Read certificates (students: their own; organizers: of events they run)"
    ISSUE_CERTIFICATES = "issue_certificates", "Word, issue and revoke certificates (organizers: of events they run)"
    WORD_CERTIFICATES = "word_certificates", "Decide what the campus's certificates say"
    REGISTER_AWAY = "register_away", "Take and give back one's own place at another campus's event"
    READ_VISITS = "read_visits", "Read visits to and from other campuses (students: their own)"
    READ_REPORTS = "read_reports", "Read reports (organizers: of the events they run)"
    FOLLOW_EVENTS = "follow_events", "Follow the attendance of an event live (organizers: of events they run)"
    FOLLOW_ONESELF = "follow_oneself", "Follow one's own marks live"
    EXPORT = "export", "Have lists and reports that one may read made into files; fetch one's own files"
    READ_TRANSCRIPT = "read_transcript", "Read one's own participation (campus admins: anybody's)"
    READ_OVERVIEW = "read_overview", "Read figures of all campuses"
    READ_LEDGER = "read_ledger", "Read the ledger of all campuses and its totals"
    READ_JOBS = "read_jobs", "Read what ran when, the messages that wait, and the audit of the public site"
    MANAGE_FEDERATION = "manage_federation", "Call university-wide events; compare and repair the ledger"
    TRANSFER_PEOPLE = "transfer_people", "Offer, accept and cancel transfers of students; read anybody's transcript"
    MANAGE_CAMPUSES = "manage_campuses", "Create, change, suspend, reactivate and archive campuses"
    ACT_IN_CAMPUS = "act_in_campus", "Write a grant to act in a campus; read who had one"


_EVERYBODY = frozenset(CAMPUS_ROLES) - {Role.KIOSK}  # a kiosk records, and is shown nothing else
_PEOPLE = _EVERYBODY - {Role.SCANNER}
_DEVICES = frozenset({Role.SCANNER, Role.KIOSK})
_STAFF = frozenset(STAFF_ROLES)

PERMISSIONS: Final[dict[Can, frozenset[Role]]] = {
    Can.USE_OWN_ACCOUNT: _EVERYBODY | {Role.KIOSK, Role.SUPER_ADMIN},
    Can.CARRY_PASS: _PEOPLE,
    Can.REPLACE_PASS: _PEOPLE,
    Can.READ_PERSON: _EVERYBODY,
    Can.EDIT_PROFILE: _EVERYBODY,
    Can.READ_CAMPUS: _EVERYBODY | {Role.KIOSK},
    Can.LIST_PEOPLE: _STAFF,
    Can.MANAGE_PEOPLE: frozenset({Role.CAMPUS_ADMIN}),
    Can.READ_EVENTS: _EVERYBODY,
    Can.HAVE_CALENDAR: _PEOPLE,
    Can.MANAGE_EVENTS: _STAFF,
    Can.CALL_MARK_ATTENDANCE: _EVERYBODY | {Role.KIOSK},
    Can.MARK_ATTENDANCE: _STAFF | _DEVICES,
    Can.READ_ATTENDANCE: _PEOPLE,
    Can.CORRECT_ATTENDANCE: _STAFF,
    Can.REGISTER: _PEOPLE,
    Can.MANAGE_REGISTRATIONS: _STAFF,
    Can.READ_ROSTER: _STAFF | {Role.SCANNER},
    Can.CALL_ROLL: _STAFF,
    Can.SEND_SCANS: _STAFF | _DEVICES,
    Can.MANAGE_SCANNERS: _STAFF,
    Can.READ_MANIFEST: _STAFF | {Role.SCANNER},
    Can.SHOW_VENUE_CODE: _STAFF,
    Can.ENTER_VENUE_CODE: _PEOPLE,
    Can.ASK_FOR_CORRECTION: _PEOPLE,
    Can.DECIDE_REQUESTS: _STAFF,
    Can.REVIEW_FLAGS: _STAFF,
    Can.READ_NOTICES: _PEOPLE,
    Can.SET_LOGO: frozenset({Role.CAMPUS_ADMIN}),
    Can.HAVE_PHOTO: _PEOPLE,
    Can.SEE_PHOTOS: _STAFF | {Role.SCANNER},
    Can.LIST_UPLOADS: _PEOPLE,
    Can.READ_CERTIFICATES: _PEOPLE,
    Can.ISSUE_CERTIFICATES: _STAFF,
    Can.WORD_CERTIFICATES: frozenset({Role.CAMPUS_ADMIN}),
    Can.REGISTER_AWAY: _PEOPLE,
    Can.READ_VISITS: _PEOPLE,
    Can.READ_REPORTS: _STAFF,
    Can.FOLLOW_EVENTS: _STAFF,
    Can.FOLLOW_ONESELF: _PEOPLE,
    Can.EXPORT: _PEOPLE,
    Can.READ_TRANSCRIPT: _PEOPLE,
    Can.READ_OVERVIEW: frozenset({Role.SUPER_ADMIN}),
    Can.READ_LEDGER: frozenset({Role.SUPER_ADMIN}),
    Can.READ_JOBS: frozenset({Role.SUPER_ADMIN}),
    Can.MANAGE_FEDERATION: frozenset({Role.SUPER_ADMIN}),
    Can.TRANSFER_PEOPLE: frozenset({Role.CAMPUS_ADMIN}),
    Can.MANAGE_CAMPUSES: frozenset({Role.SUPER_ADMIN}),
    Can.ACT_IN_CAMPUS: frozenset({Role.SUPER_ADMIN}),
}
# A super admin who acts in a campus may there what a campus admin may, except this: it takes a person of the campus.
NOT_WHILE_ACTING: Final = frozenset(
    {
        Can.USE_OWN_ACCOUNT,
        Can.CARRY_PASS,
        Can.FOLLOW_ONESELF,
        Can.HAVE_PHOTO,
        Can.HAVE_CALENDAR,
        Can.REGISTER_AWAY,
        Can.REGISTER,
        Can.ENTER_VENUE_CODE,
        Can.ASK_FOR_CORRECTION,
        Can.READ_NOTICES,
        Can.EXPORT,
    }
)


def may(role: str, what: Can) -> bool:
    """Return whether ``role`` may do ``what``."""
    return role in PERMISSIONS.get(what, frozenset())
