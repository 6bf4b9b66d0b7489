"""The campus of a host, remembered by the process."""

from typing import Any

from django.db import connection
from django.http import HttpRequest
from django_tenants.middleware.main import TenantMainMiddleware

_KNOWN: dict[str, Any] = {}


class CachedTenantMiddleware(TenantMainMiddleware):
    """Asks the database once for each host."""

    def process_request(self, request: HttpRequest) -> None:
        """Stand in the campus of the host."""
        host = self.hostname_from_request(request)
        if host not in _KNOWN:
            super().process_request(request)
            _KNOWN[host] = request.tenant  # type: ignore[attr-defined]
            return
        request.tenant = _KNOWN[host]  # type: ignore[attr-defined]
        connection.set_tenant(request.tenant)  # type: ignore[attr-defined]
