"""The demo university: believable, complete, and the same every time."""

import json
import stat
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from shared_apps.accounts.models import SignInName, User
from shared_apps.common.clock import now
from shared_apps.federation.models import FederatedEvent, Visit
from tenant_apps.attendance import demo
from tenant_apps.attendance.models import Attendance, Correction, Expected, Scan
from tenant_apps.attendance.services.closing import reevaluate_event
from tenant_apps.attendance.services.reconciling import reconcile_hosts
from tenant_apps.events.models import Event, Registration, Session
from tenants.context import public_context
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
        places = list(Registration.objects.order_by("id").values_list("id", "user_id", "state", "waiting_since"))
        return [*people, *events, *places, ("attendance", Attendance.objects.count()), ("scans", Scan.objects.count())]


def test_demo_is_the_same_every_time_and_differs_by_campus(cast: Cast) -> None:
    first = fill(cast.malimono, 30)
    again = fill(cast.malimono, 30)

    assert first == again
    assert fill(cast.delcarmen, 30)[:30] != first[:30]


def test_there_is_always_an_event_to_try(cast: Cast) -> None:
    begun = now()
    campus = cast.malimono.campus
    with cast.malimono.here():
        demo.fill_people(campus, students=30)
        made = [
            demo.fill_events(campus, at=begun + timedelta(hours=hours))
            for hours in (0, 1, 11.5, 12.5, 36, 36.1, 24 * 30)
        ]
        to_try = Session.objects.filter(event__title=demo.TODAY_TITLE)
        openings = list(to_try.order_by("opens_at").values_list("opens_at", "late_after", "closes_at"))

    assert made == [14, 0, 1, 0, 1, 0, 1]
    for hours, (opens_at, late_after, closes_at) in zip((0, 11.5, 36, 24 * 30), openings, strict=True):
        at = begun + timedelta(hours=hours)
        assert opens_at < at < late_after < closes_at - timedelta(hours=9)


def test_demo_is_believable_and_consistent(cast: Cast) -> None:
    fill(cast.malimono, 60)

    with cast.malimono.here():
        statuses = set(Event.objects.values_list("status", flat=True))
        assert statuses == {"draft", "published", "completed", "cancelled"}
        assert {"present", "late", "left_early", "void", "absent"} <= set(
            Attendance.objects.values_list("status", flat=True)
        )
        assert {"recorded", "duplicate"} <= set(Scan.objects.values_list("outcome", flat=True))
        scans = set(Scan.objects.values_list("id", flat=True))
        came = Attendance.objects.filter(first_in_at__isnull=False)
        assert set(came.values_list("first_scan_id", flat=True)) <= scans
        # One correction at each past event; at the required one who came by mistake was absent in the end.
        assert Attendance.objects.filter(status="void").count() == Correction.objects.count() - 1
        required = Event.objects.get(title=demo.REQUIRED_TITLE)
        assert Expected.objects.filter(session__event=required).count() == required.attendances.count()
        assert list(reevaluate_event(event_id=required.pk, at=now(), fix=False)) == []
        for event in Event.objects.filter(capacity__isnull=False):
            states = Counter(event.registrations.values_list("state", flat=True))
            assert states["registered"] <= event.capacity
            assert states["waiting" if event.registration == "required" else "requested"] > 0
            assert not states["waiting"] or states["registered"] == event.capacity
        assert Event.objects.filter(capacity__isnull=False).count() == 2
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
    with public_context():
        ledger = Visit.objects.exclude(status="void")
        assert {visit.home for visit in ledger} == {"SNSU", "MALIMONO", "DELCARMEN", "MAINIT"}
        assert {visit.host for visit in ledger} == {"MAINIT"}
        assert FederatedEvent.objects.filter(kind="university").count() == 1
    assert all(found == [] for _, found in reconcile_hosts(at=now(), repair=False))
    scanner = next(login for login in handed if (login["site"], login["role"]) == ("MAINIT", "scanner"))
    answer = http.post("auth/login/", {key: scanner[key] for key in ("username", "password")}, at=scanner["host"])
    token = {"Authorization": f"Token {answer.json()['token']}"}
    event = http.send("GET", "events/events/", at=scanner["host"], headers=token, query={"ongoing": "true"}).json()
    marked = http.send(
        "POST", "events/attendance/mark_attendance/",
        {"event_id": event["results"][0]["id"], "student_id": "2024-00001"}, at=scanner["host"], headers=token,
    )  # fmt: skip
    assert marked.status_code == 201


def test_logins_that_are_lost_or_stale_are_renewed(database: None, http: Http, logins: Path) -> None:
    call_command("seed_demo", students=5)
    first, *rest = json.loads(logins.read_text())
    logins.write_text(json.dumps([{**first, "password": "of another database"}, *rest]))
    call_command("seed_demo", students=5)
    renewed = json.loads(logins.read_text())
    logins.write_text("[{damaged")
    call_command("seed_demo", students=5)
    all_new = json.loads(logins.read_text())

    assert renewed[1:] == rest
    assert not {login["password"] for login in all_new} & {login["password"] for login in [first, *renewed]}
    for login, status in ((first, 401), (renewed[0], 401), (all_new[0], 200), (all_new[-1], 200)):
        answer = http.post("auth/login/", {key: login[key] for key in ("username", "password")}, at=login["host"])
        assert answer.status_code == status


def test_demo_is_refused_in_production(database: None, settings, logins: Path) -> None:
    settings.ENVIRONMENT = "production"

    with pytest.raises(CommandError, match="production"):
        call_command("seed_demo")

    assert not logins.exists()
