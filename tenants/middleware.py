"""From the host to the campus: the only place where a request gets one."""

import logging
from collections.abc import Callable

from django.conf import settings
from django.db import OperationalError
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from shared_apps.common.api.responses import error_response
from shared_apps.common.errors import DomainError, Unavailable
from tenants.context import campus_standing, wrapper
from tenants.errors import CampusMismatch, SiteNotFound
from tenants.hosts import normalise_host
from tenants.registry import confirm_served, find_site
from tenants.registry_types import CampusEntry
from tenants.standing import PUBLIC_SCHEMA, Standing, public_login

logger = logging.getLogger("eas.tenants")


class CampusMiddleware:
    """Route by exact host, stand in that campus until the response is closed. Last in the list.

    Sets ``request.campus`` (None on the public site). Before and after, the thread stands nowhere.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        try:
            campus = find_requested_site(request)
            if campus is not None:
                confirm_served(campus.state, campus.schema_version)
            confirm_named(request, campus)
        except DomainError as refusal:
            return error_response(refusal)
        request.campus = campus  # type: ignore[attr-defined]
        request.urlconf = settings.PUBLIC_SCHEMA_URLCONF if campus is None else settings.CAMPUS_URLCONF
        database = wrapper()
        previous = database.standing
        database.stand(campus_standing(campus) if campus else Standing(schema=PUBLIC_SCHEMA, login=public_login()))
        response = self.get_response(request)
        # Streamed bodies are made after this returns; the campus is left when the server closes the response.
        response._resource_closers.append(lambda: database.stand(previous))  # type: ignore[attr-defined]
        return response


class PlainHttpMiddleware:
    """Before SecurityMiddleware, which sends plain HTTP on to HTTPS under whatever name the Host header says.

    Under a name that is nobody's the answer is the same 404 as over HTTPS.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if settings.SECURE_SSL_REDIRECT and not request.is_secure():
            try:
                find_requested_site(request)
            except DomainError as refusal:
                return error_response(refusal)
        return self.get_response(request)


def find_requested_site(request: HttpRequest) -> CampusEntry | None:
    """Return the campus of the request's host, None for the public site.

    Raises: SiteNotFound, Unavailable.
    """
    host = normalise_host(request)
    try:
        known, campus = find_site(host) if host else (False, None)
    except OperationalError as error:
        logger.exception("registry_unavailable")
        raise Unavailable from error
    if not known:
        raise SiteNotFound
    return campus


def confirm_named(request: HttpRequest, campus: CampusEntry | None) -> None:
    """Take ``X-Campus-Context`` and ``?campus_id=`` as assertions: they may agree with the host, and choose nothing.

    Raises: CampusMismatch for anything but the host's campus, on the public site for anything at all.
    """
    for named in (request.headers.get("X-Campus-Context"), *request.GET.getlist("campus_id")):
        if named:
            confirm_name(named, campus)


def confirm_name(named: object, campus: CampusEntry | None) -> None:
    """Refuse a campus named by the client that is not the host's.

    Raises: CampusMismatch.
    """
    if campus is None or not campus.is_named(str(named)):
        raise CampusMismatch
