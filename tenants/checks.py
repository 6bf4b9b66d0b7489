"""Settings under which campuses would not be apart: refused before the first request."""

from typing import Any

from django.conf import settings
from django.core.checks import Error, register
from django.db.backends.postgresql.psycopg_any import is_psycopg3

# django-tenants' conveniences that answer with another schema than the host's.
_FORBIDDEN = ("SHOW_PUBLIC_IF_NO_TENANT_FOUND", "DEFAULT_NOT_FOUND_TENANT_VIEW", "PG_EXTRA_SEARCH_PATHS")


@register()
def check_tenancy(app_configs: Any, **kwargs: Any) -> list[Error]:
    """Return what would weaken the isolation of campuses."""
    errors = [
        Error(f"{name} must not be set: it serves another schema than the host's.", id="tenants.E001")
        for name in _FORBIDDEN
        if getattr(settings, name, None)
    ]
    if settings.DATABASES["default"]["ENGINE"] != "tenants.postgresql":
        errors.append(Error("Only tenants.postgresql keeps one login per campus.", id="tenants.E002"))
    if settings.USE_X_FORWARDED_HOST:
        errors.append(Error("USE_X_FORWARDED_HOST lets a client choose the campus.", id="tenants.E003"))
    if is_psycopg3:
        errors.append(
            Error("psycopg 3 is installed and Django prefers it; EAS is built on psycopg2.", id="tenants.E004")
        )
    return errors
