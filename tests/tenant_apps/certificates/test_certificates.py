"""Certificates: who gets one, what it says, what a stranger learns of it, and when it ends."""

import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, transaction
from django.test.client import MULTIPART_CONTENT

from shared_apps.accounts.models import User
from shared_apps.common.clock import now
from shared_apps.outbox.models import OutboxMessage
from tenant_apps.attendance.models import Attendance
from tenant_apps.certificates.models import Certificate, Run, Template
from tenant_apps.certificates.rules import fill_text, find_unknown_placeholders, is_valid
from tenant_apps.certificates.services import TASK, issue_chunk, work_off
from tenant_apps.certificates.tasks import issue_certificates
from tenant_apps.events.models import Event
from tenant_apps.notifications.models import Notice
from tests.cast import Cast, Http, Site
from tests.factories import make_event
from tests.isolation.world import DOT
from tests.tenant_apps.events.places import notices


def come(http: Http, site: Site, event: Event) -> dict[str, str]:
    """Record the student and the friend; return their attendances."""
    ids = {}
    for name in ("student", "friend"):
        body = {"event_id": str(event.pk), "user_id": str(getattr(site, name).id)}
        answer = http.post("events/attendance/mark_attendance/", body, by=site.scanner)
        assert answer.status_code == 201, answer.content
        with site.here():
            ids[name] = str(Attendance.objects.get(event=event, user_id=getattr(site, name).id).pk)
    return ids


def issue(http: Http, site: Site, event: Event) -> dict[str, Any]:
    """Ask for a run and let the worker do it; return how far it is."""
    asked = http.post("certificates/runs/", {"event_id": str(event.pk)}, by=site.organizer)
    assert (asked.status_code, asked.json()["state"]) == (202, "queued"), asked.content
    with site.here():
        message = OutboxMessage.objects.get(kind=TASK, finished_at__isnull=True)
        issue_certificates.run(message_id=str(message.pk), **message.payload)
        assert OutboxMessage.objects.get(pk=message.pk).finished_at is not None
    return http.get(f"certificates/runs/{asked.json()['id']}/", by=site.organizer).json()


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["errors"][0]["code"]


def test_words_and_validity() -> None:
    assert find_unknown_placeholders("{name} at {event}, {0} {name!r} {} {user.password}") == [
        "0", "name!r", "", "user.password",
    ]  # fmt: skip
    assert (
        fill_text("{name} at {event}", {"name": "{event} {name}", "event": "#eval[x]"}) == "{event} {name} at #eval[x]"
    )
    for status, valid in {
        "present": True, "late": True, "left_early": False, "absent": False, "excused": False, "void": False,
    }.items():  # fmt: skip
        assert is_valid(revoked=False, status=status) is valid
        assert is_valid(revoked=True, status=status) is False


def test_issued_once_shown_to_whom_it_concerns_and_revoked_with_its_ground(cast: Cast, http: Http) -> None:
    here, there = cast.malimono, cast.delcarmen
    event = make_event(here, title="Foundation Day")
    ids = come(http, here, event)
    # Whoever left early has not attended.
    with here.here():
        Attendance.objects.filter(pk=ids["friend"]).update(status="left_early")
    run = issue(http, here, event)
    assert (run["state"], run["total"], run["processed"], run["issued"]) == ("done", 1, 1, 1)
    with here.here():
        Attendance.objects.filter(pk=ids["friend"]).update(status="late")
    assert issue(http, here, event)["issued"] == 1
    assert issue(http, here, event)["issued"] == 0

    (mine,) = http.get("certificates/", by=here.student).json()["results"]
    assert (mine["name"], mine["event_title"], mine["valid"]) == ("Ana Reyes", "Foundation Day", True)
    assert mine["text"].startswith("attended Foundation Day, held on ")
    for person, count in [
        (here.friend, 1), (here.organizer, 2), (here.admin, 2), (here.other_organizer, 0), (there.admin, 0),
    ]:  # fmt: skip
        assert http.get("certificates/", by=person).json()["count"] == count
    pdf = f"certificates/{mine['id']}/pdf/"
    saved = http.get(pdf, by=here.student)
    assert (saved.status_code, saved.content[:5], saved["Content-Type"]) == (200, b"%PDF-", "application/pdf")
    assert saved["Content-Disposition"].startswith("attachment;")
    for person in (here.friend, here.other_organizer, there.student, there.admin):
        assert code(http.get(pdf, by=person)) == (404, "not_found")
    revoking = f"certificates/{mine['id']}/revoke/"
    assert code(http.post(revoking, {"reason": "x"}, by=here.other_organizer)) == (404, "not_found")
    assert code(http.post(revoking, {"reason": "x"}, by=here.student)) == (403, "permission_denied")

    # A stranger learns what the paper says, and nothing else.
    verify = f"certificates/verify/{mine['code']}/"
    shown = http.get(verify, at=here)
    assert shown.json() == {
        "valid": True, "name": "Ana Reyes", "event": "Foundation Day", "session": "Session 1",
        "held_on": mine["held_on"], "campus": here.campus.name,
    }  # fmt: skip
    assert code(http.get(verify, at=there)) == (404, "not_found")
    assert code(http.get(f"certificates/verify/{uuid4()}/", at=here)) == (404, "not_found")
    page = http.send("GET", verify, at=here, headers={"Accept": "text/html"})
    assert b"This certificate is valid" in page.content
    assert "default-src 'none'" in page["Content-Security-Policy"]
    missing = http.send("GET", f"certificates/verify/{uuid4()}/", at=here, headers={"Accept": "text/html"})
    assert (missing.status_code, b"No such certificate" in missing.content) == (404, True)

    # The ground goes, and with it the certificate, at once; it comes back with it.
    assert http.post(f"events/attendance/{ids['student']}/undo/", {"reason": "slip"}, by=here.admin).status_code == 200
    assert http.get(verify, at=here).json()["valid"] is False
    assert b"not valid any more" in http.send("GET", verify, at=here, headers={"Accept": "text/html"}).content
    assert code(http.get(pdf, by=here.student)) == (409, "certificate_revoked")
    correct = f"events/attendance/{ids['student']}/correct/"
    assert http.post(correct, {"status": "late", "reason": "seen"}, by=here.admin).status_code == 200
    assert http.get(verify, at=here).json()["valid"] is True
    # What somebody revoked stays revoked.
    revoked = http.post(revoking, {"reason": "wrong name"}, by=here.organizer)
    assert (revoked.status_code, revoked.json()["valid"]) == (200, False)
    assert http.post(revoking, {"reason": "again"}, by=here.admin).json()["revoke_reason"] == "wrong name"
    assert http.get(verify, at=here).json()["valid"] is False
    # Each was told of theirs, once, and of its end, once.
    kinds = ["certificate.issued", "certificate.revoked"]
    assert [kind for kind in notices(here.student) if kind in kinds] == kinds
    assert [kind for kind in notices(here.friend) if kind in kinds] == kinds[:1]
    assert notices(there.student) == []


def test_names_are_data_on_paper_and_on_the_page(cast: Cast, http: Http) -> None:
    here = cast.malimono
    event = make_event(here, title='#eval("1+1") <b>Día</b> {name}')
    name = "Niño </dd><script>alert(1)</script> #panic() $x$"
    with here.here():
        User.objects.filter(pk=here.student.id).update(first_name=name, last_name="Ñ" * 80)
    come(http, here, event)
    picture = {"file": SimpleUploadedFile("a.png", DOT)}
    assert http.post("uploads/logo/", picture, by=here.admin, content_type=MULTIPART_CONTENT).status_code == 201
    words = {
        "heading": "Katibayan", "text": "dumalo sa {event} noong {date}",
        "signatories": [{"name": "Ma. Peñafrancia Núñez #x[", "position": "Director"}],
    }  # fmt: skip
    assert http.send("PUT", f"certificates/templates/{event.pk}/", words, by=here.organizer).status_code == 200
    issue(http, here, event)
    (mine,) = http.get("certificates/", by=here.student).json()["results"]
    page = http.send("GET", f"certificates/verify/{mine['code']}/", at=here, headers={"Accept": "text/html"}).content
    assert b"<script" not in page
    assert b"&lt;script&gt;" in page
    # What was issued stays as it was.
    assert http.send("PUT", f"certificates/templates/{event.pk}/", {}, by=here.organizer).status_code == 200
    saved = http.get(f"certificates/{mine['id']}/pdf/", by=here.student).content
    assert saved.startswith(b"%PDF-")
    _look_at(
        saved, mine["code"], here, expected=("Katibayan", "Niño", "#panic() $x$", 'dumalo sa #eval("1+1")', "Núñez #x[")
    )


def _look_at(saved: bytes, verify: str, site: Site, *, expected: tuple[str, ...]) -> None:
    if not (shutil.which("pdftotext") and shutil.which("zbarimg")):
        pytest.skip(
            "no poppler and zbar here: what is on the paper was not looked at (apt install poppler-utils zbar-tools)"
        )

    def run(*command: str, content: bytes = b"") -> bytes:
        return subprocess.run(command, input=content, capture_output=True, check=True, timeout=60).stdout

    text = " ".join(run("pdftotext", "-", "-", content=saved).decode().replace("\u200b", "").split())
    for words in expected:
        assert words in text
    pages = [line for line in run("pdfinfo", "-", content=saved).decode().splitlines() if line.startswith("Pages:")]
    assert pages[0].split() == ["Pages:", "1"]
    picture = run("pdftoppm", "-r", "150", "-png", "-", content=saved)
    read = run("zbarimg", "--raw", "-q", "-", content=picture).decode().strip()
    assert read == f"http://{site.host}:8000/api/v1/certificates/verify/{verify}/"


def test_words_are_decided_by_who_may(cast: Cast, http: Http) -> None:
    here = cast.malimono
    event = make_event(here)
    own, campus = f"certificates/templates/{event.pk}/", "certificates/template/"
    assert code(http.send("PUT", own, {"text": "{user.password}"}, by=here.organizer)) == (400, "unknown_placeholder")
    assert code(http.send("PUT", own, {}, by=here.other_organizer)) == (403, "not_your_event")
    assert code(http.send("PUT", campus, {}, by=here.organizer)) == (403, "permission_denied")
    assert (
        code(http.send("PUT", own, {"signatories": [{"name": str(n)} for n in range(4)]}, by=here.organizer))[0] == 400
    )
    assert http.send("PUT", campus, {"heading": "Ours"}, by=here.admin).status_code == 200
    assert http.send("PUT", campus, {"heading": "Ours now"}, by=here.admin).status_code == 200
    assert http.get(own, by=here.organizer).json()["heading"] == "Ours now"
    assert http.send("PUT", own, {"heading": "Mine"}, by=here.organizer).status_code == 200
    assert http.get(own, by=here.organizer).json()["heading"] == "Mine"
    assert http.get(campus, by=here.organizer).json()["heading"] == "Ours now"
    with here.here():
        assert Template.objects.count() == 2


def test_workers_at_once_and_killed_ones_issue_each_certificate_once(
    cast: Cast, http: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = cast.malimono
    monkeypatch.setattr("tenant_apps.certificates.services.CHUNK", 7)
    event = make_event(here)
    with here.here():
        people = User.objects.bulk_create([User(username=f"p{n}", last_name=f"P{n}", password="!") for n in range(40)])
        session = event.sessions.get()
        Attendance.objects.bulk_create(
            Attendance(event=event, session=session, user=person, status="present", method="user",
                       first_in_at=now(), created_at=now(), updated_at=now())
            for person in people
        )  # fmt: skip
    asked = [http.post("certificates/runs/", {"event_id": str(event.pk)}, by=here.organizer).json()["id"] for _ in "ab"]
    with here.here():
        assert issue_chunk(run_id=asked[0], at=now()).processed == 7  # and then it was killed
    assert http.get(f"certificates/runs/{asked[0]}/", by=here.organizer).json()["state"] == "running"

    def work(run_id: str) -> None:
        with here.here():
            work_off(run_id=run_id, clock=now)  # type: ignore[arg-type]

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, [*asked, *asked]))
    with here.here():
        assert Certificate.objects.count() == 40
        assert sum(run.issued for run in Run.objects.all()) == 40
        told = Notice.objects.filter(kind="certificate.issued")
        assert (told.count(), told.values("user_id").distinct().count()) == (40, 40)
        assert [(run.state, run.processed) for run in Run.objects.all()] == [("done", 40)] * 2


def test_the_database_refuses_by_itself(cast: Cast, http: Http) -> None:
    here = cast.malimono
    event = make_event(here)
    come(http, here, event)
    issue(http, here, event)
    with here.here():
        first, second = Certificate.objects.all()
        for constraint, change in {
            "certificates_certificate_code_once": {"code": first.code},
            "certificates_certificate_reason": {"revoked_at": now()},
            "certificates_certificate_attendance_id": {"attendance_id": first.attendance_id},
        }.items():
            with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
                Certificate.objects.filter(pk=second.pk).update(**change)
        with pytest.raises(IntegrityError, match="certificates_run_state_known"), transaction.atomic():
            Run.objects.update(state="lost")
        with pytest.raises(IntegrityError, match="certificates_template_event_once"), transaction.atomic():
            Template.objects.bulk_create(Template(updated_at=now()) for _ in range(2))
        with pytest.raises(Exception, match="permission denied"), transaction.atomic():
            second.delete()
