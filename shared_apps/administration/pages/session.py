"""Who is signed in to the admin: a token of its own kind in a cookie of this host.

The token is a row like those of the API: it ends with a sign-out, a new password, and after ``PAGES_TIME``. The cookie
is signed with the second it was written, anew with each page: unused for ``PAGES_IDLE`` it opens nothing.
"""

from datetime import datetime
from typing import Final
from uuid import UUID

from django.conf import settings
from django.core.signing import BadSignature, TimestampSigner
from django.http import HttpRequest, HttpResponseBase

from shared_apps.accounts.models import User
from shared_apps.accounts.rules import PAGES_IDLE
from shared_apps.accounts.selectors import authenticate_pages
from shared_apps.accounts.services.devices import VALID_FOR
from shared_apps.common.errors import Unauthenticated

SESSION_COOKIE: Final = f"{settings.COOKIE_PREFIX}eas-admin"
DEVICE_COOKIE: Final = f"{settings.COOKIE_PREFIX}eas-device"


def read_session(request: HttpRequest, *, at: datetime) -> tuple[User, UUID, str]:
    """Return who is signed in, and their token's id and text.

    Raises: Unauthenticated (one answer for every cause).
    """
    try:
        text = _signer().unsign(request.COOKIES.get(SESSION_COOKIE, ""), max_age=PAGES_IDLE)
    except BadSignature:
        raise Unauthenticated from None
    user, token_id = authenticate_pages(text=text, at=at)
    return user, token_id, text


def write_session(response: HttpResponseBase, text: str) -> None:
    """Keep somebody signed in for another while."""
    _set(response, SESSION_COOKIE, _signer().sign(text), seconds=PAGES_IDLE.total_seconds())


def write_device(response: HttpResponseBase, text: str) -> None:
    """Let this browser show that it has signed in before (``accounts.services.devices``)."""
    _set(response, DEVICE_COOKIE, text, seconds=VALID_FOR.total_seconds())


def end_session(response: HttpResponseBase) -> None:
    """Take the cookie away; its token is ended by a service."""
    response.delete_cookie(SESSION_COOKIE, path="/", samesite="Strict")
    response.cookies[SESSION_COOKIE]["secure"] = settings.SECURE_COOKIES


def _set(response: HttpResponseBase, name: str, value: str, *, seconds: float) -> None:
    # No domain: a cookie without one goes to this host alone, never to a campus's.
    response.set_cookie(
        name, value, max_age=int(seconds), path="/", secure=settings.SECURE_COOKIES, httponly=True, samesite="Strict"
    )


def _signer() -> TimestampSigner:
    return TimestampSigner(salt="eas.admin")
