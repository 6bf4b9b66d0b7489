"""Reports: what the figures say, that each has its rows, and who may read which."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import uuid4

import pytest

from shared_apps.accounts.models import Profile, User
from shared_apps.common.ids import uuid7
from tenant_apps.attendance.models import Attendance, AttendanceRequest, Visitor
from tenant_apps.attendance.services.closing import close_session
from tenant_apps.events.models import Event, Guest, Session
from tenant_apps.reports.rules import OF_GROUPS, Figure, Per
from tests.cast import Cast, Http, Person, Site
from tests.factories import make_event

MINUTE = timedelta(minutes=1)


def rows_of(http: Http, path: str, by: Person) -> Any:
    """Follow a link of a report."""
    parts = urlsplit(path)
    return http.get(parts.path.removeprefix("/api/v1/"), by=by, **dict(parse_qsl(parts.query, keep_blank_values=True)))


def figures(http: Http, who: Person, **query: Any) -> list[dict]:
    answer = http.get("reports/figures/", by=who, **query)
    assert answer.status_code == 200, answer.content
    return answer.json()["results"]


@pytest.fixture
def held(cast: Cast) -> Event:
    """A required event of Malimono with two closed sessions, and everything that can become of somebody there."""
    return hold(cast.malimono)


def hold(site: Site) -> Event:
    event = make_event(site, title=f"Assembly of {site.campus.code}", starts=-1000, sessions=2, apart=300)
    with site.here():
        Event.objects.filter(pk=event.pk).update(is_required=True)
        people = {
            name: User(username=name, student_id=f"S-{name}", role="student", password="!", last_name=name.title())
            for name in ("late", "left", "gone", "ill", "undone")
        }
        User.objects.bulk_create(people.values())
        Profile.objects.bulk_create(
            Profile(user=user, department="coe" if name == "late" else "COE", program="BSCE", year_level=4, section="B")
            for name, user in people.items()
        )
        visitor = Visitor.objects.create(home="SNSU", person_id=uuid7(), display_name="Vi", created_at=event.starts_at)
        guest = Guest.objects.create(event=event, name="Gus", pass_digest=b"g" * 32, created_at=event.starts_at)
        first, second = event.sessions.order_by("starts_at")
        for session in (first, second):
            come(session, "present", -5, user=site.student.user)
            come(session, "late", 20, user=people["late"])
            come(session, "present", 1, visitor=visitor)
        come(first, "left_early", 2, user=people["left"])
        come(first, "present", 3, guest=guest)
        come(first, "present", 4, user=site.organizer.user)
        come(first, "void", 5, user=people["undone"])
        AttendanceRequest.objects.create(
            kind="excuse", event=event, user=people["ill"], wanted_status="excused", reason="Ill", state="approved",
            requested_at=event.starts_at, decide_by=event.starts_at, decided_at=event.starts_at,
        )  # fmt: skip
        for session in (first, second):
            assert close_session(session_id=session.pk, at=session.closes_at + 5 * MINUTE)
        # Undone after the session was closed: neither there nor absent.
        Attendance.objects.filter(session=first, user=people["undone"]).update(status="void")
        # A group that changes later changes no report.
        Profile.objects.filter(user=people["gone"]).update(department="Elsewhere")
    return event


def come(session: Session, status: str, minutes: int, **person: Any) -> None:
    at = session.starts_at + minutes * MINUTE
    Attendance.objects.create(
        event_id=session.event_id, session=session, status=status, first_in_at=at, method="user", created_at=at,
        updated_at=at, last_out_at=at + MINUTE if status == "left_early" else None, **person,
    )  # fmt: skip


def test_the_figures_of_an_event(cast: Cast, http: Http, held: Event) -> None:
    hold(cast.delcarmen)
    organizer = cast.malimono.organizer

    (total,) = figures(http, organizer, event=held.pk)

    # 7 students expected at each of two sessions; ana, late, Vi twice, left, Gus and the organizer once.
    wanted = {
        "expected": 14, "came": 9, "present": 6, "late": 2, "left_early": 1, "excused": 2, "absent": 6,
        "unaccounted": 1, "expected_came": 5, "expected_absent": 6, "visitors": 2, "guests": 1, "people": 6,
        "people_expected": 7, "people_visiting": 1, "sessions": 2, "events": 1, "rate": round(5 / 11, 4),
    }  # fmt: skip
    assert {name: total[name] for name in wanted} == wanted
    assert total["expected"] == sum(total[name] for name in ("expected_came", "expected_absent", "unaccounted")) + 2
    first, second = _sessions(cast.malimono, held)
    assert datetime.fromisoformat(total["first_scan_at"]) == first.starts_at - 5 * MINUTE
    assert datetime.fromisoformat(total["last_scan_at"]) == second.starts_at + 20 * MINUTE

    answer = http.get(f"reports/events/{held.pk}/", by=organizer)
    assert answer.status_code == 200, answer.content
    report = answer.json()
    assert (report["is_settled"], report["total"]["people"]) == (True, 6)
    assert [(line["key"]["session"], line["came"], line["people"]) for line in report["sessions"]] == [
        (str(first.pk), 6, 6), (str(second.pk), 3, 3),
    ]  # fmt: skip
    assert [(line["key"]["home"], line["people"]) for line in report["homes"]] == [
        ("", 1),
        ("MALIMONO", 4),
        ("SNSU", 1),
    ]


def _sessions(site: Site, event: Event) -> list[Session]:
    with site.here():
        return list(event.sessions.order_by("starts_at"))


def test_every_figure_has_as_many_rows_as_it_says(cast: Cast, http: Http, held: Event) -> None:
    """And the lines of a report add up to its total."""
    admin = cast.malimono.admin
    make_event(cast.malimono, title="To come", starts=600)
    (total,) = figures(http, admin)
    for per in Per.values:
        lines = figures(http, admin, per=per, page_size=100)
        assert lines
        for line in lines:
            for figure in Figure.values:
                found = rows_of(http, line["rows"][figure], admin)
                assert found.status_code == 200, found.content
                assert found.json()["count"] == line[figure], (per, line["key"], figure, line["rows"][figure])
        # Groups are of this campus's own people: without the visitor's two, and the guest's one.
        missing = 3 if per in OF_GROUPS else 0
        assert sum(line["came"] for line in lines) == total["came"] - missing
        assert sum(line["expected"] for line in lines) == total["expected"]


def test_groups_are_those_people_were_in_when_the_session_was_closed(cast: Cast, http: Http, held: Event) -> None:
    admin = cast.malimono.admin

    lines = figures(http, admin, per="department", event=held.pk)

    # However it was spelled; the organizer is of no department.
    assert [(line["key"]["department"].upper(), line["expected"], line["came"]) for line in lines] == [
        ("", 0, 1), ("CITE", 4, 2), ("COE", 10, 3),
    ]  # fmt: skip
    (section,) = figures(http, admin, per="section", department="Coe", section="b", year_level=4)
    assert (section["people_expected"], section["people"]) == (5, 2)
    (nobody,) = figures(http, admin, department="COE", section="A")
    assert (nobody["expected"], nobody["people"], nobody["rate"], nobody["first_scan_at"]) == (0, 0, None, None)


def test_people_periods_and_arrivals(cast: Cast, http: Http, held: Event) -> None:
    admin, site = cast.malimono.admin, cast.malimono
    first, second = _sessions(site, held)

    people = {line["key"]["display_name"]: line for line in figures(http, admin, per="person", page_size=100)}
    assert (people["Ana Reyes"]["present"], people["Ana Reyes"]["rate"]) == (2, 1.0)
    assert (people["Vi"]["key"]["kind"], people["Vi"]["key"]["home"], people["Vi"]["visitors"]) == (
        "visitor",
        "SNSU",
        2,
    )
    assert (people["Gone"]["absent"], people["Gone"]["rate"], people["Gone"]["key"]["student_id"]) == (2, 0.0, "S-gone")
    (alone,) = figures(http, admin, person=people["Ana Reyes"]["key"]["person"], per="event")
    assert alone["came"] == 2

    (before,) = figures(http, admin, until=second.starts_at.isoformat())
    (after,) = figures(http, admin, since=second.starts_at.isoformat())
    assert (before["came"], after["came"], before["sessions"]) == (6, 3, 1)
    days = figures(http, admin, per="month")
    assert sum(line["came"] for line in days) == 9

    steps = http.get("reports/arrivals/", by=admin, session=first.pk, minutes=1440).json()
    assert (sum(step["came"] for step in steps), steps[-1]["so_far"]) == (6, 6)
    fine = http.get("reports/arrivals/", by=admin, session=first.pk, minutes=1).json()
    assert Counter(step["came"] for step in fine) == {1: 6}
    assert [step["so_far"] for step in fine] == [1, 2, 3, 4, 5, 6]


def test_pages_of_a_report(cast: Cast, http: Http, held: Event) -> None:
    admin = cast.malimono.admin

    seen: list[str] = []
    for number in (1, 2, 3):
        page = http.get("reports/figures/", by=admin, per="person", page=number, page_size=4).json()
        assert page["count"] == 10
        seen += [line["key"]["person"] for line in page["results"]]
    assert len(seen) == len(set(seen)) == 10
    assert page["next"] is None
    for path in ("reports/figures/", "reports/rows/"):
        for number in ("4", "0", "x", "9" * 30):
            assert http.get(path, by=admin, page=number, page_size=100).status_code == 404, number


def test_organizers_read_reports_of_the_events_they_run(cast: Cast, http: Http, held: Event) -> None:
    site, other = cast.malimono, cast.malimono.other_organizer
    (first, _) = _sessions(site, held)
    for query in (
        {"event": held.pk}, {"session": first.pk}, {"event": uuid4()}, {"session": first.pk, "event": uuid4()},
    ):  # fmt: skip
        for path in ("figures", "rows", "arrivals"):
            answer = http.get(f"reports/{path}/", by=other, **query)
            assert (answer.status_code, answer.json()["errors"][0]["code"]) == (404, "not_found"), (path, query)
    assert http.get(f"reports/events/{held.pk}/", by=other).status_code == 404
    for query in ({}, {"department": "COE"}, {"home": "SNSU"}):
        (total,) = figures(http, other, **query)
        assert (total["expected"], total["people"], total["events"]) == (0, 0, 0)
        assert http.get("reports/rows/", by=other, **query).json()["results"] == []
    assert http.get("reports/arrivals/", by=other).json() == []
    assert figures(http, other, per="person") == figures(http, other, per="event") == []


@pytest.mark.parametrize(
    "query",
    [
        {"per": "everybody"}, {"figure": "expected"}, {"event": "1"}, {"year_level": "13"}, {"since": "yesterday"},
        {"until": "2101-01-01T00:00:00Z"}, {"section": "x" * 41}, {"department": "a\x00b"}, {"ordering": "people"},
        {"organizer_id": str(uuid4())}, {"page_size": "0"},
    ],
)  # fmt: skip
def test_what_a_report_cannot_be_asked(cast: Cast, http: Http, query: dict) -> None:
    answer = http.get("reports/figures/", by=cast.malimono.admin, **query)
    assert answer.status_code == 400, answer.content


def test_words_of_a_query_are_words(cast: Cast, http: Http, held: Event) -> None:
    """No value is SQL; a campus may be asserted as everywhere."""
    admin = cast.malimono.admin
    for value in ("' OR true --", "%", "%(me)s", "); DROP TABLE attendance_expected; --"):
        (total,) = figures(http, admin, department=value, campus_id="MALIMONO")
        assert (total["expected"], total["came"]) == (0, 0)
    assert figures(http, admin)[0]["expected"] == 14


def test_events_and_terms_are_compared(cast: Cast, http: Http, held: Event) -> None:
    site, admin = cast.malimono, cast.malimono.admin
    other = make_event(site, title="Quiet", starts=-500)
    first, second = _sessions(site, held)

    answer = http.get("reports/comparison/", by=admin, events=f"{held.pk},{other.pk}")
    assert answer.status_code == 200, answer.content
    base, quiet = answer.json()
    assert (base["figures"]["came"], base["difference"]["came"], base["difference"]["rate"]) == (9, 0, 0.0)
    assert (quiet["event"], quiet["difference"]["people"], quiet["difference"]["rate"]) == (str(other.pk), -6, None)
    assert rows_of(http, base["figures"]["rows"]["late"], admin).json()["count"] == 2

    ends = [moment.isoformat() for moment in (first.starts_at, second.starts_at, second.ends_at)]
    terms = http.get("reports/comparison/", by=admin, periods=f"{ends[0]}/{ends[1]},{ends[1]}/{ends[2]}").json()
    assert [(term["figures"]["came"], term["difference"]["came"]) for term in terms] == [(6, 0), (3, -3)]

    organizer = cast.malimono.other_organizer
    assert http.get("reports/comparison/", by=organizer, events=f"{held.pk}").status_code == 404
    for query in (
        {}, {"events": ""}, {"events": "x"}, {"events": str(held.pk), "periods": f"{ends[0]}/{ends[1]}"},
        {"periods": f"{ends[1]}/{ends[0]}"}, {"periods": "2026"}, {"events": ",".join([str(held.pk)] * 11)},
        {"events": str(held.pk), "since": ends[0]},
    ):  # fmt: skip
        assert http.get("reports/comparison/", by=admin, **query).status_code == 400, query
