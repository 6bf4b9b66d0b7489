"""What accounts refuse."""

from shared_apps.common.errors import Conflict, Forbidden, Invalid, NotFound, TooManyRequests, Unauthenticated


class WrongCredentials(Unauthenticated):
    code = "wrong_credentials"
    detail = "Name or password is wrong."


class TooManySignIns(TooManyRequests):
    code = "too_many_sign_ins"
    detail = "Too many failed sign-ins with this name. Wait, then try again."


class TooManyPasswordTries(TooManyRequests):
    code = "too_many_password_tries"
    detail = "The current password was wrong too often. Wait, then try again."


class NameTaken(Invalid):
    code = "name_taken"
    detail = "Somebody else signs in with this already."


class WrongPassword(Invalid):
    code = "wrong_password"
    detail = "The current password is wrong."


class WeakPassword(Invalid):
    code = "weak_password"
    detail = "The password is too weak."


class RoleNotHere(Invalid):
    code = "role_not_here"
    detail = "This role does not exist on this site."


class LastAdmin(Conflict):
    code = "last_admin"
    detail = "The last active administrator cannot lose the role or be deactivated."


class MovedAway(Conflict):
    code = "moved_away"
    detail = "This person has moved to another campus; only a transfer brings them back."


class DeviceAccount(Conflict):
    code = "device_account"
    detail = "This account belongs to an enrolled device: change or revoke the device."


class UserNotFound(NotFound):
    code = "not_found"


class RoleDenied(Forbidden):
    code = "permission_denied"


class ActingReadOnly(Forbidden):
    code = "acting_read_only"
    detail = "This grant lets you look, not change. Write one with may_write."


class UnreadableFile(Invalid):
    code = "unreadable_file"
    detail = "This is neither a CSV nor an XLSX file that can be read."


class EmptyFile(Invalid):
    code = "empty_file"
    detail = "The file has no rows."


class TooManyRows(Invalid):
    code = "too_many_rows"
    detail = "A file has at most 20,000 rows. Split it."


class MissingColumns(Invalid):
    code = "missing_columns"
    detail = "The file needs a column for the student id, the username or the e-mail."


class InvalidMapping(Invalid):
    code = "invalid_mapping"
    detail = "A mapping leads from the file's headers to fields that can be imported, each once."


class ImportNotFound(NotFound):
    code = "not_found"
