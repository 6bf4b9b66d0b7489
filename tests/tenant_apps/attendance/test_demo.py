"""The demo university: believable, complete, and the same every time."""

import json
import stat
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from shared_apps.accounts.models import SignInName, User
from shared_apps.common.clock import now
from tenant_apps.attendance import demo
from tenant_apps.attendance.models import Attendance, Correction, Scan
from tenant_apps.events.models import Event
from tests.cast import Cast, Http, Site


@pytest.fixture
def logins(settings, tmp_path: Path) -> Path:
    settings.DEMO_LOGINS = str(tmp_path / "logins.json")
    return Path(settings.DEMO_LOGINS)


def fill(site: Site, students: int) -> list[tuple]:
    """Fill a campus; return who is in it and what happened, as plain values."""
    with site.here():
        demo.fill_people(site.campus, students=students)
        demo.fill_events(site.campus, at=now().replace(hour=3, minute=0, second=0, microsecond=0))
        people = list(
            User.objects.filter(email__contains=".example.edu").order_by("username").values_list("id", "last_name")
        )
        events = list(Event.objects.order_by("starts_at", "id").values_list("id", "title", "status"))
        return [*people, *events, ("attendance", Attendance.objects.count()), ("scans", Scan.objects.count())]


def test_demo_is_the_same_every_time_and_differs_by_campus(cast: Cast) -> None:
    first = fill(cast.malimono, 30)
    again = fill(cast.malimono, 30)

    assert first == again
    assert fill(cast.delcarmen, 30)[:30] != first[:30]


def test_demo_is_believable_and_consistent(cast: Cast) -> None:
    fill(cast.malimono, 60)

    with cast.malimono.here():
        statuses = set(Event.objects.values_list("status", flat=True))
        assert statuses == {"draft", "published", "completed", "cancelled"}
        assert {"present", "late", "left_early", "void"} <= set(Attendance.objects.values_list("status", flat=True))
        assert {"recorded", "duplicate"} <= set(Scan.objects.values_list("outcome", flat=True))
        scans = set(Scan.objects.values_list("id", flat=True))
        assert set(Attendance.objects.values_list("first_scan_id", flat=True)) <= scans
        assert Attendance.objects.filter(status="void").count() == Correction.objects.count()
        demo_people = User.objects.filter(email__contains=".example.edu")
        assert SignInName.objects.filter(user__in=demo_people).count() >= 2 * demo_people.filter(role="student").count()
        assert any("ñ" in name for name in demo_people.values_list("last_name", flat=True))


@pytest.mark.slow
def test_the_whole_university_with_working_logins(database: None, http: Http, logins: Path) -> None:
    call_command("seed_demo")
    handed = json.loads(logins.read_text())
    call_command("seed_demo")

    assert json.loads(logins.read_text()) == handed
    assert stat.S_IMODE(logins.stat().st_mode) == 0o600
    assert {login["site"] for login in handed} == {"PUBLIC", "SNSU", "MALIMONO", "DELCARMEN", "MAINIT"}
    for login in handed:
        assert set(login) == {"site", "host", "role", "username", "password"}
        answer = http.post("auth/login/", {key: login[key] for key in ("username", "password")}, at=login["host"])
        assert answer.status_code == 200, login["site"]
        assert answer.json()["user"]["role"] == login["role"]
    scanner = next(login for login in handed if (login["site"], login["role"]) == ("MAINIT", "scanner"))
    answer = http.post("auth/login/", {key: scanner[key] for key in ("username", "password")}, at=scanner["host"])
    token = {"Authorization": f"Token {answer.json()['token']}"}
    event = http.send("GET", "events/events/", at=scanner["host"], headers=token, query={"ongoing": "true"}).json()
    marked = http.send(
        "POST", "events/attendance/mark_attendance/",
        {"event_id": event["results"][0]["id"], "student_id": "2024-00001"}, at=scanner["host"], headers=token,
    )  # fmt: skip
    assert marked.status_code == 201


def test_demo_is_refused_in_production(database: None, settings, logins: Path) -> None:
    settings.ENVIRONMENT = "production"

    with pytest.raises(CommandError, match="production"):
        call_command("seed_demo")

    assert not logins.exists()
