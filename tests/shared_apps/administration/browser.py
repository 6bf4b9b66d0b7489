"""A browser without pictures: keeps cookies, and sends back the token of each form."""

import re
from typing import Any

from django.test import Client

from tests.cast import PASSWORD, Person


class Browser:
    """Looks at pages of one host. ``checks`` makes it refuse forged forms as in production."""

    def __init__(self, host: str = "localhost") -> None:
        self.client = Client(raise_request_exception=False, enforce_csrf_checks=True)
        self.host = host

    def get(self, path: str, **headers: str) -> Any:
        return self.client.get(path, headers={"Host": f"{self.host}:8000", **headers})

    def post(self, path: str, body: dict[str, Any] | None = None, *, token: str | None = None) -> Any:
        """Send a form as the page at ``path`` (or, where that only takes forms, the first one) would."""
        if token is None:
            found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', self.get("/admin/").content.decode())
            found = found or re.search(
                r'name="csrfmiddlewaretoken" value="(\w+)"', self.get("/admin/login/").content.decode()
            )
            token = found[1] if found else ""
        data = {"csrfmiddlewaretoken": token, **(body or {})}
        return self.client.post(path, data, headers={"Host": f"{self.host}:8000"})

    def sign_in(self, name: str = "sol", password: str = PASSWORD, **more: Any) -> Any:
        return self.post("/admin/login/", {"username": name, "password": password, **more})

    @property
    def session(self) -> str:
        """The cookie that says who is signed in; empty when nobody is."""
        cookie = self.client.cookies.get("eas-admin")
        return cookie.value if cookie else ""


def signed_in(person: Person | None = None) -> Browser:
    """Return a browser in which the super admin is signed in."""
    browser = Browser()
    answer = browser.sign_in()
    assert answer.status_code == 302, answer.content
    return browser
