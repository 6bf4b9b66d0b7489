"""Which pages of other origins may call a site: exactly those its registry row names, and development's own."""

import re
from typing import Any

from corsheaders.signals import check_request_enabled
from django.conf import settings
from django.db import OperationalError
from django.dispatch import receiver
from django.http import HttpRequest

from tenants.hosts import normalise_host
from tenants.registry import find_held_site, find_site


@receiver(check_request_enabled, dispatch_uid="tenants.cors")
def is_origin_allowed(sender: Any, request: HttpRequest, **kwargs: Any) -> bool:
    """Return whether the page that sent this request may read the answer."""
    origin = request.headers.get("Origin", "")
    if any(re.fullmatch(pattern, origin) for pattern in settings.DEVELOPMENT_ORIGINS):
        return True
    host = normalise_host(request)
    if host is None:
        return False
    try:
        _, campus = find_site(host)
    except OperationalError:  # the answer will be a 503, and its page shall be able to read it
        campus = find_held_site(host)
    return campus is not None and origin in campus.origins
