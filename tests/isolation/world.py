"""Two campuses full of rows that could leak, and the means to see that nothing of the other one changed."""

import base64
import hashlib
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import connection

from shared_apps.accounts.models import AccessToken
from shared_apps.accounts.services.rosters import queue_import
from shared_apps.common.clock import now
from shared_apps.federation.models import Visit
from shared_apps.federation.services.reconciliations import request_reconciliation
from tenant_apps.attendance.models import Attendance, AttendanceRequest, Flag, Scan
from tenant_apps.attendance.rules.requests import RequestKind, WantedStatus
from tenant_apps.attendance.services.closing import close_session
from tenant_apps.attendance.services.imports import queue_scan_import
from tenant_apps.attendance.services.requests import ask
from tenant_apps.certificates.models import Certificate
from tenant_apps.certificates.services import request_run, work_off
from tenant_apps.events.models import Event, Session
from tenant_apps.events.services.calendars import renew_feed
from tenant_apps.exports.services import make_file, request_export
from tenant_apps.notifications.models import Notice
from tenant_apps.notifications.services.notices import send_notices
from tenant_apps.uploads.models import Room, Upload
from tenant_apps.uploads.rules import UploadKind
from tenant_apps.uploads.storage import save_file
from tenants.context import owner_context, public_context
from tests.cast import Cast, Http, Person, Site
from tests.factories import make_event, make_shared_event, pass_of

# A grey PNG of one pixel.
DOT = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg==")


@dataclass
class Things:
    """What one campus has, by the name of the path parameter or body field that points to it."""

    site: Site
    event: Event
    draft: Event
    attendance_id: UUID
    grant: str
    acting: Person
    enrolment_code: str
    ids: dict[str, str] = field(default_factory=dict)


@dataclass
class World:
    """Both campuses with the same people and the same kinds of rows."""

    cast: Cast
    here: Things
    there: Things


def build_world(cast: Cast, http: Http) -> World:
    """Fill both campuses with one of everything."""
    with public_context():
        run = request_reconciliation(by=None, at=now(), repairs=False)
    things = [_fill(site, cast, http) for site in (cast.malimono, cast.delcarmen)]
    for each in things:
        each.ids["reconciliation"] = str(run.pk)
    return World(cast=cast, here=things[0], there=things[1])


def _share(site: Site, third: Site, http: Http) -> dict[str, str]:
    """Let ``site`` host an event for a third campus, and be invited to one; nothing of it concerns anybody else."""
    shared = make_shared_event(site, third, title=f"Shared by {site.campus.code}")
    invited = make_shared_event(third, site, title=f"Open to {site.campus.code}")
    for door, event, guest in ((site, shared, third.student), (third, invited, site.organizer)):
        body = {"event_id": str(event.pk), "pass": pass_of(guest)}
        assert http.post("events/attendance/mark_attendance/", body, by=door.scanner).status_code == 201
    answer = http.post("federation/registrations/", {"event_id": str(invited.pk)}, by=site.friend)
    assert answer.status_code == 201, answer.content
    with site.here():
        visit = Visit.objects.get(event_id=shared.pk)
    return {"shared": str(shared.pk), "invited": str(invited.pk), "visit": str(visit.id)}


def _transfer(site: Site, third: Site, http: Http, *, comes: Person) -> dict[str, str]:
    """Offer one student of ``site`` to a third campus, and one of that campus to ``site``."""
    offered = []
    for student, to in ((site.friend, third), (comes, site)):
        assert student.site is not None
        body = {"user_id": str(student.id), "destination": to.campus.code, "reason": "The family moves"}
        offered.append(http.post("federation/transfers/", body, by=student.site.admin))
        assert offered[-1].status_code == 201, offered[-1].content
    return {"transfer": offered[-1].json()["id"]}


def _places(site: Site, http: Http) -> dict[str, str]:
    """Give ``site`` an event with a request, a guest, and notices of it."""
    event = make_event(site, title=f"Places of {site.campus.code}")
    path = f"events/events/{event.pk}/"
    changes = {"registration": "approval", "allows_guests": True}
    assert http.patch(path, changes, by=site.organizer).status_code == 200
    asked = http.post(f"{path}registrations/", by=site.friend)
    guest = http.post(f"{path}guests/", {"name": f"Guest of {site.campus.code}"}, by=site.organizer)
    assert (asked.status_code, guest.status_code) == (201, 201), (asked.content, guest.content)
    with site.here():
        send_notices(to=[site.student.id], kind="test", text=f"To {site.campus.code}", at=now(), event_id=event.pk)
        notice = Notice.objects.get(user_id=site.student.id, kind="test")
    return {
        "placed": str(event.pk),
        "place": asked.json()["id"],
        "guest": guest.json()["id"],
        "guest_pass": guest.json()["guest_pass"],
        "notice": str(notice.pk),
    }


def add_file(site: Site, kind: UploadKind, subject_id: UUID, *, by: Person) -> Upload:
    """Keep a small picture past every check; stand in the campus."""
    return Upload.objects.create(
        kind=kind, subject_id=subject_id, media_type="image/png", file_name=save_file(DOT, ending="png"),
        size=len(DOT), width=1, height=1, digest=hashlib.sha256(DOT).hexdigest(), uploaded_by_id=by.id,
        uploaded_at=now(),
    )  # fmt: skip


def _files(site: Site, event: Event, request: AttendanceRequest) -> dict[str, str]:
    """Give ``site`` a logo, the student a photo, the event a poster and the request a proof."""
    add_file(site, UploadKind.LOGO, site.campus.id, by=site.admin)
    add_file(site, UploadKind.PHOTO, site.student.id, by=site.student)
    add_file(site, UploadKind.POSTER, event.pk, by=site.organizer)
    evidence = add_file(site, UploadKind.EVIDENCE, request.pk, by=site.friend)
    Room.objects.create(used=4 * len(DOT))
    return {"evidence": str(evidence.pk)}


def _certify(site: Site, event: Event) -> dict[str, str]:
    """Issue the certificates of an event; stand in the campus."""
    run = request_run(by=site.organizer.user, at=now(), event_id=event.pk)
    work_off(run_id=run.pk, clock=now)
    certificate = Certificate.objects.get(attendance__user_id=site.student.id)
    return {"run": str(run.pk), "certificate": str(certificate.pk), "certificate_code": str(certificate.code)}


def _close(site: Site) -> tuple[Event, Session]:
    """Close the session of a required event: everybody was absent."""
    event = make_event(site, title=f"Required by {site.campus.code}", starts=-240)
    with site.here():
        Event.objects.filter(pk=event.pk).update(is_required=True)
        session = Session.objects.get(event=event)
        assert close_session(session_id=session.pk, at=now()) is not None
    return event, session


def _export(site: Site) -> dict[str, str]:
    """Make a file of what the student attended; stand in the campus."""
    export = request_export(by=site.student.user, at=now(), dataset="attendance", format="csv", filters={})
    make_file(export_id=export.pk, clock=now)
    return {"export": str(export.pk)}


def _fill(site: Site, cast: Cast, http: Http) -> Things:
    event = make_event(site, title=f"Secret of {site.campus.code}")
    with site.here():
        Event.objects.filter(pk=event.pk).update(takes_venue_code=True)
    draft = make_event(site, status="draft", title=f"Draft of {site.campus.code}")
    for student in (site.student, site.friend):
        answer = http.post(
            "events/attendance/mark_attendance/",
            {"event_id": str(event.pk), "user_id": str(student.id)},
            by=site.scanner,
        )
        assert answer.status_code == 201, answer.content
    with site.here():
        attendance = Attendance.objects.get(user_id=site.student.id, event=event)
        session = Session.objects.get(event=event)
        token = AccessToken.objects.filter(user_id=site.student.id).first()
        assert token is not None
        roster = queue_import(
            by=site.admin.user, at=now(), file_name="secret.csv", content=b"student_id\n2024-0003\n", mapping={},
            dry_run=False,
        )  # fmt: skip
        scans = queue_scan_import(
            by=site.admin.user, at=now(), event_id=event.pk, file_name=f"{site.campus.code}.csv",
            content=b"student_id,scanned_at\n2024-0001,2026-01-05 08:00\n", dry_run=False,
        )  # fmt: skip
        request = ask(
            by=site.friend.user, at=now(), kind=RequestKind.EXCUSE, event_id=event.pk, session_id=session.pk,
            wanted_status=WantedStatus.EXCUSED, category="medical", reason=f"Secret of {site.campus.code}", evidence="",
        )  # fmt: skip
        scan = Scan.objects.filter(event_id=event.pk, user_id=site.student.id).get()
        flag = Flag.objects.create(
            kind="two_doors", subject=str(attendance.pk), event=event, session=session, raised_at=now(),
            person_id=site.student.user.person_id, evidence={"scans": [str(scan.pk)]},
        )  # fmt: skip
        calendar = renew_feed(by=site.student.user, at=now())
        files = {**_files(site, event, request), **_certify(site, event), **_export(site)}
    required, closed = _close(site)
    comes = cast.snsu.student if site is cast.malimono else cast.snsu.friend
    granting = f"campus/campuses/{site.campus.id}/grants/"
    grant, used = (http.post(granting, {"reason": "help"}, by=cast.super_admin).json()["grant"] for _ in range(2))
    enrolling = {"name": f"Gate of {site.campus.code}", "event_ids": [str(event.pk)]}
    enrolment = http.post("events/scanners/", enrolling, by=site.admin).json()
    began = http.post("auth/act/", {"grant": used}, at=site).json()
    return Things(
        site=site,
        event=event,
        draft=draft,
        attendance_id=attendance.pk,
        grant=grant,
        acting=Person(user=cast.super_admin.user, site=site, token=began["token"]),
        enrolment_code=enrolment["code"],
        ids={
            **_share(site, cast.snsu, http),
            **_transfer(site, cast.snsu, http, comes=comes),
            **_places(site, http),
            **files,
            "user": str(site.student.id),
            "event": str(event.pk),
            "session": str(session.pk),
            "required": str(required.pk),
            "closed": str(closed.pk),
            "attendance": str(attendance.pk),
            "token": str(token.pk),
            "scanner": enrolment["scanner"]["id"],
            "import": str(roster.pk),
            "scan_import": str(scans.pk),
            "request": str(request.pk),
            "flag": str(flag.pk),
            "calendar": calendar,
            "campus": str(site.campus.id),
        },
    )


def fingerprint(schema: str) -> dict[str, str]:
    """Return a digest of every row of every table of ``schema``, by table."""
    with owner_context(), connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s ORDER BY 1", [schema])
        tables = [row[0] for row in cursor.fetchall()]
        cursor.execute(
            " UNION ALL ".join(
                f"SELECT '{table}', md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {schema}.{table} t"
                for table in tables
            )
        )
        return dict(cursor.fetchall())


def codes(answer: Any) -> list[str]:
    """Return the error codes of an answer."""
    return [error["code"] for error in answer.json().get("errors", [])]
