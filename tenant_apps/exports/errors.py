"""What exports refuse."""

from shared_apps.common.errors import Conflict, DomainError, Invalid, NotFound, Unavailable


class ExportNotFound(NotFound):
    code = "not_found"


class UnknownFilter(Invalid):
    code = "unknown_field"
    detail = "The list has no such filter."


class MissingFilter(Invalid):
    code = "required"
    detail = "This list is of one thing: say of which."


class ListRefused(DomainError):
    """What the list itself answers to these filters, with its status and code."""

    code = "list_refused"
    detail = "The list cannot be read."

    def __init__(self, detail: str, *, status: int, code: str, attr: str | None) -> None:
        super().__init__(detail, attr=attr)
        self.status, self.code = status, code  # type: ignore[misc]


class ExportTooLong(Conflict):
    code = "export_too_long"
    detail = "These are more rows than a file of that format has. Narrow the list, or take XLSX or CSV."


class TooManyExports(Conflict):
    code = "too_many_exports"
    detail = "Several of your exports are being made. Wait for one of them, or remove one."


class ExportNotReady(Conflict):
    code = "export_not_ready"
    detail = "The file is not made yet, or could not be made."


class ExportBusy(Unavailable):
    code = "export_busy"
    detail = "Another worker is making this file."


class ExportGivenUp(Conflict):
    code = "export_given_up"
    detail = "The file could not be made, though it was tried several times."
