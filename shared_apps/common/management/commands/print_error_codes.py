"""Print the page of error codes."""

from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pkgutil import iter_modules
from typing import Any, Final

from django.apps import apps
from django.core.management.base import BaseCommand

from shared_apps.common.errors import DomainError

# What Django REST framework and the parsers of shared_apps.common answer by themselves.
_FRAMEWORK: Final = (
    (400, "parse_error", "The body is not JSON as the API accepts it."),
    (400, "required, null, blank, invalid, max_length, min_value, …", "A field's value is unusable; `attr` names it."),
    (400, "unknown_field", "There is no such field."),
    (400, "read_only_field", "The field cannot be written."),
    (400, "control_characters", "Control, format and invisible characters are not allowed in this text."),
    (400, "null_characters_not_allowed", "Text holds a NUL character."),
    (400, "invalid_choice", "Not one of the values that the field takes."),
    (400, "not_a_list", "The field takes a list."),
    (400, "invalid_timezone", "Not a time zone of the IANA database."),
    (400, "invalid_origin", "An origin is scheme://host[:port]."),
    (400, "invalid_username", "A username is 2-64 letters, digits and . @ + - _"),
    (400, "invalid_student_id", "Not a student number."),
    (400, "invalid_phone", "Not a telephone number."),
    (400, "out_of_range", "An instant lies outside the years 2000 to 2100."),
    (400, "not_allowed", "This field is no part of what is asked for."),
    (400, "empty_row", "A row of an audience, or a group, has at least one part."),
    (400, "sessions_or_times", "Give either sessions, or starts_at and ends_at of the only one."),
    (400, "sessions_or_pattern", "Give either sessions or a pattern."),
    (400, "last_day_or_count", "Give either last_day or count."),
    (400, "digits_or_code", "Give either digits, with or without session_id, or code."),
    (400, "invalid_device", "A device's key is 16 to 64 bytes in base64url."),
    (405, "method_not_allowed", "The path does not take this method."),
    (406, "not_acceptable", "Nothing can be answered in the wanted form."),
    (413, "body_too_large", "The request body is too large."),
    (415, "unsupported_media_type", "The body is not of a kind that this path takes."),
    (500, "error", "Something went wrong on our side. The request id helps to find it."),
)

# What becomes of a row of a roster that cannot be used, besides the codes of its fields' values.
_ROWS: Final = (
    ("duplicate_row", "The file names this person more than once."),
    ("name_taken", "Somebody else signs in with this already."),
    ("no_key", "The row has neither student id nor username nor e-mail."),
    ("role_not_allowed", "A file brings students, organizers and scanners only, and changes no campus admin."),
)


class Command(BaseCommand):
    help = "Print docs/reference/error-codes.md from the code."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(
            "# Error codes\n\nEvery error is `{type, errors: [{code, detail, attr}]}`. A code never changes its\n"
            "meaning; the sentence may. Printed by `manage.py print_error_codes`.\n\n"
            "| status | code | meaning |\n| --- | --- | --- |"
        )
        rows = {*_FRAMEWORK, *_errors(), *_scan_codes()}
        for status, code, detail in sorted(rows, key=lambda row: (row[0], row[1], row[2])):
            self.stdout.write(f"| {status} | `{code}` | {detail} |")
        self.stdout.write(
            "\nA row of a roster that fails has one of these, or that of a field's value:\n\n"
            "| code | meaning |\n| --- | --- |"
        )
        for code, detail in _ROWS:
            self.stdout.write(f"| `{code}` | {detail} |")


def _modules(name: str) -> Iterator[Any]:
    for config in apps.get_app_configs():
        if config.name.startswith(("tenants", "shared_apps", "tenant_apps")) and find_spec(f"{config.name}.{name}"):
            yield import_module(f"{config.name}.{name}")


def _errors() -> Iterator[tuple[int, str, str]]:
    for module in _modules("errors"):
        for error in vars(module).values():
            if isinstance(error, type) and issubclass(error, DomainError) and "code" in vars(error):
                yield error.status, error.code, error.detail


def _scan_codes() -> Iterator[tuple[int, str, str]]:
    for rules in _modules("rules"):
        for found in iter_modules(getattr(rules, "__path__", ())):
            module = import_module(f"{rules.__name__}.{found.name}")
            if hasattr(module, "STATUS_OF_CODE"):
                for code in module.Code:
                    yield module.STATUS_OF_CODE.get(code, 422), code.value, f"{code.label} (answer to a scan)"
