"""Text that people type."""

from django.core.validators import RegexValidator

# PostgreSQL refuses NUL, and a line break in a name ends up in logs and files that people open.
PRINTABLE = RegexValidator(r"\A[^\x00-\x1f\x7f]*\Z", "Control characters are not allowed.", "control_characters")
