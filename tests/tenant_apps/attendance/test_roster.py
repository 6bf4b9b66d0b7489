"""events/events/{id}/roster/: who is expected, in pages and as deltas, for those whom it concerns."""

import base64
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.db import connection

from shared_apps.accounts.models import Profile, User
from shared_apps.accounts.services.rosters import queue_import, run_import
from shared_apps.accounts.services.users import leave_campus
from shared_apps.common.clock import now
from tenant_apps.attendance.models import Scanner
from tenant_apps.attendance.rules.rosters import OVERLAP, Walk
from tenant_apps.events.models import Event, Registration
from tests.cast import Cast, Http, Person, Site
from tests.factories import make_event

LONG_AGO = timedelta(days=2)


@pytest.fixture
def event(cast: Cast) -> Event:
    """A required event of Malimono, and one of Del Carmen that could leak; nothing about either changed lately."""
    events = [make_event(site) for site in (cast.delcarmen, cast.malimono)]
    for site in (cast.delcarmen, cast.malimono):
        with site.here():
            Event.objects.update(is_required=True)
        rest(site)
    return events[1]


def rest(site: Site) -> None:
    """Make everything that is there old."""
    with site.here():
        for model in (User, Profile, Event, Registration):
            model.objects.update(updated_at=now() - LONG_AGO)


def path(event: Event) -> str:
    return f"events/events/{event.pk}/roster/"


def read(http: Http, event: Event, by: Person, **query) -> dict:
    answer = http.get(path(event), by=by, **query)
    assert answer.status_code == 200, answer.content
    return answer.json()


def names(answer: dict) -> set[str]:
    return {row["display_name"] for row in answer["results"]}


def place(site: Site, event: Event, who: Person, state: str) -> None:
    with site.here():
        Registration.objects.create(
            event_id=event.pk, user_id=who.id, state=state, requested_at=now(), updated_at=now()
        )


def enrol(site: Site, count: int, **group) -> list[UUID]:
    with site.here():
        users = [User(username=f"m{n}", student_id=f"M-{n}", role="student", password="!") for n in range(count)]
        User.objects.bulk_create(users)
        Profile.objects.bulk_create([Profile(user=user, **group) for user in users])
    return [user.pk for user in users]


def test_a_door_gets_what_it_needs_and_nothing_else(cast: Cast, http: Http, event: Event) -> None:
    campus = cast.malimono
    place(campus, event, campus.student, "registered")

    answer = read(http, event, campus.organizer)

    assert (answer["is_complete"], answer["next"], answer["gone"]) == (True, None, [])
    assert next(row for row in answer["results"] if row["display_name"] == "Ana Reyes") == {
        "user": str(campus.student.id), "person_id": str(campus.student.user.person_id), "display_name": "Ana Reyes",
        "student_id": "2024-0001", "department": "CITE", "program": "BSIT", "year_level": 2, "section": "A",
        "pass_serial": 1, "place": "registered",
    }  # fmt: skip
    assert names(answer) == {"Ana Reyes", "Ben Cruz"}


def test_who_may_read_it(cast: Cast, http: Http, event: Event) -> None:
    campus = cast.malimono
    with campus.here():
        draft = make_event(campus, status="draft")
        done = make_event(campus, status="completed")

    def status(which: Event, by: Person) -> int:
        return http.get(path(which), by=by).status_code

    assert [status(event, who) for who in (campus.admin, campus.organizer, campus.scanner)] == [200, 200, 200]
    assert [status(event, who) for who in (campus.other_organizer, campus.student, campus.kiosk)] == [403, 403, 403]
    assert [status(draft, who) for who in (campus.organizer, campus.other_organizer, campus.scanner)] == [200, 404, 404]
    assert [status(done, who) for who in (campus.admin, campus.scanner)] == [200, 403]
    assert status(event, cast.delcarmen.admin) == 404
    assert http.get(path(event), at=campus).status_code == 401


def test_an_enrolled_scanner_reads_those_of_its_events_while_it_may(cast: Cast, http: Http, event: Event) -> None:
    campus = cast.malimono
    other = make_event(campus)
    with campus.here():
        scanner = Scanner.objects.create(
            user=campus.scanner.user, name="Gate", event_ids=[event.pk], expires_at=now() + timedelta(hours=1),
            created_at=now(),
        )  # fmt: skip

    def status(which: Event) -> int:
        return http.get(path(which), by=campus.scanner).status_code

    enrolled = [status(event), status(other)]
    for change in ({"expires_at": now()}, {"expires_at": now() + timedelta(hours=1), "revoked_at": now()}):
        with campus.here():
            Scanner.objects.filter(pk=scanner.pk).update(**change)
        assert status(event) == 403

    assert enrolled == [200, 403]


@pytest.mark.parametrize(
    ("required", "audience", "state", "found"),
    [
        (True, [], None, {"Ana Reyes", "Ben Cruz"}),
        (True, [{"section": "b"}], None, set()),
        (True, [{"section": "b"}], "waiting", {"Ana Reyes"}),
        (False, [], None, set()),
        (False, [], "registered", {"Ana Reyes"}),
        (False, [], "requested", {"Ana Reyes"}),
        (False, [], "withdrawn", set()),
        (False, [], "declined", set()),
        (False, [], "released", set()),
        (True, [], "withdrawn", {"Ana Reyes", "Ben Cruz"}),
    ],
)
def test_who_is_on_it(
    cast: Cast, http: Http, event: Event, required: bool, audience: list, state: str | None, found: set
) -> None:
    campus = cast.malimono
    with campus.here():
        Event.objects.update(is_required=required, audience=audience)
    if state:
        place(campus, event, campus.student, state)

    assert names(read(http, event, campus.organizer)) == found


def test_pages_by_cursor_have_everybody_once(cast: Cast, http: Http, event: Event) -> None:
    campus = cast.malimono
    enrol(campus, 23)
    found, cursor, as_of = [], {}, set()
    for _ in range(6):
        page = read(http, event, campus.scanner, page_size="5", **cursor)
        found += [row["user"] for row in page["results"]]
        as_of.add(page["as_of"])
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"].split("cursor=")[1].split("&")[0].replace("%3D", "=")}

    assert len(found) == len(set(found)) == 25
    assert page["next"] is None
    assert len(as_of) == 1  # all pages of a walk speak of one instant
    assert http.get(page_url(http, event, campus), by=campus.scanner).status_code == 200


def page_url(http: Http, event: Event, campus: Site) -> str:
    """The path of the second page as the answer names it."""
    return read(http, event, campus.scanner, page_size="5")["next"].split("/api/v1/")[1]


def test_as_of_lies_back_so_that_what_commits_late_is_not_missed(cast: Cast, http: Http, event: Event) -> None:
    campus = cast.malimono
    before = now()
    answer = read(http, event, campus.organizer)
    with campus.here():  # began before the answer, and committed after it
        User.objects.filter(pk=campus.friend.id).update(first_name="Benito", updated_at=before - OVERLAP / 2)

    later = read(http, event, campus.organizer, modified_since=answer["as_of"])

    assert names(later) == {"Benito Cruz"}
    assert later["is_complete"] is False


def test_a_delta_has_what_changed_and_who_is_gone(cast: Cast, http: Http, event: Event) -> None:
    campus, staff = cast.malimono, cast.malimono.other_organizer
    deactivated, moved, left, renamed, replaced, joined = enrol(campus, 6, section="A")
    place(campus, event, staff, "registered")
    with campus.here():
        Event.objects.update(audience=[{"section": "A"}])
        Profile.objects.filter(pk=joined).update(section="B")
    rest(campus)
    since = read(http, event, campus.organizer)["as_of"]
    nothing = read(http, event, campus.organizer, modified_since=since)

    for user_id, change in ((deactivated, {"is_active": False}), (renamed, {"first_name": "Nova"})):
        assert http.patch(f"accounts/users/{user_id}/", change, by=campus.admin).status_code == 200
    assert http.post(f"accounts/users/{replaced}/replace-pass/", by=campus.admin).status_code == 200
    for user_id, section in ((left, "B"), (joined, "A")):
        assert http.patch(f"accounts/profiles/{user_id}/", {"section": section}, by=campus.admin).status_code == 200
    with campus.here():
        leave_campus(user=User.objects.get(pk=moved), to="SNSU", at=now())
        Registration.objects.update(state="withdrawn", updated_at=now())
    delta = read(http, event, campus.organizer, modified_since=since)

    assert (nothing["is_complete"], nothing["results"], nothing["gone"]) == (False, [], [])
    assert delta["is_complete"] is False
    assert {row["user"] for row in delta["results"]} == {str(user_id) for user_id in (renamed, replaced, joined)}
    assert {row["user"] for row in delta["gone"]} == {str(user_id) for user_id in (deactivated, moved, left, staff.id)}
    assert all(set(row) == {"user", "person_id"} for row in delta["gone"])


def test_a_replaced_pass_and_a_file_of_people_are_in_the_delta(cast: Cast, http: Http, event: Event) -> None:
    campus = cast.malimono
    since = read(http, event, campus.organizer)["as_of"]
    http.post(f"accounts/users/{campus.student.id}/replace-pass/", by=campus.admin)
    with campus.here():
        content = b"student_id,first_name\n2024-0002,Benigno\n"
        queued = queue_import(
            by=campus.admin.user, at=now(), file_name="r.csv", content=content, mapping={}, dry_run=False
        )
        assert run_import(import_id=queued.pk, clock=now).updated == 1

    delta = read(http, event, campus.organizer, modified_since=since)

    assert {(row["display_name"], row["pass_serial"]) for row in delta["results"]} == {
        ("Ana Reyes", 2), ("Benigno Cruz", 1),
    }  # fmt: skip


def test_a_changed_event_sends_all_of_it_again(cast: Cast, http: Http, event: Event) -> None:
    campus = cast.malimono
    since = read(http, event, campus.organizer)["as_of"]
    http.patch(f"events/events/{event.pk}/", {"venue": "Gym"}, by=campus.organizer)

    again = read(http, event, campus.organizer, modified_since=since)

    assert again["is_complete"] is True
    assert names(again) == {"Ana Reyes", "Ben Cruz"}


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"modified_since": "soon"}, 400),
        ({"modified_since": "0001-01-01T00:00:00+14:00"}, 400),
        ({"modified_since": ""}, 200),
        ({"page_size": "0"}, 400),
        ({"page_size": "x"}, 400),
        ({"page_size": "100000"}, 200),
        ({"cursor": "nonsense"}, 404),
        ({"cursor": "x" * 301}, 400),
        ({"cursor": "\x00"}, 400),
        ({"cursor": "ñ"}, 404),
        ({"cursor": base64.urlsafe_b64encode(b"2026-01-01|x|y").decode()}, 404),
        ({"cursor": base64.urlsafe_b64encode(b"0001-01-01T00:00:00+14:00||").decode()}, 404),
        ({"modified_since": "2026-01-01T00:00:00 08:00"}, 200),
    ],
)
def test_unusable_parameters(cast: Cast, http: Http, event: Event, query: dict, status: int) -> None:
    answer = http.get(path(event), by=cast.malimono.organizer, **query)

    assert answer.status_code == status, answer.content


def test_a_roster_of_nowhere(cast: Cast, http: Http) -> None:
    answer = http.get(f"events/events/{uuid4()}/roster/", by=cast.malimono.scanner)

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (404, "not_found")


def test_the_roster_costs_the_same_at_one_and_at_many(cast: Cast, http: Http, event: Event) -> None:
    campus = cast.malimono
    enrol(campus, 600)

    def statements(size: str) -> int:
        before = connection.statements
        assert len(read(http, event, campus.scanner, page_size=size)["results"]) == int(size)
        return connection.statements - before

    assert statements("1") == statements("500") <= 5


def test_a_cursor_says_where_a_walk_is() -> None:
    at = now()
    walk = Walk.begin(at=at, modified_since=at - LONG_AGO, event_changed_at=at - 2 * LONG_AGO)
    further = Walk(walk.as_of, walk.since, uuid4())

    assert walk == Walk(at - OVERLAP, at - LONG_AGO)
    assert Walk.begin(at=at, modified_since=at - LONG_AGO, event_changed_at=at).since is None
    assert Walk.begin(at=at, modified_since=None, event_changed_at=at - LONG_AGO).since is None
    assert [Walk.decode(one.encode()) for one in (walk, further)] == [walk, further]
