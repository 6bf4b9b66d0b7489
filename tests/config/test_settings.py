"""Settings: every variable has a reason, unsafe ones are refused, and the docs say what the code does."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.urls import reverse

from config.env import VARIABLES, read_environment

ROOT = Path(__file__).resolve().parents[2]
GOOD = {
    "DATABASE_URL": "postgres://u:p@h/d", "REDIS_URL": "redis://h", "EAS_MASTER_KEY": "0123456789abcdef" * 4,
    "EAS_PUBLIC_HOSTS": "eas.example.edu",
}  # fmt: skip


def start(**changes: str) -> subprocess.CompletedProcess:
    """Run Django's deployment check in a process of its own with exactly these settings."""
    return subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        env={"PATH": os.environ["PATH"], "EAS_NO_VENV": "1", **GOOD, **changes},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_production_is_the_default_and_clean() -> None:
    answer = start()

    assert answer.returncode == 0, answer.stderr
    assert read_environment(GOOD)["EAS_ENV"] == "production"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"EAS_TLS": "false"}, "EAS_TLS"),
        ({"EAS_PUBLIC_HOSTS": "localhost"}, "EAS_PUBLIC_HOSTS"),
        ({"EAS_MASTER_KEY": "secret"}, "EAS_MASTER_KEY"),
        ({"EAS_MASTER_KEY": "a" + "0123456789abcdef" * 4}, "EAS_MASTER_KEY"),
        ({"EAS_MASTER_KEY": "00" * 32}, "EAS_MASTER_KEY"),
        ({"EAS_MASTER_KEY": "01234567" * 8}, "EAS_MASTER_KEY"),
        ({"DATABASE_URL": "mysql://u@h/d"}, "PostgreSQL"),
        ({"CAMPUS_LOGIN_PREFIX": "Robert'); --"}, "CAMPUS_LOGIN_PREFIX"),
    ],
)
def test_production_refuses_to_start_with_an_unsafe_setting(changes: dict[str, str], said: str) -> None:
    answer = start(**changes)

    assert answer.returncode != 0
    assert said in answer.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("EAS_WEB_PORT", "x"),
        ("EAS_WEB_PORT", "0"),
        ("EAS_TLS", "perhaps"),
        ("EAS_ENV", "staging"),
        ("EAS_DB_MAX_AGE", "1e9"),
    ],
)
def test_unusable_values_are_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=name):
        read_environment({**GOOD, name: value})


def test_everything_that_is_missing_is_said_at_once() -> None:
    with pytest.raises(ImproperlyConfigured) as raised:
        read_environment({})

    assert all(name in str(raised.value) for name in ("DATABASE_URL", "REDIS_URL", "EAS_MASTER_KEY"))


def test_every_variable_says_what_it_is_for() -> None:
    assert len({variable.name for variable in VARIABLES}) == len(VARIABLES)
    assert all(variable.reason and variable.unit for variable in VARIABLES)


@pytest.mark.parametrize(
    ("command", "path"),
    [
        ("print_settings", "docs/reference/settings.md"),
        ("print_env_example", ".env.example"),
        ("print_permissions", "docs/reference/permissions.md"),
        ("print_error_codes", "docs/reference/error-codes.md"),
        ("print_status_rule", "docs/reference/status-rule.md"),
    ],
)
def test_generated_pages_are_up_to_date(command: str, path: str, capsys) -> None:
    call_command(command)

    assert (ROOT / path).read_text() == capsys.readouterr().out, f"run: python manage.py {command} > {path}"


@pytest.mark.parametrize("site", ["public", "campus"])
def test_openapi_has_no_warning(site: str, tmp_path, capsys) -> None:
    call_command(
        "spectacular", "--urlconf", f"config.urls_{site}", "--validate", "--fail-on-warn", "--file",
        str(tmp_path / "schema.yaml"),
    )  # fmt: skip

    assert capsys.readouterr().err == ""
    text = (tmp_path / "schema.yaml").read_text()
    assert text.startswith("openapi: 3.1")
    assert "``" not in text
    assert not re.search(r"summary: .*`", text)
    assert (
        ("/events/attendance/mark_attendance/:" in text)
        == ("name: mine" in text)
        == ("PaginatedEventList" in text)
        == ("`in` if it is left out" in text)  # a default would make a generated client demand the field
        == (site == "campus")
    )


def test_description_and_its_page_are_served_on_every_host(cast, http) -> None:
    for host in ("localhost", cast.malimono):
        assert http.get("schema/", at=host).status_code == 200
        page = http.get("docs/", at=host)
        assert page.status_code == 200
        assert b"cdn." not in page.content
    assert reverse("schema", urlconf="config.urls_campus") == "/api/v1/schema/"
