"""The guide's React client in a real browser: from another origin, with its headers, paths and page shape."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tenants import registry
from tenants.context import owner_context
from tenants.models import Campus
from tenants.provisioning import touch_registry
from tests.cast import PASSWORD, Cast
from tests.factories import make_event, pass_of
from tests.live import LiveServer, live_server

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: install one to run the browser tests"),
]

# As services/api.js of the guide builds its calls (axios sets the same headers).
CLIENT = """
async (call) => {
  try {
    const answer = await fetch(call.base + call.path, {
      method: call.method || 'GET',
      headers: {
        ...(call.body ? {'Content-Type': 'application/json'} : {}),
        ...(call.token ? {'Authorization': `Token ${call.token}`} : {}),
        ...(call.campus ? {'X-Campus-Context': call.campus} : {}),
      },
      body: call.body ? JSON.stringify(call.body) : undefined,
    });
    const text = await answer.text();
    return {status: answer.status, id: answer.headers.get('x-request-id'), body: text ? JSON.parse(text) : null};
  } catch (error) {
    return {status: 0, error: String(error)};
  }
}
"""


@pytest.fixture
def server(cast: Cast, tmp_path: Path) -> Iterator[LiveServer]:
    with live_server(tmp_path / "web.log") as running:
        yield running


@pytest.fixture
def page(server: LiveServer, monkeypatch: pytest.MonkeyPatch) -> Iterator:
    from playwright.sync_api import sync_playwright

    # Playwright runs an event loop in this thread; the database is used between its calls, never inside them.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--disable-background-networking",
                "--disable-component-update",
                # The client's page is made up here, so the browser takes it for one of the internet and would refuse
                # it every local address, before CORS is asked.
                "--disable-features=LocalNetworkAccessChecks,BlockInsecurePrivateNetworkRequests",
            ],
        )
        yield browser.new_page()
        browser.close()


def visit(page, origin: str) -> None:
    """Open an empty page of that origin; nothing has to listen there."""
    page.route(f"{origin}/**", lambda route: route.fulfill(body="<title>client</title>", content_type="text/html"))
    page.goto(f"{origin}/")


def call(page, server: LiveServer, path: str, host: str = "malimono.localhost", **more) -> dict:
    return page.evaluate(CLIENT, {"base": f"http://{host}:{server.port}/api/v1", "path": path, **more})


def test_the_guide_s_client_works_as_it_is_written(cast: Cast, server: LiveServer, page) -> None:
    event = make_event(cast.malimono)
    text = pass_of(cast.malimono.student)
    visit(page, "http://localhost:5173")

    signed_in = call(page, server, "/auth/login/", method="POST", body={"username": "gate1", "password": PASSWORD})
    as_scanner = {"token": signed_in["body"]["token"], "campus": "MALIMONO"}
    as_admin = {"token": cast.malimono.admin.token, "campus": "MALIMONO"}
    events = call(page, server, "/events/events/?campus_id=MALIMONO", **as_scanner)
    marked = call(
        page, server, "/events/attendance/mark_attendance/", method="POST",
        body={"event_id": str(event.pk), "pass": text}, **as_scanner,
    )  # fmt: skip
    people = call(page, server, "/accounts/users/", **as_admin)
    created = call(page, server, "/accounts/users/", method="POST", body={"username": "newbie"}, **as_admin)
    other = call(page, server, "/events/events/?campus_id=DELCARMEN", **as_scanner)

    assert signed_in["status"] == 200, signed_in
    assert signed_in["id"]
    assert (events["status"], set(events["body"]), events["body"]["results"][0]["title"]) == (
        200, {"count", "next", "previous", "results"}, "Foundation Day",
    )  # fmt: skip
    assert (marked["status"], marked["body"]["outcome"]) == (201, "recorded")
    assert (people["status"], people["body"]["count"], created["status"]) == (200, 7, 201)
    assert (other["status"], other["body"]["errors"][0]["code"]) == (403, "campus_mismatch")


def test_pages_of_other_origins_read_nothing(cast: Cast, server: LiveServer, page) -> None:
    for origin in ("https://evil.example", "http://delcarmen.localhost:9999"):
        visit(page, origin)
        answer = call(page, server, "/events/events/", token=cast.malimono.student.token)
        assert answer["status"] == 0, (origin, answer)


def test_an_origin_of_one_campus_is_none_of_another(cast: Cast, server: LiveServer, page) -> None:
    with owner_context():
        Campus.objects.filter(code="MALIMONO").update(allowed_origins=["https://easuniversity.site"])
        touch_registry()
    registry.forget()
    call(page, server, "/auth/me/", token=cast.malimono.student.token)
    server.send("GET", "/api/v1/auth/me/", host="malimono.localhost", token=cast.malimono.student.token)
    server.send("GET", "/api/v1/auth/me/", host="delcarmen.localhost", token=cast.delcarmen.student.token)
    visit(page, "https://easuniversity.site")

    def status(host: str, token: str) -> int:
        return call(page, server, "/auth/me/", host=host, token=token)["status"]

    # Each process of the server notices with its next authenticated request.
    here = [status("malimono.localhost", cast.malimono.student.token) for _ in range(8)]
    there = [status("delcarmen.localhost", cast.delcarmen.student.token) for _ in range(8)]
    assert here[-1] == 200
    assert set(there) == {0}


def test_the_page_of_the_api_is_served_locally(cast: Cast, server: LiveServer, page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"http://malimono.localhost:{server.port}/api/v1/docs/")
    page.locator(".opblock-tag").nth(6).wait_for(timeout=15_000)  # one for each noun; they are drawn one by one

    assert all(url.startswith((f"http://malimono.localhost:{server.port}/", "data:")) for url in asked)
