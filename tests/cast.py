"""The same people in every test: three campuses with one of each role, a friend, a super admin, and a stranger.

Whoever must not see something is somebody of this cast, and there is always data present that could leak.
"""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.test import Client

from shared_apps.accounts.models import User
from shared_apps.accounts.roles import Role
from shared_apps.accounts.services.tokens import issue_token
from shared_apps.accounts.services.users import create_user
from shared_apps.common.clock import now
from tenants.context import campus_context, public_context
from tenants.registry import find_site
from tenants.registry_types import CampusEntry

PASSWORD = "a-long-enough-secret"


@dataclass
class Person:
    """Somebody, and where they belong."""

    user: User
    site: "Site | None"
    token: str

    @property
    def id(self) -> UUID:
        return self.user.pk


@dataclass
class Site:
    """One campus and its people."""

    campus: CampusEntry
    host: str
    student: Person = field(init=False)
    friend: Person = field(init=False)
    organizer: Person = field(init=False)
    other_organizer: Person = field(init=False)
    scanner: Person = field(init=False)
    kiosk: Person = field(init=False)
    admin: Person = field(init=False)

    def here(self) -> Any:
        """Stand in this campus: ``with site.here():``"""
        return campus_context(self.campus)


@dataclass
class Cast:
    """Everybody."""

    malimono: Site
    delcarmen: Site
    snsu: Site
    super_admin: Person


def gather_cast() -> Cast:
    """Create the cast through the services, as production would."""
    sites = []
    for code in ("malimono", "delcarmen", "snsu"):
        host = f"{code}.localhost"
        campus = find_site(host)[1]
        assert campus is not None
        site = Site(campus=campus, host=host)
        with site.here():
            # The same names and student ids on both campuses, on purpose: nothing but the host tells them apart.
            site.student = _person(site, "ana", Role.STUDENT, first="Ana", last="Reyes", student_id="2024-0001")
            site.friend = _person(site, "ben", Role.STUDENT, first="Ben", last="Cruz", student_id="2024-0002")
            site.organizer = _person(site, "olga", Role.ORGANIZER, first="Olga", last="Santos")
            site.other_organizer = _person(site, "oscar", Role.ORGANIZER, first="Oscar", last="Lim")
            site.scanner = _person(site, "gate1", Role.SCANNER)
            site.kiosk = _person(site, "hall1", Role.KIOSK)
            site.admin = _person(site, "carla", Role.CAMPUS_ADMIN, first="Carla", last="Dizon")
        sites.append(site)
    with public_context():
        super_admin = _person(None, "sol", Role.SUPER_ADMIN, first="Sol", last="Aquino")
    return Cast(malimono=sites[0], delcarmen=sites[1], snsu=sites[2], super_admin=super_admin)


def _person(
    site: Site | None, username: str, role: Role, *, first: str = "", last: str = "", student_id: str | None = None
) -> Person:
    at = now()
    user = create_user(
        by=None, at=at, username=username, role=role, password=PASSWORD, email=f"{username}@example.edu",
        first_name=first, last_name=last, student_id=student_id,
        profile={"department": "CITE", "program": "BSIT", "year_level": 2, "section": "A"} if student_id else None,
    )  # fmt: skip
    return Person(user=user, site=site, token=issue_token(user=user, label="test", at=at).text)


class Http:
    """Requests as the React client sends them.

    ``by`` is who asks (None: a stranger), ``at`` the site that is asked: by default the person's own, ``localhost`` for
    a super admin.
    """

    def __init__(self) -> None:
        self.client = Client(raise_request_exception=False)

    def get(self, path: str, *, by: Person | None = None, at: Site | str | None = None, **query: Any) -> Any:
        return self.send("GET", path, by=by, at=at, query=query)

    def post(
        self, path: str, body: Any = None, *, by: Person | None = None, at: Site | str | None = None, **kw: Any
    ) -> Any:
        return self.send("POST", path, body, by=by, at=at, **kw)

    def patch(
        self, path: str, body: Any = None, *, by: Person | None = None, at: Site | str | None = None, **kw: Any
    ) -> Any:
        return self.send("PATCH", path, body, by=by, at=at, **kw)

    def delete(self, path: str, *, by: Person | None = None, at: Site | str | None = None) -> Any:
        return self.send("DELETE", path, by=by, at=at)

    def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        by: Person | None = None,
        at: Site | str | None = None,
        query: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        content_type: str = "application/json",
    ) -> Any:
        """Send to ``/api/v1/`` + path."""
        site = at if at is not None else by.site if by else None
        host = site.host if isinstance(site, Site) else site or "localhost"
        sent = {"Host": f"{host}:8000", **(headers or {})}
        if by is not None:
            sent.setdefault("Authorization", f"Token {by.token}")
        extra: dict[str, Any] = {"query_params": query} if query else {}
        if method in {"POST", "PUT", "PATCH"}:
            extra["data"], extra["content_type"] = "" if body is None else body, content_type
        answer = getattr(self.client, method.lower())(f"/api/v1/{path}", headers=sent, **extra)
        if answer.streaming:
            # Read to its end, as clients do: until then the thread stands in the campus.
            answer.streaming_content = [b"".join(answer)]
        return answer
