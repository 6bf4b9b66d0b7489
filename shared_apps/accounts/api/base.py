"""What every view of EAS stands on: campus assertions, roles, idempotency, no caching."""

from typing import Any, ClassVar, cast

from django_filters.filterset import FilterSet
from rest_framework import status
from rest_framework.pagination import BasePagination
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import ViewSetMixin

from shared_apps.accounts.models import User
from shared_apps.accounts.roles import Can
from shared_apps.common.api.pagination import Pages
from shared_apps.idempotency.services import answer_once
from tenants.middleware import confirm_name


class View(APIView):
    """``permissions`` maps each action (viewset) or lower-case method (plain view) to what it lets people do."""

    permissions: ClassVar[dict[str, Can]] = {}
    # For the API's description: how ``answer_list`` pages and filters.
    pagination_class: type[BasePagination] | None = Pages
    filterset_class: type[FilterSet] | None = None
    # A view with an idempotency key of its own (scan_id) says False.
    takes_idempotency_key: ClassVar[bool] = True
    # OPTIONS is the browser's question before a call of another origin, and corsheaders answers that.
    http_method_names = [name for name in APIView.http_method_names if name not in {"options", "trace"}]

    def check_permissions(self, request: Request) -> None:
        """Answer 405 for a method that the path does not have, whoever asks; then look at the role."""
        if request.method not in self.allowed_methods:
            self.http_method_not_allowed(request)
        super().check_permissions(request)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if "campus_id" in request.query_params:
            # The middleware has looked at it; no query knows it.
            given = request.query_params.copy()
            del given["campus_id"]
            request._request.GET = given  # type: ignore[assignment]
        if request.method not in SAFE_METHODS and isinstance(request.data, dict) and "campus_id" in request.data:
            confirm_name(request.data["campus_id"], request._request.campus)  # type: ignore[attr-defined]
            # It has said what it had to say; no serializer knows it.
            request._full_data = {  # type: ignore[attr-defined]
                name: value for name, value in request.data.items() if name != "campus_id"
            }
        key = request.headers.get("Idempotency-Key")
        if key and self.takes_idempotency_key and request.method not in SAFE_METHODS and request.user:
            self._answer_once(request, key)

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        response = super().finalize_response(request, response, *args, **kwargs)
        response.headers.setdefault("Cache-Control", "no-store")  # a file may say something else
        return response

    def _answer_once(self, request: Request, key: str) -> None:
        """Make this call's handler run in one transaction with its key and its stored answer."""
        name = (request.method or "").lower()
        handler = getattr(self, name, self.http_method_not_allowed)

        def once(request: Request, *args: Any, **kwargs: Any) -> Response:
            answer, replayed = answer_once(
                user_id=actor(request).pk,
                key=key,
                operation=f"{request.method} {request.path}",
                content=request.data,
                perform=lambda: _plain(handler(request, *args, **kwargs)),
            )
            headers = {"Idempotent-Replayed": "true"} if replayed else {}
            return Response(answer.body, status=answer.status, headers=headers)

        setattr(self, name, once)


class ViewSet(ViewSetMixin, View):
    """Base of resources."""


def actor(request: Request) -> User:
    """Return who is signed in; only where the view's permissions made sure that somebody is."""
    return cast(User, request.user)


def _plain(response: Response) -> tuple[int, Any]:
    return response.status_code, None if response.status_code == status.HTTP_204_NO_CONTENT else response.data
