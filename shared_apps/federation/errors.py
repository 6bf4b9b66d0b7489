"""What the federation refuses."""

from shared_apps.common.errors import Conflict, Forbidden, Invalid, NotFound


class FederatedEventNotFound(NotFound):
    code = "not_found"


class VisitNotFound(NotFound):
    code = "not_found"


class RegistrationNotFound(NotFound):
    code = "not_found"


class ReconciliationNotFound(NotFound):
    code = "not_found"


class TransferNotFound(NotFound):
    code = "not_found"


class NotTransferable(Invalid):
    code = "not_transferable"
    detail = "Only students with an active account are transferred."


class TransferOpen(Conflict):
    code = "transfer_open"
    detail = "A transfer of this person is under way already."


class AlreadyHere(Conflict):
    code = "already_here"
    detail = "This person has an active account at this campus. Nobody moves to where they are."


class NotTheDestination(Forbidden):
    code = "not_the_destination"
    detail = "The campus to which somebody moves accepts the transfer."


class WrongTransferState(Conflict):
    code = "wrong_transfer_state"
    detail = "This transfer was accepted or cancelled already."


class AlreadyRegistered(Conflict):
    code = "already_registered"
    detail = "You have a place at this event already, from the campus you came from or from the door."


class UnknownCampus(Invalid):
    code = "unknown_campus"
    detail = "There is no such campus, or it is closed."


class OwnCampus(Invalid):
    code = "own_campus"
    detail = "The host does not invite itself; its own people may come anyway."


class NothingToSeat(Invalid):
    code = "campus_not_allowed"
    detail = "Seats are given to campuses that are allowed."


class SeatsTaken(Conflict):
    code = "seats_taken"
    detail = "More places are registered than that. Fewer seats would turn people away."


class RegistrationClosed(Conflict):
    code = "registration_closed"
    detail = "This event takes no registrations any more."


class AlreadyAttended(Conflict):
    code = "already_attended"
    detail = "Presence was recorded already; the place cannot be given back."


class InvalidCommonTimes(Invalid):
    code = "invalid_times"
    detail = "The end must follow the start."


class CommonTimesMayOnlyWiden(Conflict):
    code = "times_may_only_widen"
    detail = "Campuses have planned within these times: they may start earlier or end later, nothing else."


class NotUniversityWide(Conflict):
    code = "not_university_wide"
    detail = "This is one campus's event; its host changes it."


class EventCancelled(Conflict):
    code = "event_closed"
    detail = "A completed or cancelled event does not change any more."
