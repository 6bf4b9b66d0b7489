"""In production plain HTTP is sent on to HTTPS, but only under names that are ours."""

import pytest

from tests.cast import Cast, Http


@pytest.fixture
def in_production(settings):
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")


@pytest.mark.parametrize("host", ["malimono.localhost", "delcarmen.localhost", "localhost"])
def test_our_own_hosts_are_redirected(cast: Cast, in_production, host: str) -> None:
    answer = Http().get("auth/me/", at=host)

    assert (answer.status_code, answer["Location"]) == (301, f"https://{host}:8000/api/v1/auth/me/")


@pytest.mark.parametrize("host", ["evil.example", "malimono.localhost.evil.example", "-"])
def test_under_any_other_name_there_is_the_constant_404(cast: Cast, in_production, host: str) -> None:
    http = Http()
    plain = http.get("auth/me/", at=host)
    secure = http.send("GET", "auth/me/", at=host, headers={"X-Forwarded-Proto": "https"})

    assert plain.status_code == secure.status_code == 404
    assert plain.content == secure.content
    assert "Location" not in plain
