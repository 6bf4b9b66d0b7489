"""What the federation refuses."""

from shared_apps.common.errors import Conflict, Invalid, NotFound


class FederatedEventNotFound(NotFound):
    code = "not_found"


class VisitNotFound(NotFound):
    code = "not_found"


class RegistrationNotFound(NotFound):
    code = "not_found"


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
