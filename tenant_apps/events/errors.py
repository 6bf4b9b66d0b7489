"""What events refuse."""

from shared_apps.common.errors import Conflict, Forbidden, Invalid, NotFound


class EventNotFound(NotFound):
    code = "not_found"


class SessionNotFound(NotFound):
    code = "not_found"


class NotYourEvent(Forbidden):
    code = "not_your_event"
    detail = "Only who runs this event, and campus admins, may do this."


class EventClosed(Conflict):
    code = "event_closed"
    detail = "A completed or cancelled event does not change any more."


class WrongEventStatus(Conflict):
    code = "wrong_event_status"
    detail = "The event is not in a status in which this can be done."


class EventWasPublished(Conflict):
    code = "event_was_published"
    detail = "Only a draft can be deleted. Cancel the event instead."


class SessionHasAttendance(Conflict):
    code = "session_has_attendance"
    detail = "Presence was recorded at this session; its times stay as they are."


class LastSession(Conflict):
    code = "last_session"
    detail = "An event has at least one session."


class TooManySessions(Invalid):
    code = "too_many_sessions"
    detail = "An event has at most 50 sessions."


class InvalidTimes(Invalid):
    code = "invalid_times"
    detail = "Opening, start, late-after, end and closing must follow each other, within 48 hours."


class OrganizerNotFound(Invalid):
    code = "organizer_not_found"
    detail = "There is no active organizer or campus admin with this id."


class CommonField(Conflict):
    code = "common_field"
    detail = "This is common to all campuses of a university-wide event; the public site changes it."


class OutsideCommonTimes(Invalid):
    code = "outside_common_times"
    detail = "Sessions of a university-wide event lie within its common start and end."


class EventHasAttendance(Conflict):
    code = "event_has_attendance"
    detail = "Presence was recorded already; a multi-campus event is counted by the federation from the start."
