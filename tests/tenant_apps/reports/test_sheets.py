"""Papers of an event: whom they name, in which order, and that names are nothing but names. Read by poppler."""

import shutil
import subprocess
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test.client import MULTIPART_CONTENT

from shared_apps.accounts.models import Profile, User
from shared_apps.common.clock import now
from tenant_apps.attendance.services.closing import close_session
from tenant_apps.events.models import Event, Session
from tests.cast import Cast, Http, Site
from tests.factories import make_event
from tests.isolation.world import DOT
from tests.tenant_apps.events.places import error_of, make_placed_event, path_of, scan

SHEET, LIST = "signature-sheet/", "attendance-list/"


def read(answer: Any) -> tuple[str, int]:
    """Return the words on a paper, without where they were broken, and how many pages it has."""
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/pdf"), answer.content
    assert answer["Content-Disposition"].startswith("attachment;")
    if not (shutil.which("pdftotext") and shutil.which("pdfinfo")):
        pytest.skip("no poppler here: what is on the paper was not read (apt install poppler-utils)")

    def run(*command: str) -> str:
        return subprocess.run(
            command, input=answer.content, capture_output=True, check=True, timeout=60
        ).stdout.decode()

    text = " ".join(run("pdftotext", "-layout", "-", "-").replace("\u200b", "").split())
    (pages,) = [line.split()[1] for line in run("pdfinfo", "-").splitlines() if line.startswith("Pages:")]
    return text, int(pages)


def add_students(site: Site, count: int, *, section: str) -> list[User]:
    """Create students of a section in bulk; stand in the campus."""
    people = [User(username=f"{section}{n}", first_name="Juan", last_name=f"{section}-{n:04}", student_id=f"{section}-{n}",
                   role="student", password="!") for n in range(count)]  # fmt: skip
    User.objects.bulk_create(people)
    Profile.objects.bulk_create(
        Profile(user=user, department="CBA", program="BSA", year_level=1, section=section) for user in people
    )
    return people


def order(text: str, *words: str) -> None:
    found = [text.index(word) for word in words]
    assert found == sorted(found), (words, found)


def test_a_signature_sheet_names_who_is_expected_or_has_a_place_by_section(cast: Cast, http: Http) -> None:
    here = cast.malimono
    picture = {"file": SimpleUploadedFile("a.png", DOT)}
    assert http.post("uploads/logo/", picture, by=here.admin, content_type=MULTIPART_CONTENT).status_code == 201
    event = make_placed_event(here, title="Linggo ng Wika", is_required=True, venue="Gym", allows_guests=True)
    hostile = '#read("/etc/passwd") $x$ @ref *b* <i> \\ #panic()'
    with here.here():
        add_students(here, 3, section="Z")
        User.objects.filter(pk=here.student.id).update(first_name=hostile, last_name="Niño ₱ محمد")
        User.objects.filter(pk=here.friend.id).update(last_name="Ñ" * 90)
        session = Session.objects.get(event=event)
    assert http.post(path_of(event, "guests/"), {"name": "Guest Speaker"}, by=here.organizer).status_code == 201
    answer = http.get(path_of(event, SHEET), by=here.organizer, session=str(session.pk))
    text, pages = read(answer)
    order(text, here.campus.name, "Signature sheet", "Linggo ng Wika", "Session 1", "Gym", "No. Name Number")
    order(text, "Juan Z-0000", "Juan Z-0001", "Juan Z-0002", "Guest Speaker", "Page 1 of")
    for part in ('#read("/etc/passwd")', "$x$", "@ref", "*b*", "<i>", "Niño ₱", "BSA 1-Z", "BSIT 2-A"):
        assert part in text
    assert "root:" not in text
    assert pages == 1

    # Of one section only, in any case; guests are of none.
    narrowed, _ = read(http.get(path_of(event, SHEET), by=here.admin, program="bsa", year_level=1, section="z"))
    assert ("Z-0002" in narrowed, "Niño" in narrowed, "Guest Speaker" in narrowed) == (True, False, False)
    # Where nobody is expected there are lines to fill in; names of the campus are not.
    empty, pages = read(http.get(path_of(make_event(here), SHEET), by=here.organizer))
    assert ("Z-0000" in empty, "Signature" in empty, pages) == (False, True, 1)


def test_an_attendance_list_says_what_became_of_everybody(cast: Cast, http: Http) -> None:
    here = cast.malimono
    event = make_event(here, title="Flag ceremony")
    with here.here():
        Event.objects.filter(pk=event.pk).update(is_required=True)
        session = Session.objects.get(event=event)
    assert scan(http, here, event, here.student).status_code == 201
    with here.here():
        assert close_session(session_id=session.pk, at=now() + timedelta(hours=3)) is not None
    text, pages = read(http.get(path_of(event, LIST), by=here.organizer))
    order(
        text,
        here.campus.name,
        "Attendance list",
        "Flag ceremony",
        "Ben Cruz",
        "absent",
        "Ana Reyes",
        "present",
        "Page 1",
    )
    assert ("Organizer: name and signature" in text, pages) == (True, 1)
    assert "2024-0001" in text
    narrowed, _ = read(http.get(path_of(event, LIST), by=here.organizer, session=str(session.pk), section="B"))
    assert "Nobody." in narrowed


def test_papers_are_of_those_who_run_the_event_and_of_one_campus(cast: Cast, http: Http) -> None:
    here, there = cast.malimono, cast.delcarmen
    event, draft = make_event(here), make_event(here, status="draft")
    for paper, other in ((SHEET, (403, "not_your_event")), (LIST, (404, "not_found"))):
        assert error_of(http.get(path_of(event, paper), by=here.other_organizer)) == other
        assert error_of(http.get(path_of(event, paper), by=here.student)) == (403, "permission_denied")
        for foreign in (there.organizer, there.admin):
            assert error_of(http.get(path_of(event, paper), by=foreign)) == (404, "not_found")
        assert error_of(http.get(path_of(draft, paper), by=here.other_organizer)) == (404, "not_found")
        with here.here():
            other_session = str(Session.objects.get(event=draft).pk)
        assert error_of(http.get(path_of(event, paper), by=here.organizer, session=other_session)) == (404, "not_found")
        for query in ({"event": str(draft.pk)}, {"year_level": "x"}, {"section": "a\x00"}, {"page": "2", "x": "1"}):
            assert http.get(path_of(event, paper), by=here.organizer, **query).status_code == 400


def test_a_paper_of_many_people_has_many_pages_and_an_end(
    cast: Cast, http: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = cast.malimono
    event = make_placed_event(here, is_required=True)
    with here.here():
        add_students(here, 120, section="M")
    text, pages = read(http.get(path_of(event, SHEET), by=here.organizer))
    assert ("M-0119" in text, f"Page {pages} of {pages}" in text, pages > 3) == (True, True, True)
    assert text.count("No. Name Number") == pages  # the head is on each
    monkeypatch.setattr("tenant_apps.reports.api.sheets.MOST_ON_PAPER", 121)
    assert error_of(http.get(path_of(event, SHEET), by=here.organizer)) == (400, "paper_too_long")
    assert http.get(path_of(event, SHEET), by=here.organizer, section="M").status_code == 200
