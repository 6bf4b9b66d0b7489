"""Ways to call a route that send more than the call of the matrix: where that is refused, or the rows are in the call."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

from django.core.files.uploadedfile import SimpleUploadedFile

from shared_apps.common.clock import now
from tenant_apps.events.models import Event, Session
from tenants.context import owner_context
from tenants.models import Campus
from tests.cast import Http, Person
from tests.factories import make_event
from tests.isolation.test_matrix import CAMPUS_CASES, PUBLIC_CASES, Case, person
from tests.isolation.world import Things, World

MOST_CAMPUSES = 400
MOST_SCANS = 500


@dataclass(frozen=True)
class Way:
    """One way to call a route; ``what`` tells it from the one of the matrix, for which it is empty.

    ``body`` is made from the things and the size. ``by_device``: the enrolled device calls.
    """

    site: str
    route: str
    what: str = ""
    status: int | None = None
    ids: dict[str, str] | None = None
    body: Callable[[Things, int], Any] | None = None
    by_device: bool = False

    @property
    def key(self) -> str:
        return f"{self.route} ({self.what})" if self.what else self.route

    @property
    def writes(self) -> bool:
        return not self.route.startswith("GET ")

    def case(self, size: int) -> Case:
        """Return the matrix's case with what is different."""
        plain = (PUBLIC_CASES if self.site == "public" else CAMPUS_CASES)[self.route]
        body, sized = plain.body, self.body
        return replace(
            plain,
            status=self.status or plain.status,
            ids=self.ids or plain.ids,
            body=body if sized is None else lambda things: sized(things, size),
        )

    def caller(self, world: World) -> Person | None:
        """Return who calls; None for nobody."""
        if self.site == "public":
            return world.cast.super_admin
        if self.by_device:
            return Person(user=world.here.site.scanner.user, site=world.here.site, token=world.here.ids["device_token"])
        by = self.case(1).by
        return None if by == "nobody" else person(world.cast, by)


def _days(count: int) -> list[dict[str, str]]:
    days = (date(2027, 1, 1) + timedelta(days=number) for number in range(count))
    return [{"starts_at": f"{day}T08:00:00", "ends_at": f"{day}T10:00:00"} for day in days]


def list_codes(size: int) -> list[str]:
    """Return codes of campuses: one that is always there, and those of the rows."""
    return ["SNSU", *(f"M{number}" for number in range(min(size, MOST_CAMPUSES) - 1))]


def _scans(things: Things, size: int) -> dict[str, Any]:
    return {
        "scans": [
            {"event_id": things.ids["quiet"], "student_id": f"M-{number}", "scan_id": str(uuid4())}
            for number in range(min(size, MOST_SCANS))
        ]
    }


def _common_event(_: Things, size: int) -> dict[str, Any]:
    return {
        "title": "Day", "starts_at": "2026-12-01T00:00:00Z", "ends_at": "2026-12-02T00:00:00Z",
        "campuses": list_codes(size),
    }  # fmt: skip


_EVENT, _SESSION = "events/events/{pk}/", "events/events/{event_id}/sessions/{session_id}/"

WAYS = (
    Way("campus", "POST events/attendance/roll-call/", "of a section",
        body=lambda things, _: {
            "roll_call_id": str(uuid4()), "event_id": things.ids["quiet"], "group": {"section": "A"},
        }),
    Way("campus", "POST events/attendance/batch/", "of many people", body=_scans),
    Way("campus", "POST events/attendance/batch/", "of a device", body=_scans, by_device=True),
    Way("campus", "POST events/scanners/contact/", "of a device", 200, by_device=True,
        body=lambda things, _: {"device_now": now().isoformat(), "queue_depth": 0}),
    Way("campus", "GET events/scanners/manifest/", "of a device", by_device=True),
    Way("campus", "GET events/events/{event_id}/roster/", "of many who are expected", ids={"event_id": "required"}),
    Way("campus", "POST events/events/", "of many sessions",
        body=lambda _, size: {"title": "New", "sessions": _days(min(size, 50))}),
    Way("campus", "POST events/events/{event_id}/sessions/bulk/", "of many sessions",
        body=lambda _, size: {"sessions": _days(min(size, 25))}),
    Way("campus", f"PATCH {_EVENT}", "seats for all who wait", ids={"pk": "crowded"},
        body=lambda _, size: {"capacity": size + 1}),
    Way("campus", f"PATCH {_EVENT}", "many campuses invited", ids={"pk": "crowded"},
        body=lambda _, size: {"is_multi_campus": True, "allowed_campuses": list_codes(size)}),
    Way("campus", f"PATCH {_EVENT}", "shared with many campuses", ids={"pk": "shared"},
        body=lambda _, size: {"title": "Renamed"}),
    Way("campus", f"PATCH {_EVENT}", "seats of many campuses", ids={"pk": "shared"},
        body=lambda _, size: {"allowed_campuses": list_codes(size),
                              "campus_seats": dict.fromkeys(list_codes(size), 2000)}),
    Way("campus", f"DELETE {_EVENT}", "of a draft", 204, ids={"pk": "draft"}),
    Way("campus", f"POST {_EVENT}publish/", "of a draft", ids={"pk": "draft"}),
    Way("campus", f"POST {_EVENT}complete/", "where people were expected", ids={"pk": "required"}),
    Way("campus", f"POST {_EVENT}cancel/", "of many campuses", ids={"pk": "shared"},
        body=lambda *_: {"reason": "rain"}),
    Way("campus", f"POST {_EVENT}reopen/", "of a completed event", 200, ids={"pk": "completed"},
        body=lambda *_: {"reason": "late"}),
    Way("campus", f"DELETE {_SESSION}", "without attendance", 204,
        ids={"event_id": "quiet", "session_id": "quiet_session"}),
    Way("campus", "POST events/attendance-requests/{pk}/approve/", "of all sessions", ids={"pk": "whole_request"}),
    Way("campus", "POST events/events/{event_id}/registrations/withdraw/", "while others wait",
        ids={"event_id": "crowded"}),
    Way("campus", "POST accounts/imports/", "of many people",
        body=lambda _, size: {
            "file": SimpleUploadedFile("r.csv", b"student_id\n" + b"".join(b"F-%d\n" % row for row in range(size)))
        }),
    Way("public", "DELETE auth/tokens/{pk}/", "one's own", 204, ids={"pk": "super_token"}),
    Way("public", "POST federation/events/", "of many campuses", body=_common_event),
    Way("public", "PATCH federation/events/{pk}/", "of many campuses", 200, ids={"pk": "university"},
        body=lambda _, size: {"title": "Another", "campuses": list_codes(size)}),
    Way("public", "POST federation/events/{pk}/cancel/", "of many campuses", 200, ids={"pk": "university"}),
    Way("public", "POST campus/campuses/{pk}/archive/", "after it was suspended", 200, ids={"pk": "suspended"}),
    Way("public", "POST campus/campuses/{pk}/reactivate/", "after it was suspended", 200, ids={"pk": "suspended"}),
)  # fmt: skip


def add_things(world: World, http: Http) -> None:
    """Add to the things of ``here`` what the ways above point to, by name."""
    things, site = world.here, world.here.site
    quiet, completed, crowded = (make_event(site, title=title) for title in ("Quiet", "Completed", "Crowded"))
    with site.here():
        Event.objects.filter(pk=completed.pk).update(status="completed", completed_at=now())
        begins = quiet.starts_at
        spare = Session.objects.create(
            event=quiet, name="Spare", opens_at=begins - timedelta(days=2), starts_at=begins - timedelta(days=2),
            late_after=begins - timedelta(days=2), ends_at=begins - timedelta(days=1),
            closes_at=begins - timedelta(days=1),
        )  # fmt: skip
    with owner_context():
        ready = Campus.objects.get(pk=site.campus.id)
        suspended = Campus.objects.create(
            code="OLD", name="Old", schema_name="c_old", state="suspended", schema_version=ready.schema_version
        )
    answers = [
        http.patch(f"events/events/{crowded.pk}/", {"registration": "required", "capacity": 1}, by=site.organizer),
        http.post(f"events/events/{crowded.pk}/registrations/", by=site.friend),
        university := http.post("federation/events/", _common_event(things, 1), by=world.cast.super_admin),
        request := http.post(
            "events/attendance-requests/",
            {"kind": "excuse", "event_id": str(quiet.pk), "category": "medical", "reason": "Ill"},
            by=site.student,
        ),
        scanner := http.post(
            "events/scanners/", {"name": "Left door", "event_ids": [str(quiet.pk)]}, by=site.organizer
        ),
        device := http.post("events/scanners/enrol/", {"code": scanner.json()["code"]}, at=site),
        tokens := http.get("auth/tokens/", by=world.cast.super_admin),
    ]
    assert {answer.status_code for answer in answers} == {200, 201}, [answer.content for answer in answers]
    things.ids.update(
        quiet=str(quiet.pk),
        quiet_session=str(spare.pk),
        completed=str(completed.pk),
        crowded=str(crowded.pk),
        draft=str(things.draft.pk),
        university=university.json()["id"],
        whole_request=request.json()["id"],
        device_token=device.json()["token"],
        super_token=tokens.json()["results"][0]["id"],
        suspended=str(suspended.pk),
    )
