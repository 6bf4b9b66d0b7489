"""What a service may refuse. The kind decides the HTTP status, in one place: ``common.api.exception_handler``.

``code`` is stable for ever and printed into docs/reference/error-codes.md; ``detail`` is a sentence for a person.
"""

from collections.abc import Sequence
from typing import ClassVar


class DomainError(Exception):
    """Base of every refusal. Raise a subclass of one of the kinds below."""

    status: ClassVar[int] = 400
    code: ClassVar[str] = "invalid"
    detail: ClassVar[str] = "The request cannot be carried out."
    retry_after: ClassVar[int | None] = None

    def __init__(self, detail: str | None = None, *, attr: str | None = None) -> None:
        self.message = detail or self.detail
        self.attr = attr
        super().__init__(self.message)


class Invalid(DomainError):
    """A value is wrong in itself."""

    status = 400


class Several(Invalid):
    """Several values are wrong, each with an error and an ``attr`` of its own."""

    def __init__(self, errors: Sequence[Invalid]) -> None:
        super().__init__()
        self.errors = list(errors)


class Unauthenticated(DomainError):
    """Nobody is signed in. Every cause gives the same answer."""

    status = 401
    code = "not_authenticated"
    detail = "Sign in first: the token is missing, unknown, expired or of another campus."


class Forbidden(DomainError):
    """Known, but not allowed."""

    status = 403
    code = "permission_denied"
    detail = "Your role does not allow this."


class NotFound(DomainError):
    """There is no such thing, or it is not the caller's to see: the same answer for both."""

    status = 404
    code = "not_found"
    detail = "Not found."


class Conflict(DomainError):
    """The state of things does not allow it now."""

    status = 409
    code = "conflict"
    detail = "The current state does not allow this."


class Unprocessable(DomainError):
    """Well-formed and understood, but refused by a rule."""

    status = 422
    code = "unprocessable"
    detail = "A rule refuses this."


class TooManyRequests(DomainError):
    """Slow down; the answer says how long."""

    status = 429
    code = "throttled"
    detail = "Too many tries. Wait a moment."

    def __init__(self, detail: str | None = None, *, wait: int) -> None:
        super().__init__(detail)
        self.wait = wait


class Unavailable(DomainError):
    """Not now; ``retry_after`` seconds later it may work."""

    status = 503
    code = "unavailable"
    detail = "Temporarily unavailable."
    retry_after = 5
