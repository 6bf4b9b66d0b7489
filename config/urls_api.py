"""What both sites have: the API's description, and answers for paths that lead nowhere."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from shared_apps.common.api.responses import error_response
from shared_apps.common.errors import DomainError, Invalid, NotFound


def description_urls(urlconf: str) -> list[URLPattern]:
    """Return the routes that describe the API of the site with that URL configuration."""
    return [
        path("schema/", SpectacularAPIView.as_view(urlconf=urlconf), name="schema"),
        path("docs/", SpectacularSwaggerView.as_view(url_name="schema"), name="docs"),
    ]


class InternalError(DomainError):
    """Something is broken here, and it is logged."""

    status = 500
    code = "error"
    detail = "Something went wrong on our side. The request id helps to find it."


def handler400(request: HttpRequest, exception: Any = None) -> HttpResponse:
    """Answer a request that Django itself refuses."""
    return error_response(Invalid("The request is malformed."))


def handler404(request: HttpRequest, exception: Any = None) -> HttpResponse:
    """Answer a path that leads nowhere; the same body as an id that does not exist."""
    return error_response(NotFound())


def handler500(request: HttpRequest) -> HttpResponse:
    """Answer what no view caught."""
    return error_response(InternalError())
