"""``Authorization: Token …``, as the React client sends it."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from shared_apps.accounts.models import User
from shared_apps.accounts.selectors import authenticate_token
from shared_apps.common.clock import now
from shared_apps.common.errors import Unauthenticated


class TokenAuthentication(BaseAuthentication):
    """Opaque tokens of this site; one of another campus is nothing here."""

    def authenticate(self, request: Request) -> tuple[User, Any] | None:
        scheme, _, text = request.headers.get("Authorization", "").partition(" ")
        if not scheme:
            return None
        if scheme.lower() != "token":
            raise Unauthenticated
        user, token_id = authenticate_token(text=text.strip(), at=now())
        request._request.actor = user  # type: ignore[attr-defined]  # the request's log line names who it was
        return user, token_id

    def authenticate_header(self, request: Request) -> str:
        return "Token"


class TokenScheme(OpenApiAuthenticationExtension):
    """How the API's description shows it."""

    target_class = TokenAuthentication
    name = "Token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "`Token eas_…`, as auth/login/ answers it",
        }
