"""What events refuse."""

from shared_apps.common.errors import Conflict, Forbidden, Invalid, NotFound, TooManyRequests


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


class SessionIsClosed(Conflict):
    code = "session_is_closed"
    detail = "This session was closed, and who was expected at it is frozen; its times stay as they are."


class SessionsNotOver(Conflict):
    code = "sessions_not_over"
    detail = "Some sessions have not begun. Say why the event is completed without them, or remove them."


class LastSession(Conflict):
    code = "last_session"
    detail = "An event has at least one session."


class TooManySessions(Invalid):
    code = "too_many_sessions"
    detail = "An event has at most 50 sessions."


class InvalidTimes(Invalid):
    code = "invalid_times"
    detail = "Opening, start, late-after, end and closing must follow each other, within 48 hours."


class StayTooLong(Invalid):
    code = "stay_too_long"
    detail = "Nobody can stay longer than the session lasts."


class NoDays(Invalid):
    code = "no_days"
    detail = "The pattern has no day: look at its first and last day, and its weekdays."


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


class RegistrationNotFound(NotFound):
    code = "not_found"


class GuestNotFound(NotFound):
    code = "not_found"


class NoRegistration(Conflict):
    code = "no_registration"
    detail = "There are no places to take at this event: whoever comes, comes."


class RegistrationClosed(Conflict):
    code = "registration_closed"
    detail = "Registration for this event is not open now."


class RegistrationDeclined(Conflict):
    code = "registration_declined"
    detail = "The request was declined. Only who runs the event can change that."


class AlreadyAttended(Conflict):
    code = "already_attended"
    detail = "Presence was recorded already; the place cannot be given back."


class OwnRequest(Forbidden):
    code = "own_request"
    detail = "Nobody decides on their own place. Somebody else who runs the event, or a campus admin, does."


class WrongPlaceState(Conflict):
    code = "wrong_place_state"
    detail = "The place is not in a state in which this can be done."


class EventFull(Conflict):
    code = "event_full"
    detail = "All places of this event are taken."


class WalkInsNotAllowed(Conflict):
    code = "no_walk_ins"
    detail = "This event takes nobody who has not registered."


class ScanIdReused(Conflict):
    code = "scan_id_reused"
    detail = "This scan_id was used for another scan."


class PlacesTaken(Conflict):
    code = "places_taken"
    detail = "More places are taken than that. A smaller capacity would turn people away."


class InvalidRegistrationTimes(Invalid):
    code = "invalid_registration_times"
    detail = (
        "Registration opens before it closes, both before the event's end; seats are released between the event's "
        "start and its end."
    )


class IncompletePosition(Invalid):
    code = "incomplete_position"
    detail = "Latitude and longitude come together."


class TooManyGuests(TooManyRequests):
    code = "too_many_guests"
    detail = "Too many registrations from where you are. Wait, then try again."


class TooManyPassTries(TooManyRequests):
    code = "too_many_pass_tries"
    detail = "Too many passes that are unknown. Wait, then try again."


class CalendarNotFound(NotFound):
    code = "not_found"


class TooManyCalendarTries(TooManyRequests):
    code = "too_many_calendar_tries"
    detail = "Too many addresses of calendars that are unknown. Wait, then try again."
