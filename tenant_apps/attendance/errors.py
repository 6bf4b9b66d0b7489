"""What attendance refuses without storing: a wrong caller, not a refused scan."""

from shared_apps.common.errors import Conflict, Forbidden, Invalid, NotFound, Unprocessable


class EventNotFound(NotFound):
    code = "not_found"


class AttendanceNotFound(NotFound):
    code = "not_found"


class NotYourEvent(Forbidden):
    code = "not_your_event"
    detail = "Organizers record and correct attendance of the events they run."


class ProofRequired(Unprocessable):
    code = "proof_required"
    detail = "Nobody marks themselves or a friend: show your pass at the door."


class ScanIdReused(Conflict):
    code = "scan_id_reused"
    detail = "This scan_id was used for another scan."


class PersonNotNamed(Invalid):
    code = "identify_person"
    detail = "Name the person by exactly one of pass, student_id and user_id."


class AlreadyVoid(Conflict):
    code = "already_void"
    detail = "This attendance is void already."
