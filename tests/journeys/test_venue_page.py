"""The projector's page in a real browser, under its own strict policy."""

from pathlib import Path

import pytest

from shared_apps.common.clock import now
from tenant_apps.attendance.rules.venue_codes import digits_of, step_of
from tenant_apps.attendance.services.venue_codes import venue_key
from tests.cast import Cast
from tests.journeys.test_browser import CHROMIUM
from tests.live import live_server
from tests.tenant_apps.attendance.test_venue_codes import venue

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: install one to run the browser tests"),
]


def test_the_projector_shows_the_code_and_says_when_there_is_none(
    cast: Cast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from playwright.sync_api import sync_playwright

    # Playwright runs an event loop in this thread; the database is used between its calls, never inside them.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    campus = cast.malimono
    event, session = venue(campus, title="Foundation Day")
    later, not_open = venue(campus, title="Closing", starts=90)
    with live_server(tmp_path / "web.log") as server, sync_playwright() as playwright:
        links = []
        for an_event, its_session in ((event, session), (later, not_open)):
            path = f"/api/v1/events/events/{an_event.pk}/sessions/{its_session.pk}/venue-code/display/"
            status, body = server.send("POST", path, host=campus.host, token=campus.organizer.token)
            assert status == 201
            links.append(body["url"])
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        troubles: list[str] = []
        asked: list[str] = []
        page.on("console", lambda message: troubles.append(message.text))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))

        page.goto(links[0])
        page.wait_for_selector("#qr:not([hidden])")
        before = step_of(now())
        digits = page.text_content("#digits")
        with campus.here():
            possible = {digits_of(venue_key(session.pk), step) for step in range(before - 1, step_of(now()) + 1)}
        assert digits in possible
        assert page.text_content("#event") == "Foundation Day"
        assert page.context.cookies() == []
        key = links[0].partition("#")[2]
        local = [url for url in asked if not url.startswith("data:")]
        assert all(url.startswith(f"http://{campus.host}:{server.port}/") for url in local)
        # The key is in no address that is sent: the fragment stays in the browser.
        assert all(key not in url.partition("#")[0] for url in asked)

        page.goto("about:blank")
        page.goto(links[1])
        page.wait_for_selector("#headline:text-is('Not open yet')")
        assert not page.is_visible("#qr")
        assert troubles == []

        page.goto("about:blank")
        page.goto(links[0][:-2])
        page.wait_for_selector("#headline:has-text('This link')")
        assert not page.is_visible("#qr")
        browser.close()
