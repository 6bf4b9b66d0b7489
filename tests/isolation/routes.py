"""Every route of both sites, read from the URL configuration, so that none can be forgotten."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

from shared_apps.accounts.api.permissions import needed_permission
from shared_apps.accounts.roles import Can

METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True)
class Route:
    """One method of one path. ``path`` has ``{name}`` where an id stands."""

    site: str
    method: str
    path: str
    needs: Can | None

    @property
    def key(self) -> str:
        return f"{self.method.upper()} {self.path}"


def all_routes() -> list[Route]:
    """Return the API's routes of the public site and of a campus; its description is open by design.

    The pages of the admin have a matrix of their own: tests/shared_apps/administration.
    """
    found = []
    for site in ("campus", "public"):
        for full, view in _walk(get_resolver(f"config.urls_{site}").url_patterns, ""):
            path = full.removeprefix("api/v1/")
            if full.startswith("api/v1/") and not path.endswith(("schema/", "docs/")):
                found += [Route(site, method, path, needs) for method, needs in _methods(view)]
    return sorted(found, key=lambda route: (route.site, route.path, route.method))


def _walk(patterns: list[Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern.url_patterns, route)
        elif isinstance(pattern, URLPattern):
            yield re.sub(r"<\w+:(\w+)>", r"{\1}", route), pattern.callback


def _methods(view: Any) -> Iterator[tuple[str, Can | None]]:
    actions: dict[str, str] | None = getattr(view, "actions", None)
    for method in METHODS:
        if actions is not None:
            if method in actions:
                instance = view.cls(**view.initkwargs)
                instance.action = actions[method]
                yield method, needed_permission(instance, method)
        elif hasattr(view.view_class if hasattr(view, "view_class") else view.cls, method):
            yield method, needed_permission(view.cls(), method)
