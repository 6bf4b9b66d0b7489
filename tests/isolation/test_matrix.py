"""Every route × every role × every wrong credential × another campus's ids.

The expectation of a role comes from the one table of permissions; the cases below say only how to call a route. A route
that is missing from them fails, and so does a case whose route has gone.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test.client import MULTIPART_CONTENT

from shared_apps.accounts.roles import NOT_WHILE_ACTING, Can, Role, may
from tests.cast import PASSWORD, Cast, Http, Person
from tests.isolation.routes import Route, all_routes
from tests.isolation.world import DOT, Things, World, build_world, codes, fingerprint


@dataclass(frozen=True)
class Case:
    """How to call a route.

    ``ids`` names, for each path parameter, the thing of ``Things.ids`` that it points to, ``query_ids`` for each
    parameter of the query string. ``by`` is a role that may do it to those things, and ``status`` what that answers.
    ``body_ids`` are the fields of the body that hold ids.
    """

    by: str
    status: int
    ids: dict[str, str] = field(default_factory=dict)
    body: Callable[[Things], Any] | None = None
    body_ids: tuple[str, ...] = ()
    query_ids: dict[str, str] = field(default_factory=dict)
    multipart: bool = False


def event_body(things: Things) -> dict[str, Any]:
    return {"title": "New", **session_body()}


def session_body() -> dict[str, Any]:
    return {"starts_at": "2026-12-01T08:00:00", "ends_at": "2026-12-01T10:00:00"}


def picture_body(_: Things) -> dict[str, Any]:
    return {"file": SimpleUploadedFile("dot.png", DOT)}


def request_body(things: Things) -> dict[str, Any]:
    return {
        "kind": "correction", "event_id": things.ids["event"], "session_id": things.ids["session"], "status": "late",
        "reason": "no power",
    }  # fmt: skip


CAMPUS_CASES: dict[str, Case] = {
    "POST auth/act/": Case("admin", 200, body=lambda things: {"grant": things.grant}, body_ids=("grant",)),
    "POST auth/login/": Case("student", 200, body=lambda _: {"username": "ana", "password": PASSWORD}),
    "POST auth/logout/": Case("student", 204),
    "POST auth/logout-all/": Case("student", 204),
    "GET auth/me/": Case("student", 200),
    "PATCH auth/me/": Case("student", 200, body=lambda _: {"phone": "0917"}),
    "POST auth/password/change/": Case(
        "student", 200, body=lambda _: {"current_password": PASSWORD, "new_password": "another-long-secret"}
    ),
    "GET auth/tokens/": Case("student", 200),
    "DELETE auth/tokens/{pk}/": Case("student", 204, ids={"pk": "token"}),
    "GET accounts/users/": Case("admin", 200),
    "POST accounts/users/": Case("admin", 201, body=lambda _: {"username": "newcomer"}),
    "GET accounts/users/campus_users/": Case("admin", 200),
    "GET accounts/users/{pk}/": Case("admin", 200, ids={"pk": "user"}),
    "PATCH accounts/users/{pk}/": Case("admin", 200, ids={"pk": "user"}, body=lambda _: {"first_name": "Anna"}),
    "POST accounts/users/{pk}/replace-pass/": Case("admin", 200, ids={"pk": "user"}),
    "POST accounts/users/{pk}/card/": Case("admin", 200, ids={"pk": "user"}),
    "GET accounts/users/me/pass/": Case("student", 200),
    "GET accounts/users/me/pass/rotating/": Case("student", 200),
    "GET accounts/profiles/": Case("admin", 200),
    "GET accounts/profiles/{pk}/": Case("admin", 200, ids={"pk": "user"}),
    "PATCH accounts/profiles/{pk}/": Case("admin", 200, ids={"pk": "user"}, body=lambda _: {"phone": "0917"}),
    "GET accounts/imports/": Case("admin", 200),
    "POST accounts/imports/": Case(
        "admin", 202, body=lambda _: {"file": SimpleUploadedFile("r.csv", b"student_id\n2024-0009\n")}, multipart=True
    ),
    "GET accounts/imports/{pk}/": Case("admin", 200, ids={"pk": "import"}),
    "GET federation/transfers/": Case("admin", 200),
    "POST federation/transfers/": Case(
        "admin",
        201,
        body=lambda things: {"user_id": things.ids["user"], "destination": "SNSU", "reason": "moves"},
        body_ids=("user_id",),
    ),
    "GET federation/transfers/{pk}/": Case("admin", 200, ids={"pk": "transfer"}),
    "POST federation/transfers/{pk}/accept/": Case(
        "admin",
        200,
        ids={"pk": "transfer"},
        body=lambda _: {"username": "comes", "email": "comes@example.edu", "student_id": "2025-0777"},
    ),
    "POST federation/transfers/{pk}/cancel/": Case(
        "admin", 200, ids={"pk": "transfer"}, body=lambda _: {"reason": "mistake"}
    ),
    "GET federation/transcript/": Case("student", 200),
    "GET campus/campuses/": Case("student", 200),
    "GET campus/campuses/{pk}/": Case("student", 200, ids={"pk": "campus"}),
    "GET events/events/": Case("student", 200),
    "POST events/events/": Case("organizer", 201, body=event_body),
    "GET events/events/{pk}/": Case("student", 200, ids={"pk": "event"}),
    "PATCH events/events/{pk}/": Case("organizer", 200, ids={"pk": "event"}, body=lambda _: {"venue": "Gym"}),
    "DELETE events/events/{pk}/": Case("organizer", 409, ids={"pk": "event"}),
    "POST events/events/{pk}/publish/": Case("organizer", 200, ids={"pk": "event"}),
    "POST events/events/{pk}/complete/": Case("organizer", 200, ids={"pk": "event"}),
    "POST events/events/{pk}/reopen/": Case("organizer", 409, ids={"pk": "event"}, body=lambda _: {"reason": "late"}),
    "POST events/events/{pk}/cancel/": Case("organizer", 200, ids={"pk": "event"}, body=lambda _: {"reason": "rain"}),
    "GET events/events/{event_id}/ical/": Case("student", 200, ids={"event_id": "event"}),
    "GET events/events/{event_id}/signature-sheet/": Case("organizer", 200, ids={"event_id": "event"}),
    "GET events/events/{event_id}/attendance-list/": Case("organizer", 200, ids={"event_id": "required"}),
    "GET events/calendar/": Case("student", 200),
    "POST events/calendar/": Case("student", 201),
    "DELETE events/calendar/": Case("student", 204),
    "GET events/calendar/{secret}.ics": Case("nobody", 200, ids={"secret": "calendar"}),
    "GET events/events/{event_id}/sessions/": Case("student", 200, ids={"event_id": "event"}),
    "POST events/events/{event_id}/sessions/": Case(
        "organizer", 201, ids={"event_id": "event"}, body=lambda _: session_body()
    ),
    "POST events/events/{event_id}/sessions/bulk/": Case(
        "organizer", 201, ids={"event_id": "event"}, body=lambda _: {"sessions": [session_body()]}
    ),
    "PATCH events/events/{event_id}/sessions/{session_id}/": Case(
        "organizer", 200, ids={"event_id": "event", "session_id": "session"}, body=lambda _: {"name": "Morning"}
    ),
    "DELETE events/events/{event_id}/sessions/{session_id}/": Case(
        "organizer", 409, ids={"event_id": "event", "session_id": "session"}
    ),
    "GET events/events/{event_id}/roster/": Case("scanner", 200, ids={"event_id": "event"}),
    "GET events/events/{event_id}/sessions/{session_id}/expected/": Case(
        "organizer", 200, ids={"event_id": "required", "session_id": "closed"}
    ),
    "GET federation/events/": Case("organizer", 200),
    "GET federation/events/{pk}/": Case("student", 200, ids={"pk": "shared"}),
    "GET federation/registrations/": Case("student", 200),
    "POST federation/registrations/": Case(
        "student", 201, body=lambda things: {"event_id": things.ids["invited"]}, body_ids=("event_id",)
    ),
    "POST federation/registrations/{pk}/withdraw/": Case("friend", 200, ids={"pk": "invited"}),
    "GET federation/visits/": Case("admin", 200),
    "GET federation/visits/{pk}/": Case("admin", 200, ids={"pk": "visit"}),
    "GET events/registrations/": Case("friend", 200),
    "GET events/events/{event_id}/registrations/": Case("organizer", 200, ids={"event_id": "placed"}),
    "POST events/events/{event_id}/registrations/": Case("student", 201, ids={"event_id": "placed"}),
    "POST events/events/{event_id}/registrations/withdraw/": Case("friend", 200, ids={"event_id": "placed"}),
    "POST events/events/{event_id}/registrations/{registration_id}/approve/": Case(
        "organizer", 200, ids={"event_id": "placed", "registration_id": "place"}
    ),
    "POST events/events/{event_id}/registrations/{registration_id}/decline/": Case(
        "organizer", 200, ids={"event_id": "placed", "registration_id": "place"}, body=lambda _: {"reason": "full"}
    ),
    "GET events/events/{event_id}/guests/": Case("organizer", 200, ids={"event_id": "placed"}),
    "POST events/events/{event_id}/guests/": Case(
        "organizer", 201, ids={"event_id": "placed"}, body=lambda _: {"name": "Speaker"}
    ),
    "POST events/events/{event_id}/guests/register/": Case(
        "nobody", 201, ids={"event_id": "placed"}, body=lambda _: {"name": "Parent"}
    ),
    "POST events/events/{event_id}/guests/{guest_id}/withdraw/": Case(
        "organizer", 200, ids={"event_id": "placed", "guest_id": "guest"}
    ),
    "POST events/guests/withdraw/": Case("nobody", 200, body=lambda things: {"guest_pass": things.ids["guest_pass"]}),
    "POST events/events/{event_id}/walk-ins/": Case(
        "organizer",
        201,
        ids={"event_id": "placed"},
        body=lambda things: {"user_id": things.ids["user"]},
        body_ids=("user_id",),
    ),
    "GET notifications/": Case("student", 200),
    "GET notifications/unread/": Case("student", 200),
    "GET notifications/preferences/": Case("student", 200),
    "PATCH notifications/preferences/": Case(
        "student", 200, body=lambda _: {"preferences": [{"kind": "event.changed", "email": False}]}
    ),
    "POST notifications/read-all/": Case("student", 200),
    "POST notifications/{notice_id}/read/": Case("student", 200, ids={"notice_id": "notice"}),
    "GET events/attendance/": Case("admin", 200),
    "GET events/attendance/{pk}/": Case("admin", 200, ids={"pk": "attendance"}),
    "POST events/attendance/mark_attendance/": Case(
        "scanner",
        200,
        body=lambda things: {"event_id": things.ids["event"], "user_id": things.ids["user"]},
        body_ids=("event_id", "user_id"),
    ),
    "POST events/attendance/batch/": Case(
        "scanner",
        200,
        body=lambda things: {
            "scans": [
                {"event_id": things.ids["event"], "user_id": things.ids["user"], "scan_id": str(uuid4())},
                {"event_id": str(uuid4()), "user_id": things.ids["user"], "scan_id": str(uuid4())},
            ]
        },
    ),
    "GET events/attendance/roll-call/": Case("organizer", 200, query_ids={"event_id": "event"}),
    "POST events/attendance/roll-call/": Case(
        "organizer",
        200,
        body=lambda things: {
            "roll_call_id": str(uuid4()),
            "event_id": things.ids["event"],
            "people": [{"user_id": things.ids["user"]}],
        },
        body_ids=("event_id",),
    ),
    "GET events/attendance/imports/": Case("organizer", 200),
    "POST events/attendance/imports/": Case(
        "organizer",
        202,
        body=lambda things: {
            "event_id": things.ids["event"],
            "file": SimpleUploadedFile("s.csv", b"student_id,scanned_at\n2024-0001,2026-01-05 08:00\n"),
        },
        multipart=True,
    ),
    "GET events/attendance/imports/{pk}/": Case("organizer", 200, ids={"pk": "scan_import"}),
    "GET events/scanners/": Case("admin", 200),
    "POST events/scanners/": Case(
        "organizer", 201, body=lambda things: {"name": "Gate", "event_ids": [things.ids["event"]]}
    ),
    "POST events/scanners/enrol/": Case(
        "student", 200, body=lambda things: {"code": things.enrolment_code}, body_ids=("code",)
    ),
    "POST events/scanners/contact/": Case(
        # The scanner of the cast was made by hand, and is no enrolled device.
        "scanner",
        403,
        body=lambda _: {"device_now": "2026-12-01T08:00:00Z", "queue_depth": 0},
    ),
    "GET events/scanners/manifest/": Case("scanner", 200),
    "GET events/scanners/{pk}/": Case("organizer", 200, ids={"pk": "scanner"}),
    "PATCH events/scanners/{pk}/": Case("organizer", 200, ids={"pk": "scanner"}, body=lambda _: {"name": "Left door"}),
    "POST events/scanners/{pk}/revoke/": Case(
        "organizer", 200, ids={"pk": "scanner"}, body=lambda _: {"reason": "lost"}
    ),
    "POST events/scanners/{pk}/renew-code/": Case("organizer", 200, ids={"pk": "scanner"}),
    "GET events/events/{event_id}/sessions/{session_id}/venue-code/": Case(
        "organizer", 200, ids={"event_id": "event", "session_id": "session"}
    ),
    "GET events/events/{event_id}/sessions/{session_id}/venue-code.svg": Case(
        "organizer", 200, ids={"event_id": "event", "session_id": "session"}
    ),
    "POST events/events/{event_id}/sessions/{session_id}/venue-code/display/": Case(
        "organizer", 201, ids={"event_id": "event", "session_id": "session"}
    ),
    # Without the key of a display link.
    "GET events/events/{event_id}/sessions/{session_id}/venue-code/display/": Case(
        "student", 403, ids={"event_id": "event", "session_id": "session"}
    ),
    "GET events/events/{event_id}/sessions/{session_id}/venue-code/page/": Case(
        "student", 200, ids={"event_id": "event", "session_id": "session"}
    ),
    "POST events/attendance/venue-code/": Case(
        "student",
        422,
        body=lambda things: {"session_id": things.ids["session"], "digits": "000000", "device": "A" * 22},
        body_ids=("session_id",),
    ),
    "GET events/attendance/scans/": Case("admin", 200),
    "POST events/attendance/{pk}/undo/": Case(
        "admin", 200, ids={"pk": "attendance"}, body=lambda _: {"reason": "mistake"}
    ),
    "POST events/attendance/{pk}/correct/": Case(
        "admin", 200, ids={"pk": "attendance"}, body=lambda _: {"status": "late", "reason": "mistake"}
    ),
    "GET events/attendance/{pk}/history/": Case("admin", 200, ids={"pk": "attendance"}),
    "GET events/attendance-requests/": Case("student", 200),
    "POST events/attendance-requests/": Case("student", 201, body=request_body, body_ids=("event_id", "session_id")),
    "GET events/attendance-requests/to-decide/": Case("organizer", 200),
    "GET events/attendance-requests/{pk}/": Case("admin", 200, ids={"pk": "request"}),
    "POST events/attendance-requests/{pk}/withdraw/": Case("friend", 200, ids={"pk": "request"}),
    "POST events/attendance-requests/{pk}/approve/": Case(
        "organizer", 200, ids={"pk": "request"}, body=lambda _: {"reason": "seen"}
    ),
    "POST events/attendance-requests/{pk}/decline/": Case(
        "admin", 200, ids={"pk": "request"}, body=lambda _: {"reason": "not seen"}
    ),
    "GET certificates/": Case("student", 200),
    "GET certificates/{certificate_id}/pdf/": Case("student", 200, ids={"certificate_id": "certificate"}),
    "POST certificates/{certificate_id}/revoke/": Case(
        "organizer", 200, ids={"certificate_id": "certificate"}, body=lambda _: {"reason": "mistake"}
    ),
    "GET certificates/template/": Case("organizer", 200),
    "PUT certificates/template/": Case("admin", 200, body=lambda _: {"text": "was at {event}"}),
    "GET certificates/templates/{event_id}/": Case("organizer", 200, ids={"event_id": "event"}),
    "PUT certificates/templates/{event_id}/": Case(
        "organizer", 200, ids={"event_id": "event"}, body=lambda _: {"text": "was at {event}"}
    ),
    "POST certificates/runs/": Case(
        "organizer", 202, body=lambda things: {"event_id": things.ids["event"]}, body_ids=("event_id",)
    ),
    "GET certificates/runs/{run_id}/": Case("organizer", 200, ids={"run_id": "run"}),
    "GET certificates/verify/{code}/": Case("nobody", 200, ids={"code": "certificate_code"}),
    "GET uploads/": Case("student", 200),
    "GET uploads/usage/": Case("student", 200),
    "GET uploads/logo/": Case("nobody", 200),
    "POST uploads/logo/": Case("admin", 201, body=picture_body, multipart=True),
    "DELETE uploads/logo/": Case("admin", 204),
    "GET uploads/photo/": Case("student", 200),
    "POST uploads/photo/": Case("student", 201, body=picture_body, multipart=True),
    "DELETE uploads/photo/": Case("student", 204),
    "GET uploads/photos/{user_id}/": Case("scanner", 200, ids={"user_id": "user"}),
    "DELETE uploads/photos/{user_id}/": Case("admin", 204, ids={"user_id": "user"}),
    "GET uploads/posters/{event_id}/": Case("student", 200, ids={"event_id": "event"}),
    "POST uploads/posters/{event_id}/": Case(
        "organizer", 201, ids={"event_id": "event"}, body=picture_body, multipart=True
    ),
    "DELETE uploads/posters/{event_id}/": Case("organizer", 204, ids={"event_id": "event"}),
    "GET uploads/evidence/{request_id}/": Case("organizer", 200, ids={"request_id": "request"}),
    "POST uploads/evidence/{request_id}/": Case(
        "friend", 201, ids={"request_id": "request"}, body=picture_body, multipart=True
    ),
    "GET uploads/evidence/{request_id}/{upload_id}/": Case(
        "organizer", 200, ids={"request_id": "request", "upload_id": "evidence"}
    ),
    "DELETE uploads/evidence/{request_id}/{upload_id}/": Case(
        "friend", 204, ids={"request_id": "request", "upload_id": "evidence"}
    ),
    "GET reports/figures/": Case("organizer", 200, query_ids={"event": "event"}),
    "GET reports/rows/": Case("organizer", 200, query_ids={"session": "session"}),
    "GET reports/arrivals/": Case("admin", 200, query_ids={"event": "event"}),
    "GET reports/events/{pk}/": Case("organizer", 200, ids={"pk": "required"}),
    "GET reports/comparison/": Case("organizer", 200, query_ids={"events": "event"}),
    "GET reports/visits/": Case("organizer", 200),
    "GET reports/transcript/": Case("student", 200),
    # A web process looks at everything, and then says that the live process holds the stream.
    "GET live/events/{event_id}/": Case("organizer", 421, ids={"event_id": "event"}),
    "GET live/me/": Case("student", 421),
    "GET reports/exports/": Case("student", 200),
    "POST reports/exports/": Case("student", 202, body=lambda _: {"dataset": "attendance", "format": "csv"}),
    "GET reports/exports/{export_id}/": Case("student", 200, ids={"export_id": "export"}),
    "GET reports/exports/{export_id}/file/": Case("student", 200, ids={"export_id": "export"}),
    "DELETE reports/exports/{export_id}/": Case("student", 204, ids={"export_id": "export"}),
    "GET events/flags/": Case("organizer", 200),
    "GET events/flags/{pk}/": Case("organizer", 200, ids={"pk": "flag"}),
    "POST events/flags/{pk}/dismiss/": Case("admin", 200, ids={"pk": "flag"}, body=lambda _: {"note": "a sister"}),
    "POST events/flags/{pk}/confirm/": Case("organizer", 200, ids={"pk": "flag"}, body=lambda _: {"note": "a card"}),
}

PUBLIC_CASES: dict[str, Case] = {
    **{
        key: case
        for key, case in CAMPUS_CASES.items()
        if key.startswith(("POST auth/log", "GET auth/", "PATCH auth/me/", "POST auth/password"))
    },
    "POST auth/login/": Case("super_admin", 200, body=lambda _: {"username": "sol", "password": PASSWORD}),
    "DELETE auth/tokens/{pk}/": Case("super_admin", 404, ids={"pk": "token"}),
    "GET federation/events/": Case("super_admin", 200),
    "POST federation/events/": Case(
        "super_admin",
        201,
        body=lambda _: {
            "title": "Day",
            "starts_at": "2026-12-01T00:00:00Z",
            "ends_at": "2026-12-02T00:00:00Z",
            "campuses": ["MALIMONO"],
        },
    ),
    "GET federation/events/{pk}/": Case("super_admin", 200, ids={"pk": "shared"}),
    "PATCH federation/events/{pk}/": Case(
        "super_admin", 409, ids={"pk": "shared"}, body=lambda _: {"title": "Another"}
    ),
    "POST federation/events/{pk}/cancel/": Case(
        "super_admin", 409, ids={"pk": "shared"}, body=lambda _: {"reason": "test"}
    ),
    "GET periodic/runs/": Case("super_admin", 200),
    "GET federation/visits/": Case("super_admin", 200),
    "GET federation/totals/": Case("super_admin", 200),
    "GET reports/overview/": Case("super_admin", 200),
    "GET reports/overview/university/": Case("super_admin", 200),
    "GET federation/reconciliations/": Case("super_admin", 200),
    "POST federation/reconciliations/": Case("super_admin", 202, body=lambda _: {}),
    "GET federation/reconciliations/{pk}/": Case("super_admin", 200, ids={"pk": "reconciliation"}),
    "GET campus/campuses/": Case("super_admin", 200),
    "POST campus/campuses/": Case(
        "super_admin", 202, body=lambda _: {"code": "LATER", "name": "Later", "hosts": ["later.localhost"]}
    ),
    "GET campus/campuses/{pk}/": Case("super_admin", 200, ids={"pk": "campus"}),
    "PATCH campus/campuses/{pk}/": Case(
        "super_admin", 200, ids={"pk": "campus"}, body=lambda _: {"name": "Another name"}
    ),
    "POST campus/campuses/{pk}/suspend/": Case(
        "super_admin", 200, ids={"pk": "campus"}, body=lambda _: {"reason": "test"}
    ),
    "POST campus/campuses/{pk}/reactivate/": Case(
        "super_admin", 200, ids={"pk": "campus"}, body=lambda _: {"reason": "test"}
    ),
    "POST campus/campuses/{pk}/archive/": Case(
        "super_admin", 409, ids={"pk": "campus"}, body=lambda _: {"reason": "test"}
    ),
    "GET campus/campuses/{campus_id}/grants/": Case("super_admin", 200, ids={"campus_id": "campus"}),
    "POST campus/campuses/{campus_id}/grants/": Case(
        "super_admin", 201, ids={"campus_id": "campus"}, body=lambda _: {"reason": "test"}
    ),
}

ROUTES = all_routes()
CAMPUS_ROUTES = [route for route in ROUTES if route.site == "campus"]
PUBLIC_ROUTES = [route for route in ROUTES if route.site == "public"]
CAMPUS_PEOPLE = ("student", "organizer", "scanner", "kiosk", "admin")
ROLE_OF = {
    "student": Role.STUDENT,
    "organizer": Role.ORGANIZER,
    "scanner": Role.SCANNER,
    "kiosk": Role.KIOSK,
    "admin": Role.CAMPUS_ADMIN,
    "super_admin": Role.SUPER_ADMIN,
}


def test_every_route_has_a_case_and_every_case_a_route() -> None:
    assert {route.key for route in CAMPUS_ROUTES} == set(CAMPUS_CASES)
    assert {route.key for route in PUBLIC_ROUTES} == set(PUBLIC_CASES)


def test_every_route_says_what_it_lets_people_do() -> None:
    assert [route.key for route in ROUTES if route.needs is None] == []


@pytest.fixture
def world(cast: Cast, http: Http) -> World:
    return build_world(cast, http)


def call(http: Http, route: Route, case: Case, things: Things, *, by: Person | None, at: Any, ids: Any = None) -> Any:
    """Call ``route`` for ``things``; ``ids`` replaces what its path points to."""
    named = {name: (ids or things.ids)[thing] for name, thing in case.ids.items()}
    body = case.body(things) if case.body else None
    kind: dict[str, Any] = {"content_type": MULTIPART_CONTENT} if case.multipart else {}
    kind["query"] = {name: (ids or things.ids)[thing] for name, thing in case.query_ids.items()}
    return http.send(route.method.upper(), route.path.format(**named), body, by=by, at=at, **kind)


def person(cast: Cast, who: str, *, there: bool = False) -> Person:
    return cast.super_admin if who == "super_admin" else getattr(cast.delcarmen if there else cast.malimono, who)


def assert_shape(answer: Any) -> None:
    assert answer.status_code < 500, answer.content
    if answer.status_code >= 400:
        assert answer.json()["type"] in {"client_error", "validation_error"}
        assert all({"code", "detail", "attr"} == set(error) for error in answer.json()["errors"])


@pytest.mark.parametrize("route", CAMPUS_ROUTES, ids=lambda route: route.key)
def test_campus_route(world: World, http: Http, route: Route) -> None:
    case, cast = CAMPUS_CASES[route.key], world.cast
    host, other = cast.malimono, cast.delcarmen
    before_there = fingerprint(other.campus.schema_name)
    before_here = fingerprint(host.campus.schema_name)

    # Nobody, a stranger's token, every person of the other campus, the super admin's public token and the one for there.
    intruders: list[Person | None] = [None, Person(user=host.student.user, site=host, token="eas_malimono_" + "x" * 43)]
    intruders += [person(cast, who, there=True) for who in CAMPUS_PEOPLE]
    intruders += [cast.super_admin, world.there.acting]
    if route.needs != Can.ANYONE:
        for intruder in intruders:
            answer = call(http, route, case, world.here, by=intruder, at=host)
            assert (answer.status_code, codes(answer)) == (401, ["not_authenticated"]), (intruder, answer.content)

        # Roles that the table does not name.
        for who in CAMPUS_PEOPLE:
            if not may(ROLE_OF[who], route.needs):
                answer = call(http, route, case, world.here, by=person(cast, who), at=host)
                assert (answer.status_code, codes(answer)) == (403, ["permission_denied"]), (who, answer.content)

        # A super admin who acts here to look: what a campus admin may see, nothing of their own, and no change.
        answer = call(http, route, case, world.here, by=world.here.acting, at=host)
        if route.needs in NOT_WHILE_ACTING or not may(Role.CAMPUS_ADMIN, route.needs):
            assert (answer.status_code, codes(answer)) == (403, ["permission_denied"]), answer.content
        elif route.method != "get":
            assert (answer.status_code, codes(answer)) == (403, ["acting_read_only"]), answer.content
        else:
            assert answer.status_code in {200, case.status}, answer.content

    # Another campus's ids answer exactly as ids of nowhere, for everybody who may call at all.
    callers = [who for who in CAMPUS_PEOPLE if route.needs and may(ROLE_OF[who], route.needs)]
    for who in callers:
        if case.ids or case.query_ids:
            foreign = call(http, route, case, world.here, by=person(cast, who), at=host, ids=world.there.ids)
            nowhere = call(
                http, route, case, world.here, by=person(cast, who), at=host,
                ids=dict.fromkeys(world.here.ids, str(uuid4())),
            )  # fmt: skip
            assert foreign.status_code == nowhere.status_code == 404, (who, foreign.content, nowhere.content)
            assert foreign.content == nowhere.content

    if route.method != "get":
        assert fingerprint(host.campus.schema_name) == before_here

    # And the right person can.
    answer = call(
        http, route, case, world.here, by=None if route.needs == Can.ANYONE else person(cast, case.by), at=host
    )
    assert_shape(answer)
    assert answer.status_code == case.status, answer.getvalue()
    assert other.campus.code not in answer.getvalue().decode(errors="replace")
    assert fingerprint(other.campus.schema_name) == before_there


@pytest.mark.parametrize("route", CAMPUS_ROUTES, ids=lambda route: route.key)
def test_foreign_ids_in_bodies_answer_as_ids_of_nowhere(world: World, http: Http, route: Route) -> None:
    case, cast = CAMPUS_CASES[route.key], world.cast
    before = fingerprint(cast.delcarmen.campus.schema_name)

    for field_name in case.body_ids:
        assert case.body is not None
        answers = []
        for value in (case.body(world.there)[field_name], str(uuid4())):
            body = {**case.body(world.here), field_name: value}
            path = route.path.format(**{name: world.here.ids[thing] for name, thing in case.ids.items()})
            answers.append(http.send(route.method.upper(), path, body, by=person(cast, case.by), at=cast.malimono))
        foreign, nowhere = answers
        assert foreign.status_code == nowhere.status_code
        assert 400 <= foreign.status_code < 500
        assert codes(foreign) == codes(nowhere)

    assert fingerprint(cast.delcarmen.campus.schema_name) == before


def test_every_read_takes_the_name_of_the_campus_that_is_asked(world: World, http: Http) -> None:
    for route in CAMPUS_ROUTES:
        if route.method == "get":
            case = CAMPUS_CASES[route.key]
            by = None if route.needs == Can.ANYONE else person(world.cast, case.by)
            things = world.here.ids
            path = route.path.format(**{name: things[thing] for name, thing in case.ids.items()})
            query = {name: things[thing] for name, thing in case.query_ids.items()}
            for named, status in (("malimono", case.status), (things["campus"], case.status), ("DELCARMEN", 403)):
                answer = http.get(path, by=by, at=world.cast.malimono, **query, campus_id=named)
                assert answer.status_code == status, (route.key, named, answer.content)


@pytest.mark.parametrize("route", PUBLIC_ROUTES, ids=lambda route: route.key)
def test_public_route(world: World, http: Http, route: Route) -> None:
    case, cast = PUBLIC_CASES[route.key], world.cast
    schemas = [cast.malimono.campus.schema_name, cast.delcarmen.campus.schema_name]
    before = {schema: fingerprint(schema) for schema in [*schemas, "public"]}

    if route.needs != Can.ANYONE:
        everybody = CAMPUS_PEOPLE
        for intruder in [None, *(person(cast, who) for who in everybody)]:
            answer = call(http, route, case, world.here, by=intruder, at="localhost")
            assert (answer.status_code, codes(answer)) == (401, ["not_authenticated"]), (intruder, answer.content)
        assert fingerprint("public") == before["public"]

    answer = call(
        http, route, case, world.here, by=None if route.needs == Can.ANYONE else cast.super_admin, at="localhost"
    )
    assert_shape(answer)
    assert answer.status_code == case.status, answer.content
    for schema in schemas:
        assert fingerprint(schema) == before[schema]
