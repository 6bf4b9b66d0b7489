"""What certificates refuse."""

from shared_apps.common.errors import Conflict, Invalid, NotFound


class CertificateNotFound(NotFound):
    code = "not_found"


class RunNotFound(NotFound):
    code = "not_found"


class UnknownPlaceholder(Invalid):
    code = "unknown_placeholder"
    detail = "There is no such placeholder. Known are {name}, {event}, {session}, {date} and {campus}."


class CertificateRevoked(Conflict):
    code = "certificate_revoked"
    detail = "The certificate is not valid: it was revoked, or the presence that it certifies does not stand."
