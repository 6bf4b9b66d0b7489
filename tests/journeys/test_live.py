"""Live views in a real browser: the client of the docs, word for word, on the hosts of two campuses."""

import re
from pathlib import Path

import pytest

from tests.cast import Cast, Http
from tests.factories import make_event
from tests.journeys.test_browser import CHROMIUM, visit
from tests.live import ROOT, live_process
from tests.tenant_apps.live.test_streams import mark

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: install one to run the browser tests"),
]

CLIENT = re.search(r"```js\n(.*?)```", (ROOT / "docs/how-to/follow-an-event-live.md").read_text(), re.DOTALL)[1]  # type: ignore[index]
START = """
([url, token]) => {
  window.told = [];
  window.leave = new AbortController();
  follow(url, token, (kind, data) => window.told.push([kind, ...data.scans.map((scan) => scan.person.display_name)]),
         window.leave.signal);
}
"""


def test_two_campuses_follow_their_own_events(
    cast: Cast, http: Http, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from playwright.sync_api import sync_playwright

    # Playwright runs an event loop in this thread; the database is used between its calls, never inside them.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    with live_process(tmp_path / "live.log") as live, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=[
                "--no-sandbox", "--disable-gpu",
                "--disable-features=LocalNetworkAccessChecks,BlockInsecurePrivateNetworkRequests",
            ],
        )  # fmt: skip
        pages = []
        for site in (cast.malimono, cast.delcarmen):
            event, page = make_event(site), browser.new_page()
            visit(page, "http://localhost:5173")  # the React app's origin, which is none of the campus's hosts
            page.add_script_tag(content=CLIENT)
            url = f"http://{site.host}:{live.port}/api/v1/live/events/{event.pk}/"
            page.evaluate(START, [url, site.organizer.token])
            page.wait_for_function("told.length === 1")
            pages.append((site, event, page))

        for site, event, page in pages:
            person = site.student if site is cast.malimono else site.friend
            assert mark(http, site, event, user_id=str(person.id)).status_code == 201
            page.wait_for_function("told.length === 2", timeout=5000)
        live.kill()
        for site, event, _ in pages:
            person = site.friend if site is cast.malimono else site.student
            assert mark(http, site, event, user_id=str(person.id)).status_code == 201
        live.wait()
        for _, _, page in pages:
            page.wait_for_function("told.length === 3", timeout=30_000)
        told = [page.evaluate("told") for _, _, page in pages]
        browser.close()

    # The namesakes of the other campus came in another order: nobody was told theirs, and nothing twice.
    assert told == [
        [["snapshot"], ["news", "Ana Reyes"], ["news", "Ben Cruz"]],
        [["snapshot"], ["news", "Ben Cruz"], ["news", "Ana Reyes"]],
    ]
