"""Who gets into the admin, for how long, and by what: super admins, by the checks and waits of the API's sign-in."""

import re
from datetime import timedelta
from uuid import uuid4

import pytest
import time_machine
from django.core.signing import TimestampSigner
from django.urls import get_resolver

from shared_apps.accounts.models import AccessToken, SignInTry, User
from shared_apps.accounts.rules import FREE_TRIES, PAGES_IDLE, PAGES_TIME
from shared_apps.accounts.services.tokens import issue_token
from shared_apps.audit.models import AuditEntry
from shared_apps.common.clock import now
from tenants.context import owner_context, public_context
from tenants.models import Campus
from tests.cast import PASSWORD, Cast, Http
from tests.shared_apps.administration.browser import Browser, signed_in

OPEN = {"login"}


def paths() -> list[str]:
    """Return every path of the admin but the sign-in, from the URL configuration."""
    admin = next(one for one in get_resolver("config.urls_public").url_patterns if str(one.pattern) == "admin/")
    routes = [str(one.pattern) for one in admin.url_patterns if one.name not in OPEN]
    return [f"/admin/{re.sub(r'<uuid:pk>', str(uuid4()), route).replace('^.+', 'nothing')}" for route in routes]


def test_a_super_admin_signs_in_and_out(cast: Cast) -> None:
    browser = signed_in()

    assert browser.get("/admin/").status_code == 200
    cookie = browser.client.cookies["eas-admin"]
    assert (cookie["domain"], cookie["path"], cookie["httponly"], cookie["samesite"]) == ("", "/", True, "Strict")
    kept = browser.session
    answer = browser.post("/admin/logout/")
    assert (answer.status_code, answer["Location"], browser.session) == (302, "/admin/login/", "")
    browser.client.cookies["eas-admin"] = kept
    assert browser.get("/admin/").status_code == 302
    with public_context():
        done = list(AuditEntry.objects.order_by("at").values_list("action", "changes"))
    assert done[-2:] == [("user.signed_in", {"to": "pages"}), ("user.signed_out", {"tokens": 1})]


def test_nobody_else_sees_any_page(cast: Cast) -> None:
    stranger = Browser()
    here = paths()
    assert len(here) >= 15
    for path in here:
        for answer in (stranger.get(path), stranger.post(path)):
            assert (answer.status_code, answer["Location"].split("?")[0]) == (302, "/admin/login/"), path
            assert answer["Cache-Control"] == "no-store"


def test_a_campus_has_no_admin_and_its_people_none_anywhere(cast: Cast, http: Http) -> None:
    inside = signed_in()
    for site in (cast.malimono, cast.delcarmen):
        browser = Browser(site.host)
        browser.client.cookies["eas-admin"] = inside.session
        for path in [*paths(), "/admin/login/"]:
            assert browser.get(path).status_code == 404, path
        assert Browser(site.host).sign_in("carla").status_code == 404
    for name in ("carla", "olga", "ana"):
        answer = Browser().sign_in(name)
        assert (answer.status_code, "Name or password is wrong" in answer.content.decode()) == (401, True)


def test_tokens_of_the_api_open_no_page_and_cookies_no_api(cast: Cast, http: Http) -> None:
    inside, signer = signed_in(), TimestampSigner(salt="eas.admin")
    text = signer.unsign(inside.session)
    with cast.malimono.here():
        forged = issue_token(user=cast.malimono.admin.user, label="", at=now(), to_pages=True).text
    for stolen in (
        cast.super_admin.token,
        cast.malimono.admin.token,
        forged,
        forged.replace("malimono", "public"),
        "",
        "x" * 500,
    ):
        browser = Browser()
        browser.client.cookies["eas-admin"] = signer.sign(stolen)
        assert browser.get("/admin/", Authorization=f"Token {stolen}").status_code == 302, stolen
    for unsigned in (text, f"{text}:1:2", TimestampSigner(salt="other").sign(text)):
        browser = Browser()
        browser.client.cookies["eas-admin"] = unsigned
        assert browser.get("/admin/").status_code == 302
    assert (
        http.send("GET", "auth/me/", headers={"Authorization": f"Token {text}", "Host": "localhost:8000"}).status_code
        == 401
    )
    assert inside.client.get("/api/v1/auth/me/", headers={"Host": "localhost:8000"}).status_code == 401


def test_what_the_api_counts_the_admin_counts(cast: Cast, http: Http) -> None:
    wrong = {"username": "sol", "password": "wrong"}
    tries = [http.post("auth/login/", wrong).status_code for _ in range(FREE_TRIES - 1)]
    browser = Browser()
    answers = [browser.sign_in("SOL ", "wrong").status_code for _ in range(3)]

    assert (tries, answers) == ([401] * (FREE_TRIES - 1), [401, 429, 429])
    waiting = browser.sign_in()
    assert (waiting.status_code, int(waiting["Retry-After"]) > 0) == (429, True)
    assert http.post("auth/login/", {"username": "sol", "password": PASSWORD}).status_code == 429
    with time_machine.travel(now() + timedelta(minutes=1, seconds=1)):
        assert browser.sign_in().status_code == 302
    with public_context():
        assert SignInTry.objects.count() == 0


def test_a_browser_that_was_here_before_is_not_locked_out_by_others(cast: Cast) -> None:
    known = signed_in()
    known.post("/admin/logout/")
    stranger = Browser()
    assert [stranger.sign_in("sol", "wrong").status_code for _ in range(FREE_TRIES + 1)][-1] == 429

    assert known.sign_in().status_code == 302


def test_unused_it_ends_soon_and_used_it_ends_too(cast: Cast) -> None:
    start = now()
    with time_machine.travel(start, tick=False) as clock:
        idle, used = signed_in(), signed_in()
        clock.shift(PAGES_IDLE - timedelta(seconds=1))
        assert used.get("/admin/password/").status_code == 200
        clock.shift(timedelta(seconds=3))
        assert idle.get("/admin/password/").status_code == 302
        while now() < start + PAGES_TIME - PAGES_IDLE / 2:
            assert used.get("/admin/password/").status_code == 200
            clock.shift(PAGES_IDLE / 2)
        clock.move_to(start + PAGES_TIME)
        assert used.get("/admin/password/").status_code == 302


def test_a_new_password_and_a_closed_account_end_it(cast: Cast, http: Http) -> None:
    first, second = signed_in(), signed_in()
    weak = first.post("/admin/password/", {"current_password": PASSWORD, "new_password": "short"})
    wrong = first.post("/admin/password/", {"current_password": "no", "new_password": "another-long-secret"})
    assert (weak.status_code, wrong.status_code, second.get("/admin/").status_code) == (400, 400, 200)

    done = first.post("/admin/password/", {"current_password": PASSWORD, "new_password": "another-long-secret"})

    assert (done.status_code, first.session) == (302, "")
    assert second.get("/admin/").status_code == 302
    assert http.get("auth/me/", by=cast.super_admin).status_code == 401
    third = Browser()
    assert third.sign_in(password="another-long-secret").status_code == 302
    with public_context():
        User.objects.filter(username="sol").update(is_active=False)
    assert third.get("/admin/").status_code == 302
    assert Browser().sign_in(password="another-long-secret").status_code == 401


def test_a_person_who_is_no_super_admin_any_more_is_out(cast: Cast) -> None:
    browser = signed_in()
    with owner_context():  # the service would not; a row that says so is still no way in
        User.objects.filter(username="sol").update(role="campus_admin")

    assert browser.get("/admin/").status_code == 302
    assert Browser().sign_in().status_code == 401


def test_a_form_of_elsewhere_changes_nothing(cast: Cast) -> None:
    browser = signed_in()
    campus = cast.malimono.campus
    for token in (
        "",
        "x" * 64,
        Browser().get("/admin/login/").content.decode().split('csrfmiddlewaretoken" value="')[1][:64],
    ):
        answer = browser.post(f"/admin/campuses/{campus.id}/suspend/", {"reason": "forged"}, token=token)
        assert answer.status_code == 403, token
        assert "Content-Security-Policy" in answer
    assert browser.post("/admin/logout/", token="").status_code == 403
    assert Browser().post("/admin/login/", {"username": "sol", "password": PASSWORD}, token="").status_code == 403
    with public_context():
        assert Campus.objects.get(pk=campus.id).state == "ready"
        assert AccessToken.objects.filter(label="admin").count() == 1


@pytest.mark.parametrize(
    ("wanted", "goes"),
    [
        ("/admin/ledger/?host=SNSU", "/admin/ledger/?host=SNSU"),
        ("https://evil.example/", "/admin/"),
        ("//evil.example/admin/", "/admin/"),
        ("/admin/..//evil.example", "/admin/"),
        ("/admin/\\evil", "/admin/"),
        ("/api/v1/docs/", "/admin/"),
        ("/admin/logout/", "/admin/"),
    ],
)
def test_signing_in_leads_to_pages_of_ours_only(cast: Cast, wanted: str, goes: str) -> None:
    assert Browser().sign_in(next=wanted)["Location"] == goes


def test_pages_load_nothing_of_elsewhere_and_are_framed_by_nobody(cast: Cast) -> None:
    browser = signed_in()
    for answer in (browser.get("/admin/"), browser.get("/admin/nothing/"), Browser().get("/admin/login/")):
        policy = dict(part.split(" ", 1) for part in answer["Content-Security-Policy"].split("; "))
        assert (policy["default-src"], policy["frame-ancestors"], policy["form-action"]) == (
            "'none'",
            "'none'",
            "'self'",
        )
        assert "unsafe-inline" not in policy["script-src"]
        assert (answer["X-Frame-Options"], answer["Referrer-Policy"]) == ("DENY", "same-origin")
        assert re.findall(r'(?:src|href|action)="(?:https?:)?//[^"]+', answer.content.decode()) == []
    assert "Content-Security-Policy" not in browser.client.get("/api/v1/schema/", headers={"Host": "localhost:8000"})


def test_hostile_bodies_are_refused_in_words(cast: Cast) -> None:
    browser = Browser()
    for body in (
        {},
        {"username": "sol"},
        {"username": "a\x00", "password": "b"},
        {"username": "x" * 300, "password": "y"},
    ):
        assert browser.post("/admin/login/", body).status_code == 400
