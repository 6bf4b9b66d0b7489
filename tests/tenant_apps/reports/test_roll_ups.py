"""What campuses tell the public site: numbers without names, their own rows only, nothing of few people."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from shared_apps.accounts.models import Profile, User
from shared_apps.common.clock import now
from shared_apps.federation.models import RollUp
from shared_apps.outbox.models import Slot
from tenant_apps.attendance.models import Attendance
from tenant_apps.reports import tasks
from tenant_apps.reports.rules import FEWEST, join_small_groups, months_before
from tenant_apps.reports.services.roll_ups import roll_up
from tenants.context import public_context
from tests.cast import Cast, Http, Site
from tests.factories import make_event, make_shared_event, pass_of

YEAR = "reports/overview/university/"


def attend(site: Site, people: dict[str, int], *, starts: float = -600) -> None:
    """Let so many people of each department attend an event of ``site`` that began so many minutes ago."""
    event = make_event(site, starts=starts)
    with site.here():
        session = event.sessions.get()
        for department, count in people.items():
            users = [
                User(username=f"{department}{number}{starts}", role="student", password="!", last_name="Secretperson")
                for number in range(count)
            ]
            User.objects.bulk_create(users)
            Profile.objects.bulk_create(Profile(user=user, department=department) for user in users)
            Attendance.objects.bulk_create(
                Attendance(
                    event=event, session=session, user=user, status="present", first_in_at=session.starts_at,
                    method="user", created_at=now(), updated_at=now(),
                )
                for user in users
            )  # fmt: skip


def tell(*sites: Site, at: datetime | None = None) -> None:
    for site in sites:
        with site.here():
            roll_up(at=at or now())


def overview(cast: Cast, http: Http) -> dict[str, dict]:
    answer = http.get("reports/overview/", by=cast.super_admin)
    assert answer.status_code == 200, answer.content
    assert b"Secretperson" not in answer.content
    return {line["campus"]: line for line in answer.json()["results"]}


def test_the_public_site_reads_what_campuses_told(cast: Cast, http: Http) -> None:
    here, there = cast.malimono, cast.delcarmen
    attend(here, {"CITE": 6, "COE": 8, "Law": 2, "Arts": 3})
    attend(there, {"CITE": 7})
    games = make_shared_event(there, here)
    for who in (here.student, there.student):
        body = {"event_id": str(games.pk), "pass": pass_of(who)}
        assert http.post("events/attendance/mark_attendance/", body, by=there.scanner).status_code == 201
    assert overview(cast, http)["MALIMONO"]["as_of"] is None
    at = now()

    tell(here, there, at=at)

    found = overview(cast, http)
    assert datetime.fromisoformat(found["MALIMONO"]["as_of"]) == at
    year = found["MALIMONO"]["year"]["figures"]
    assert (year["came"], year["people_own"], year["visitors"], year["people_away"]) == (19, 19, 0, None)
    assert len(found["MALIMONO"]["months"]) == 12
    assert sum(month["figures"]["came"] for month in found["MALIMONO"]["months"]) == 19
    departments = {row["department"]: row["figures"] for row in found["MALIMONO"]["departments"]}
    assert {name: (row["came"], row["people_own"]) for name, row in departments.items()} == {
        "CITE": (6, 6), "COE": (8, 8), "(others)": (5, None),
    }  # fmt: skip
    # One visitor is too few to be told; Ana of Del Carmen is among its own people.
    other = found["DELCARMEN"]["year"]["figures"]
    assert (other["came"], other["people_own"], other["people_visiting"], other["visitors"]) == (9, 8, None, None)
    assert found["SNSU"]["year"] is None
    sums = {line["kind"]: line for line in http.get(YEAR, by=cast.super_admin).json() if line["kind"] == "year"}
    assert (sums["year"]["campuses"], sums["year"]["figures"]["people_own"]) == (2, 27)


def test_few_people_are_not_told_and_follow_from_no_difference(cast: Cast, http: Http) -> None:
    site = cast.malimono
    attend(site, {"CITE": 6})
    before = 60 * 24 * 40
    attend(site, {"COE": 2}, starts=-before)

    tell(site)

    found = overview(cast, http)["MALIMONO"]
    month = (now() - timedelta(minutes=before)).astimezone(ZoneInfo("Asia/Manila")).date().replace(day=1)
    hidden = [row["starts_on"] for row in found["months"] if row["figures"] is None]
    assert hidden == [month.isoformat()]
    assert found["year"]["figures"]["came"] == sum(row["figures"]["came"] for row in found["months"] if row["figures"])
    assert [(row["department"], row["figures"]["came"]) for row in found["departments"]] == [("CITE", 6)]

    # Too few of all: nothing but that there is a campus.
    lonely = cast.delcarmen
    attend(lonely, {"CITE": FEWEST - 1})
    tell(lonely)
    found = overview(cast, http)["DELCARMEN"]
    assert found["departments"] == []
    assert [row["figures"]["came"] for row in found["months"] if row["figures"]] == [0] * 11
    assert found["year"]["figures"]["came"] == 0


def test_telling_again_replaces_and_nothing_older_comes_back(cast: Cast, http: Http) -> None:
    site = cast.malimono
    attend(site, {"CITE": 6, "COE": 6})
    tell(site)
    with site.here():
        Profile.objects.filter(department="COE").update(department="CITE")
    later = now()
    tell(site, at=later)
    tell(site, at=later)
    found = overview(cast, http)["MALIMONO"]
    assert [(row["department"], row["figures"]["people_own"]) for row in found["departments"]] == [("CITE", 12)]
    with public_context():
        assert set(RollUp.objects.values_list("campus", "as_of")) == {("MALIMONO", later)}


def test_a_campus_writes_and_reads_its_own_rows_only(cast: Cast) -> None:
    tell(cast.malimono, cast.delcarmen)
    told = "(campus, kind, starts_on, department, figures, as_of) VALUES ('DELCARMEN', 'year', '2020-01-01', '', '{}', now())"
    with public_context():
        before = list(RollUp.objects.order_by("pk").values_list())
    with cast.malimono.here():
        assert set(RollUp.objects.values_list("campus", flat=True)) == {"MALIMONO"}
        for statement in (
            f"INSERT INTO public.federation_rollup {told}",
            "UPDATE public.federation_rollup SET campus = 'DELCARMEN'",
            "TRUNCATE public.federation_rollup",
        ):
            with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(statement)
        for statement in (
            "DELETE FROM public.federation_rollup WHERE campus = 'DELCARMEN'",
            "UPDATE public.federation_rollup SET figures = '{}' WHERE campus <> 'MALIMONO'",
        ):
            with connection.cursor() as cursor:
                cursor.execute(statement)
                assert cursor.rowcount == 0
        for name, values in (
            ("federation_rollup_kind_known", {"kind": "week", "department": ""}),
            ("federation_rollup_department_of_year", {"kind": "month", "department": "CITE"}),
        ):
            with pytest.raises(IntegrityError, match=name), transaction.atomic():
                RollUp.objects.create(campus="MALIMONO", starts_on=date(2020, 1, 1), as_of=now(), **values)
    with public_context():
        assert list(RollUp.objects.order_by("pk").values_list()) == before
        with pytest.raises(DatabaseError), transaction.atomic():
            RollUp.objects.all().delete()


def test_each_campus_is_asked_once_a_slot(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    monkeypatch.setattr(tasks.roll_up_campus, "apply_async", lambda *, headers, expires: sent.append(headers["campus"]))
    with public_context():
        for _ in range(2):
            tasks.roll_up_every_campus.run()
        assert Slot.objects.filter(name="roll-up").count() == 1
    assert sorted(sent) == ["DELCARMEN", "MALIMONO", "SNSU"]
    with cast.malimono.here():
        tasks.roll_up_campus.run()
        assert RollUp.objects.filter(kind="month").count() == 12


@pytest.mark.parametrize(
    ("sizes", "groups"),
    [
        ([], []),
        ([("a", 5), ("b", 9)], [["b"], ["a"]]),
        ([("a", 9), ("b", 4), ("c", 1)], [["a"], ["b", "c"]]),
        ([("a", 9), ("b", 6), ("c", 1)], [["a"], ["c", "b"]]),
        ([("a", 9), ("c", 1)], [["c", "a"]]),
        ([("a", 2), ("b", 2)], []),
        ([("a", 2), ("b", 3)], [["b", "a"]]),
    ],
)
def test_small_groups_are_told_together(sizes: Any, groups: Any) -> None:
    assert join_small_groups(sizes) == groups


def test_months_are_those_of_the_campus() -> None:
    zone = ZoneInfo("Asia/Manila")
    months = months_before(datetime(2026, 2, 28, 16, 0, tzinfo=UTC), zone, 3)
    assert [day for day, _, _ in months] == [date(2026, 1, 1), date(2026, 2, 1), date(2026, 3, 1)]
    assert [begins for _, begins, _ in months][1:] == [ends for _, _, ends in months][:-1]
    assert months[-1][1] == datetime(2026, 2, 28, 16, 0, tzinfo=UTC)
