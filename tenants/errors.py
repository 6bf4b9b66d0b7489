"""What can go wrong between a request and its campus."""

from shared_apps.common.errors import Conflict, Forbidden, Invalid, NotFound, Unavailable


class CampusNotSet(RuntimeError):
    """A query was sent while standing nowhere. Never caught: the code forgot to say which campus it is for."""


class CampusSwitchInTransaction(RuntimeError):
    """Another campus was entered inside ``atomic()``; half of the work would be in each."""


class OwnerCredentialsMissing(RuntimeError):
    """This process was started without the owner's credentials and may neither migrate nor provision."""


class BackupError(RuntimeError):
    """A backup cannot be made, or a file is none that could be restored. Nothing was changed."""


class CampusNotFound(NotFound):
    code = "campus_not_found"
    detail = "There is no such campus."


class CampusMismatch(Forbidden):
    code = "campus_mismatch"
    detail = "This address belongs to another campus than the one the request names."


class CampusSuspended(Forbidden):
    code = "campus_suspended"
    detail = "This campus is suspended. Its records are kept; ask the university's administrators."


class CampusNotReady(Unavailable):
    code = "campus_not_ready"
    detail = "This campus is being set up or upgraded. Try again shortly."
    retry_after = 30


class SiteNotFound(NotFound):
    code = "unknown_host"
    detail = "Nothing is served under this host name."


class CampusExists(Conflict):
    code = "campus_exists"
    detail = "A campus with this code exists already."


class HostTaken(Conflict):
    code = "host_taken"
    detail = "This host name leads to another site already."


class InvalidCode(Invalid):
    code = "invalid_code"
    detail = "This code has a meaning of its own and cannot be a campus's."


class InvalidHost(Invalid):
    code = "invalid_host"
    detail = "Not a host name: lower-case letters, digits, dots and hyphens."


class WrongCampusState(Conflict):
    code = "wrong_campus_state"
    detail = "The campus is not in a state in which this can be done."


class InvalidCampus(Invalid):
    code = "invalid_campus"
    detail = "A value of the campus is unusable."
