"""The scanner of the documentation, as it is printed there, against a real server."""

import importlib.util
import json
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from shared_apps.accounts.services.passes import replace_pass
from shared_apps.common.clock import now
from shared_apps.federation.passes import read_pass, rotate, rotating_secret, rotating_stem, step_of
from shared_apps.federation.services.issuing import issue_pass
from tenant_apps.attendance.models import Attendance, Scan, Scanner
from tenant_apps.events.models import Event
from tenants.context import owner_context
from tenants.models import RevokedPass
from tests.cast import Cast, Person, Site
from tests.factories import make_event, make_shared_event, pass_of
from tests.live import LiveServer, live_server

PROGRAM = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "scanner.py"
NOBODY = "127.0.0.1:1"
AHEAD = 100 * 60  # seconds: by this clock the sessions, which began 10 minutes ago, would be nearly over


@pytest.fixture(scope="module")
def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("scanner_example", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def post(server: LiveServer, path: str, body: Any = None, *, by: Person) -> Any:
    assert by.site is not None
    status, answer = server.send("POST", f"/api/v1/events/{path}", body, host=by.site.host, token=by.token)
    assert status < 300, answer
    return answer


def forge(text: str) -> str:
    head, payload, signature = text.split(".")
    return f"{head}.{payload}.{'B' if signature[0] != 'B' else 'C'}{signature[1:]}"


def rotated(person: Person, *, steps: int = 0) -> str:
    """Return the rotating pass of now, ``steps`` of 20 seconds aside."""
    text = pass_of(person)
    return rotate(rotating_stem(text), secret=rotating_secret(read_pass(text)), step=step_of(now()) + steps)


def names(door: Any, event: Event) -> set[str]:
    return {row["display_name"] for row in door.rosters[str(event.pk)]["people"].values()}


def test_the_example_decides_alone_and_the_server_agrees(cast: Cast, tmp_path: Path, example: ModuleType) -> None:
    campus, other = cast.malimono, cast.delcarmen
    open_, games = make_event(campus, title="Foundation Day"), make_shared_event(campus, other, title="Games")
    seminar, dance = make_event(campus, title="Seminar"), make_event(campus, title="Dance")
    draft = make_event(campus, title="Sports Day", status="draft")
    with campus.here():
        # Changed long ago: a roster is read anew after each change of its event.
        Event.objects.filter(pk=seminar.pk).update(registration="required", updated_at=now() - timedelta(days=1))
        Event.objects.filter(pk=dance.pk).update(needs_rotating_pass=True)
        old_card = issue_pass(user=campus.organizer.user, at=now()).text
        replace_pass(by=campus.organizer.user, at=now(), user_id=campus.organizer.id)
    with owner_context():
        RevokedPass.objects.update(revoked_at=now() - timedelta(hours=1))
    example.PAGE = 1  # so that three people are three pages
    with live_server(tmp_path / "web.log") as server:
        places = f"events/{seminar.pk}/registrations/"
        for person in (campus.student, campus.friend, campus.other_organizer):
            post(server, places, by=person)
        events = [open_, games, seminar, dance, draft]
        body = {"name": "Gym, left door", "event_ids": [str(event.pk) for event in events]}
        enrolment = post(server, "scanners/", body, by=campus.organizer)

        # Enrolled once. A clock that is wrong is measured; the roster comes in pages, and then what changed of it.
        address = f"127.0.0.1:{server.port}"
        door = example.Scanner(tmp_path / "door", address=address, clock=lambda: time.time() + AHEAD)
        door.enrol(enrolment["text"])
        with pytest.raises(example.Refused, match="enrolment_code_invalid"):
            example.Scanner(tmp_path / "thief", address=address).enrol(enrolment["text"])
        door.sync()
        assert door.state["skew"] == pytest.approx(AHEAD * 1000, abs=30_000)
        assert names(door, seminar) == {"Ana Reyes", "Ben Cruz", "Oscar Lim"}
        post(server, f"{places}withdraw/", by=campus.friend)
        door.sync()
        assert names(door, seminar) == {"Ana Reyes", "Oscar Lim"}
        # A manifest names what was revoked since the last one: what was revoked before stays revoked.
        assert door.manifest["revocations"]["passes"][0][1:] == [str(campus.organizer.user.person_id), 1]
        door.fetch_manifest()
        assert (door.manifest["revocations"]["is_delta"], door.manifest["revocations"]["passes"]) == (True, [])
        refuses_what_is_not_signed(door, example)

        # While there is a network, the server's answer counts.
        assert door.scan(pass_of(campus.other_organizer), str(open_.pk))["is_final"]
        assert door.journal.waiting() == []

        # The network goes. The operator is told what this device can know, with the server's words.
        door.address = NOBODY
        shown = [
            (pass_of(campus.student), open_, "recorded"),
            (pass_of(campus.student), open_, "duplicate"),
            (pass_of(campus.other_organizer), open_, "duplicate"),
            (forge(pass_of(campus.friend)), open_, "pass_forged"),
            (old_card, open_, "pass_revoked"),
            ("https://example.edu/", open_, "unknown_pass"),
            (pass_of(other.student), open_, "campus_not_invited"),
            (pass_of(other.student), games, "recorded"),
            (pass_of(campus.student), seminar, "recorded"),
            (pass_of(campus.friend), seminar, "not_registered"),
            (pass_of(campus.student), dance, "rotating_pass_required"),
            (rotated(campus.student), dance, "recorded"),
            (rotated(campus.friend, steps=-6), dance, "pass_code_expired"),
            (pass_of(campus.student), draft, "recorded"),
            ("EASG1." + "A" * 22, open_, "recorded"),  # a guest's is random: only the server knows that nobody has it
        ]
        told = [door.scan(text, str(event.pk)) for text, event, _ in shown]
        assert [each["code"] for each in told] == [code for _, _, code in shown]
        assert [each["is_final"] for each in told if each["outcome"] == "recorded"] == [
            True,
            False,
            True,
            False,
            True,
            False,
        ]
        assert told[8]["name"] == "Ana Reyes"
        waiting = door.journal.waiting()
        # The first was tried, and whether it arrived is not known; all others have numbers without a gap.
        assert [scan.get("sequence") for scan in waiting] == [None, *range(1, len(shown))]
        with pytest.raises(example.Offline):
            door.sync()

        # Back: everything is sent, and the answers do not arrive; so it is sent again by the next start of the program.
        door.address, door.keep_answer = address, lambda *_: None
        door.sync()
        door = example.Scanner(door.directory, address=address, clock=door.clock)
        assert len(door.journal.waiting()) == len(shown)
        door.sync()
        answers = [door.journal.answers.get(scan["scan_id"], {"code": None}) for scan in waiting]
        agreed = [code for _, _, code in shown[:-2]]
        assert [answer["code"] for answer in answers] == [*agreed, None, "unknown_pass"]
        assert [answer["differs"] for answer in (*answers[:-2], answers[-1])] == [False] * len(agreed) + [True]

        # An event that is a draft still does not exist for the server: that scan waits for another manifest.
        assert [scan["event_id"] for scan in door.journal.waiting()] == [str(draft.pk)]
        post(server, f"events/{draft.pk}/publish/", by=campus.organizer)
        door.sync()
        assert door.journal.waiting() == []
        with campus.here():
            stored = list(Scan.objects.filter(scanner_id=enrolment["scanner"]["id"]))
            assert sorted(scan.sequence for scan in stored if scan.door == "offline" and scan.sequence) == [
                *range(1, len(shown))
            ]
            assert len(stored) == len(door.journal.scans)
            assert all(scan.time_corrected and now() - scan.effective_at < timedelta(minutes=2) for scan in stored)
            assert Attendance.objects.count() == 6

        killed_at_the_door(server, campus, open_, tmp_path / "second")

        # Revoked: it stops, and nothing of it is left.
        post(server, f"scanners/{enrolment['scanner']['id']}/revoke/", {"reason": "lost"}, by=campus.organizer)
        with pytest.raises(example.Ended):
            door.scan(pass_of(campus.friend), str(open_.pk))
        assert not door.directory.exists()


def refuses_what_is_not_signed(door: Any, example: ModuleType) -> None:
    before, get = door.manifest, door.get

    def altered(*asked: Any) -> Any:
        answer = get(*asked)
        answer["manifest"]["events"][0]["invited_campuses"] = None
        return answer

    door.get = altered
    with pytest.raises(example.InvalidSignature):
        door.fetch_manifest()
    del door.get
    assert door.manifest == before


def killed_at_the_door(server: LiveServer, campus: Site, event: Event, directory: Path) -> None:
    """Run the program as it is; kill it after its answer, tear its last line, and send what it kept."""
    body = {"name": "Gym, right door", "event_ids": [str(event.pk)]}
    enrolment = post(server, "scanners/", body, by=campus.organizer)

    def run(*arguments: str, address: str = f"127.0.0.1:{server.port}", said: str = "") -> subprocess.CompletedProcess:
        command = [sys.executable, str(PROGRAM), str(directory), *arguments, "--address", address]
        return subprocess.run(command, input=said, capture_output=True, text=True, timeout=30, check=False)

    assert run("enrol", said=enrolment["text"]).returncode == 0
    assert run("sync").returncode == 0
    command = [sys.executable, str(PROGRAM), str(directory), "run", str(event.pk), "--address", NOBODY]
    door = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert door.stdin is not None
    assert door.stdout is not None
    door.stdin.write(pass_of(campus.friend).encode() + b"\n")
    door.stdin.flush()
    assert json.loads(door.stdout.readline())["outcome"] == "recorded"
    door.kill()
    door.communicate()
    with (directory / "scans.jsonl").open("ab") as journal:
        journal.write(b'{"scan": {"scan_id": "torn')
    assert run("sync", address=NOBODY).returncode == 75
    assert run("sync").returncode == 0
    with campus.here():
        (scan,) = Scan.objects.filter(scanner_id=enrolment["scanner"]["id"])
        assert (scan.user_id, scan.outcome, scan.sequence) == (campus.friend.id, "recorded", 1)
        assert Scanner.objects.get(pk=enrolment["scanner"]["id"]).queue_depth == 0
