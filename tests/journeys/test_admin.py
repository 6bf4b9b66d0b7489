"""The public site's admin in a real browser: a super admin signs in, looks around, suspends a campus and lets it go on."""

import os
from pathlib import Path
from typing import Any

import pytest

from tests.cast import PASSWORD, Cast, Http
from tests.journeys.test_browser import CHROMIUM
from tests.live import live_server

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: install one to run the browser tests"),
]
PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 900}


def test_a_super_admin_looks_after_campuses_on_a_phone_and_a_desktop(
    cast: Cast, http: Http, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from playwright.sync_api import sync_playwright

    # Playwright runs an event loop in this thread; the database is used between its calls, never inside them.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    campus = cast.malimono
    troubles: list[str] = []
    said: list[Any] = []
    token = campus.student.token
    pictures = Path(os.environ.get("EAS_PICTURES", tmp_path))
    with live_server(tmp_path / "web.log") as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        site = f"http://localhost:{server.port}/admin/"
        for number, (size, scheme) in enumerate(((PHONE, "dark"), (DESKTOP, "light"))):
            context = browser.new_context(viewport=size, color_scheme=scheme)  # type: ignore[arg-type]
            page = context.new_page()
            page.on("console", lambda message: said.append(message) if message.type == "error" else None)
            page.on("pageerror", lambda error: troubles.append(str(error)))
            page.goto(site)
            page.fill("[name=username]", "sol")
            page.fill("[name=password]", PASSWORD)
            page.click("form [type=submit]")
            page.wait_for_url(site)
            for name in ("", "campuses/", f"campuses/{campus.campus.id}/", "events/", "runs/"):
                answer = page.goto(site + name)
                assert answer is not None
                page.screenshot(path=str(pictures / f"admin-{number}-{name.replace('/', '_')[:12]}.png"))
                assert answer.status == 200, name
                wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
                assert wide <= 0, (name, size, wide)
            page.goto(f"{site}campuses/{campus.campus.id}/")
            for change, state, status in (("suspend", "suspended", 403), ("reactivate", "ready", 200)):
                form = page.locator(f"form[action$='/{change}/']")
                form.locator("[name=reason]").fill(f"On {size['width']} pixels")
                form.locator("[type=submit]").click()
                page.wait_for_selector(f"form[action$='/{'reactivate' if change == 'suspend' else 'suspend'}/']")
                assert server.send("GET", "/api/v1/auth/me/", host=campus.host, token=token)[0] == status, state
            context.close()
        browser.close()
    # Browsers ask by themselves for an icon that no page names.
    assert [one.text for one in said if not one.location["url"].endswith("/favicon.ico")] == []
    assert troubles == []
