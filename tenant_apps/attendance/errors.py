"""What attendance refuses without storing: a wrong caller, not a refused scan."""

from shared_apps.common.errors import Conflict, Forbidden, Invalid, NotFound, TooManyRequests, Unprocessable


class EventNotFound(NotFound):
    code = "not_found"


class AttendanceNotFound(NotFound):
    code = "not_found"


class SessionNotFound(NotFound):
    code = "not_found"


class SessionNotClosed(Conflict):
    code = "session_not_closed"
    detail = "Who was expected is known once the session was closed."


class NotYourEvent(Forbidden):
    code = "not_your_event"
    detail = "Organizers record and correct attendance of the events they run."


class ScannerNotValid(Forbidden):
    code = "scanner_not_valid"
    detail = "This scanner is revoked, or its time is over."


class ProofRequired(Unprocessable):
    code = "proof_required"
    detail = "Nobody marks themselves or a friend: show your pass at the door."


class ScanIdReused(Conflict):
    code = "scan_id_reused"
    detail = "This scan_id was used for another scan."


class PersonNotNamed(Invalid):
    code = "identify_person"
    detail = "Name the person by exactly one of pass, guest_pass, student_id and user_id."


class AlreadyVoid(Conflict):
    code = "already_void"
    detail = "This attendance is void already."


class ScannerNotFound(NotFound):
    code = "not_found"


class NotYourScanner(Forbidden):
    code = "not_your_scanner"
    detail = "This device also serves events that somebody else runs."


class NotADevice(Forbidden):
    code = "not_a_device"
    detail = "This account is not that of an enrolled device."


class UnknownEvents(Invalid):
    code = "unknown_events"
    detail = "Name published or draft events of this campus that you run."


class UnusableExpiry(Invalid):
    code = "unusable_expiry"
    detail = "A device's time ends in the future, and within 180 days."


class ScannerEnded(Conflict):
    code = "scanner_ended"
    detail = "This device was revoked or its time is over."


class EnrolmentCodeInvalid(NotFound):
    code = "enrolment_code_invalid"
    detail = "This code is wrong, was used already, or has lapsed: ask for a new one."


class TooManyCodeTries(TooManyRequests):
    code = "too_many_tries"
    detail = "Too many wrong codes. Wait, then try again."


class RequestNotFound(NotFound):
    code = "not_found"


class FlagNotFound(NotFound):
    code = "not_found"


class OwnRequest(Forbidden):
    code = "own_request"
    detail = "Nobody decides on their own request."


class OwnRecord(Forbidden):
    code = "own_record"
    detail = "Nobody changes their own attendance: ask for a correction, and somebody else decides."


class OwnFlag(Forbidden):
    code = "own_flag"
    detail = "Nobody closes what was found about themselves."


class AlreadyDecided(Conflict):
    code = "already_decided"
    detail = "This was decided or withdrawn already."


class RequestOpen(Conflict):
    code = "request_open"
    detail = "You have asked for this already, and it is not decided yet."


class AskedTooLate(Unprocessable):
    code = "asked_too_late"
    detail = "The time to ask is over: 7 days after the session's end."


class AskedTooEarly(Unprocessable):
    code = "asked_too_early"
    detail = "The session has not begun: there is nothing to correct yet."


class NotHeld(Unprocessable):
    code = "event_not_held"
    detail = "The event is not published, or was cancelled."


class SessionNeeded(Invalid):
    code = "session_needed"
    detail = "Presence is of one session: name it."


class StatusUnchanged(Conflict):
    code = "status_unchanged"
    detail = "The attendance has this status already."


class CountedElsewhere(Conflict):
    code = "counted_elsewhere"
    detail = "Another campus counts this person for this event."


class VenueCodeOff(Conflict):
    code = "venue_code_off"
    detail = "This event takes no venue code."


class SessionNotOpen(Conflict):
    code = "session_not_open"
    detail = "The session is not open: it shows no code now."


class VenueCodeWrong(Unprocessable):
    code = "code_wrong"
    detail = "This is not the code of the venue."


class VenueCodeAmbiguous(Unprocessable):
    code = "session_required"
    detail = "Two sessions show these digits now: say which."


class DisplayKeyInvalid(Forbidden):
    code = "display_key_invalid"
    detail = "This link does not show the code any more: make another."


class TooManyPeople(Unprocessable):
    code = "too_many_people"
    detail = "At most 500 people are called at once."


class MomentNotUsable(Invalid):
    code = "unusable_moment"
    detail = "The roll was called within the last 12 hours, and not in the future."


class NamedTwice(Invalid):
    code = "named_twice"
    detail = "The list says of somebody both that they are there and that they are not."


class NotInGroup(Invalid):
    code = "not_in_group"
    detail = "Who is said to be missing is not of this group."


class ImportNotFound(NotFound):
    code = "not_found"


class MissingScanColumns(Invalid):
    code = "missing_columns"
    detail = "The file needs a column scanned_at, and one of student_id, pass and user_id."
