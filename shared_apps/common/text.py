"""Text that people type."""

import unicodedata
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.utils.deconstruct import deconstructible

# Control and format characters, halves of surrogate pairs, line and paragraph separators: PostgreSQL refuses some, a
# line break in a name ends up in logs and files that people open, and what cannot be seen makes two names look alike.
_UNPRINTABLE: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
# Zero-width joiner and non-joiner: some scripts, and emoji of several parts, cannot be written without them.
_JOINERS: Final = "\u200c\u200d"


def is_printable(text: str, *, also: str = "") -> bool:
    """Return whether ``text`` can be read as it stands, but for the characters of ``also``."""
    return all(
        character in also or character in _JOINERS or unicodedata.category(character) not in _UNPRINTABLE
        for character in text
    )


# In migrations it stays the plain validator that it began as: what a text may hold is no matter of the schema.
@deconstructible(path="django.core.validators.RegexValidator")
class _Printable(RegexValidator):
    def __call__(self, value: Any) -> None:
        if not is_printable(str(value)):
            raise ValidationError(self.message, self.code)


PRINTABLE = _Printable(r"\A[^\x00-\x1f\x7f]*\Z", "Control characters are not allowed.", "control_characters")


def check_paragraphs(text: str) -> None:
    """Refuse in a text of several lines what ``PRINTABLE`` refuses in one line, but for line breaks and tabs."""
    if not is_printable(text, also="\n\r\t"):
        raise ValidationError(PRINTABLE.message, PRINTABLE.code)
