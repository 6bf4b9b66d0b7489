"""events/attendance/imports/: scans that were written down elsewhere."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.client import MULTIPART_CONTENT
from django.test.utils import CaptureQueriesContext

from shared_apps.accounts.models import User
from shared_apps.common.clock import now
from shared_apps.outbox.models import OutboxMessage
from tenant_apps.attendance.models import Attendance, Scan, ScanImport
from tenant_apps.attendance.rules.imports import derive_scan_id, read_moment
from tenant_apps.attendance.services import imports
from tenant_apps.attendance.services.imports import queue_scan_import, run_import
from tenant_apps.attendance.tasks import run_scan_import
from tenant_apps.events.models import Event
from tests.cast import Cast, Http, Person, Site
from tests.factories import make_event, make_session, make_shared_event, pass_of
from tests.isolation.world import codes
from tests.shared_apps.accounts.test_rosters import as_xlsx, bomb

IMPORTS = "events/attendance/imports/"
DAYS = 24 * 60
MANILA = ZoneInfo("Asia/Manila")


def hand_in(http: Http, site: Site, event: Event, content: bytes | str, by: Any = None, **fields: Any) -> Any:
    raw = content.encode() if isinstance(content, str) else content
    body = {"file": SimpleUploadedFile("scans.csv", raw), "event_id": str(event.pk), **fields}
    return http.post(IMPORTS, body, by=by or site.organizer, content_type=MULTIPART_CONTENT)


def work_off(site: Site) -> None:
    """Do what the worker does with every file that waits."""
    with site.here():
        for message in OutboxMessage.objects.filter(kind=imports.TASK, finished_at=None):
            run_scan_import.run(message_id=str(message.pk), **message.payload)


def bring_in(http: Http, site: Site, event: Event, content: bytes | str, **fields: Any) -> dict[str, Any]:
    """Hand a file in, work it off, and return what is said of it."""
    queued = hand_in(http, site, event, content, **fields)
    assert queued.status_code == 202, queued.content
    work_off(site)
    return http.get(f"{IMPORTS}{queued.json()['id']}/", by=site.admin).json()


def counts(done: dict[str, Any]) -> tuple[int, ...]:
    assert done["state"] == "done", done
    assert done["processed"] == done["total"]
    return tuple(done[name] for name in ("recorded", "duplicates", "refused", "failed"))


def said(done: dict[str, Any]) -> list[tuple[int, str, str]]:
    return [(row["row"], row["outcome"], row["code"]) for row in done["results"]]


def wall(moment: datetime) -> str:
    return moment.astimezone(MANILA).strftime("%Y-%m-%d %H:%M:%S")


def rows(site: Site) -> tuple[int, int]:
    with site.here():
        return Attendance.objects.count(), Scan.objects.count()


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-05 08:05", "2026-01-05T00:05:00"),
        ("2026-01-05 08:05:30", "2026-01-05T00:05:30"),
        (" 2026-01-05T08:05:30.5 ", "2026-01-05T00:05:30.500000"),
        ("2026-01-05T08:05:30.1234567Z", "2026-01-05T08:05:30.123456"),
        ("2026-01-05T08:05+02:00", "2026-01-05T06:05:00"),
        ("2026-01-05 08:05 +0800", "2026-01-05T00:05:00"),
        ("2026-01-05", None),
        ("05/01/2026 08:05", None),
        ("2026-13-05 08:05", None),
        ("2026-01-05 25:05", None),
        ("1999-12-31 08:05", None),
        ("9999-12-31 23:59", None),
        ("0001-01-01T00:00+14:00", None),
        ("٢٠٢٦-01-05 08:05", None),
        ("46027.3368", None),
        ("", None),
    ],
)
def test_how_a_time_is_written(text: str, moment: str | None) -> None:
    wanted = moment and datetime.fromisoformat(moment).replace(tzinfo=UTC)

    assert read_moment(text, MANILA) == wanted


def test_scan_ids_follow_from_their_parts_alone() -> None:
    file = uuid4()

    assert derive_scan_id(file, 2) == derive_scan_id(file, 2)
    assert len({derive_scan_id(file, 2), derive_scan_id(file, 3), derive_scan_id(uuid4(), 2)}) == 3
    assert (derive_scan_id(file, 2).version, derive_scan_id(file, 2).variant) == (8, UUID(int=0x8 << 60).variant)


def test_a_file_of_last_week_counts_by_its_times(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event = make_event(campus, starts=-9 * DAYS)
    begins = now() - timedelta(days=9)
    content = (
        "Student No.,scanned_at,direction,reason,Colour\n"
        f"2024-0001,{wall(begins + timedelta(minutes=100))},out,,red\n"
        f"2024-0001,{wall(begins)},in,paper list,red\n"
        f"2024-0002,{(begins + timedelta(minutes=40)).isoformat()},,,red\n"
    )

    done = bring_in(http, campus, event, content)

    assert counts(done) == (3, 0, 0, 0)
    assert [row["status"] for row in done["results"]] == ["left_early", "present", "late"]
    with campus.here():
        ana = Attendance.objects.get(user_id=campus.student.id)
        assert (ana.status, ana.method, ana.operator_id) == ("left_early", "student_id", campus.organizer.id)
        assert abs(ana.first_in_at - begins) < timedelta(seconds=1)
        scans = Scan.objects.order_by("effective_at")
        assert {(scan.door, scan.time_corrected) for scan in scans} == {("file", False)}
        assert [scan.reason for scan in scans] == ["paper list", "", ""]
        assert all(scan.captured_at == scan.effective_at for scan in scans)
        assert ScanImport.objects.get().content is None
    assert rows(cast.delcarmen) == (0, 0)


def test_the_same_file_again_duplicates_nothing(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event = make_event(campus, starts=-3 * DAYS)
    begins = now() - timedelta(days=3)
    lines = [("2024-0001", 0, "in"), ("2024-0001", 90, "out"), ("2024-0002", 5, "in")]
    content = "student_id,scanned_at,direction\n" + "".join(
        f"{who},{wall(begins + timedelta(minutes=minutes))},{way}\n" for who, minutes, way in lines
    )
    columns = ("id", "user_id", "status", "first_in_at", "last_out_at", "stayed")

    bring_in(http, campus, event, content)
    with campus.here():
        before = list(Attendance.objects.order_by("id").values(*columns))
    again = bring_in(http, campus, event, content)

    assert counts(again)[2:] == (0, 0)
    with campus.here():
        assert list(Attendance.objects.order_by("id").values(*columns)) == before


def test_wrong_rows_never_stop_the_others(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event = make_event(campus, starts=-2 * DAYS)
    then = wall(now() - timedelta(days=2))
    with campus.here():
        Event.objects.filter(pk=event.pk).update(allows_guests=True)
    mine, foreign = str(campus.student.id), str(cast.delcarmen.friend.id)
    lines = [
        f"{then},,,{foreign},,,,",
        f"{then},9999,,,,,,",
        f"{then},,nonsense,,,,,",
        f"{then},2024-0001,,{mine},,,,",
        f"{then},,,,,,,",
        "yesterday,2024-0001,,,,,,",
        f"{wall(now() + timedelta(days=1))},2024-0001,,,,,,",
        f"{then},2024-0001,,,sideways,,,",
        f"{then},2024-0001,,,,Evening,,",
        f"{then},2024-0001,,,,{uuid4()},,",
        f"{then},2024-0001,,,,,abc,",
        f"{then},2024-0001,,,,,,{'x' * 501}",
        f"{then},{'1' * 21},,,,,,",
        f"{then},,,not-an-id,,,,",
        f"{then},2024-0002\x00,,,,,,",
        f"{wall(now() - timedelta(days=6))},2024-0001,,,,,,",
        f"{then},2024-0002,,,out,,,",
        f"{then},,,{mine},,session 1,,fine",
        f"{then},2024-0001,,,,,,twice",
    ]
    content = "scanned_at,student_id,pass,user_id,direction,session,scan_id,reason\n" + "\n".join(lines) + "\n"

    dry = bring_in(http, campus, event, content, dry_run="true")
    assert rows(campus) == (0, 0)
    done = bring_in(http, campus, event, content)

    assert said(done) == [
        (2, "refused", "unknown_person"), (3, "refused", "unknown_person"), (4, "refused", "unknown_pass"),
        (5, "failed", "identify_person"), (6, "failed", "identify_person"), (7, "failed", "invalid"),
        (8, "failed", "in_the_future"), (9, "failed", "invalid_choice"), (10, "failed", "unknown_session"),
        (11, "refused", "unknown_session"), (12, "failed", "invalid"), (13, "failed", "max_length"),
        (14, "failed", "max_length"), (15, "failed", "invalid"), (16, "failed", "control_characters"),
        (17, "refused", "session_closed"), (18, "refused", "not_checked_in"), (19, "recorded", "recorded"),
        (20, "duplicate", "duplicate"),
    ]  # fmt: skip
    assert counts(done) == counts(dry) == (1, 1, 6, 11)
    assert dry["results"] == done["results"]
    assert (dry["dry_run"], done["dry_run"]) == (True, False)
    assert all(row["detail"] for row in done["results"])
    assert [row["attr"] for row in done["results"] if row["row"] in {7, 9, 10}] == [
        "scanned_at", "direction", "session",
    ]  # fmt: skip
    assert rows(campus) == (1, 8)


def test_xlsx_passes_visitors_and_sessions_of_the_same_name(cast: Cast, http: Http) -> None:
    host, home = cast.delcarmen, cast.malimono
    event = make_shared_event(host, home, starts=-30)
    with host.here():
        first = event.sessions.get()
        event.sessions.update(name="Talk")
        later = make_session(event, now() - timedelta(days=1), name="talk")
    then = (now() - timedelta(days=1)).astimezone(MANILA).replace(tzinfo=None, microsecond=0)
    table = [
        ["Pass", "Time", "Session"],
        [pass_of(home.student), then, str(later.pk)],
        [pass_of(host.student), then, ""],
        [pass_of(host.friend), then, "Talk"],
        [pass_of(host.friend), then, str(first.pk)],
    ]

    done = bring_in(http, host, event, as_xlsx(table))

    assert said(done) == [
        (2, "recorded", "recorded"), (3, "recorded", "recorded"), (4, "failed", "session_ambiguous"),
        (5, "refused", "session_closed"),
    ]  # fmt: skip
    with host.here():
        assert Attendance.objects.filter(session=later).count() == 2


def test_completed_events_refuse_and_keep_the_refusals(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event = make_event(campus, starts=-2 * DAYS, status="completed")

    done = bring_in(
        http, campus, event, f"student_id,scanned_at\n2024-0001,{wall(now() - timedelta(days=2))}\n"
    )  # fmt: skip

    assert said(done) == [(2, "refused", "event_completed")]
    assert rows(campus) == (0, 1)


def test_who_may_send_and_see_files(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event, foreign = make_event(campus), make_event(cast.delcarmen)
    draft = make_event(campus, status="draft", organizer=campus.other_organizer)
    content = f"student_id,scanned_at\n2024-0001,{wall(now())}\n"

    for by, wanted, status, code in (
        (campus.student, event, 403, "permission_denied"),
        (campus.scanner, event, 403, "permission_denied"),
        (campus.other_organizer, event, 403, "not_your_event"),
        (campus.organizer, draft, 404, "not_found"),
        (campus.admin, foreign, 404, "not_found"),
    ):
        answer = hand_in(http, campus, wanted, content, by=by)
        assert (answer.status_code, codes(answer)) == (status, [code])
    done = bring_in(http, campus, event, content)
    path = f"{IMPORTS}{done['id']}/"
    for by, status in ((campus.organizer, 200), (campus.other_organizer, 404), (cast.delcarmen.admin, 404)):
        assert http.get(path, by=by).status_code == status
        assert len(http.get(IMPORTS, by=by).json()["results"]) == (1 if status == 200 else 0)
    (listed,) = http.get(IMPORTS, by=campus.admin, event=str(event.pk), state="done").json()["results"]
    assert "results" not in listed
    assert listed["id"] == done["id"]
    assert http.get(IMPORTS, by=campus.admin, state="failed").json()["results"] == []


def test_a_super_admin_who_acts_here_sends_files_too(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event = make_event(campus)
    grants = f"campus/campuses/{campus.campus.id}/grants/"
    grant = http.post(grants, {"reason": "help", "may_write": True}, by=cast.super_admin).json()["grant"]
    acting = Person(user=cast.super_admin.user, site=campus, token=http.post(
        "auth/act/", {"grant": grant}, at=campus).json()["token"])  # fmt: skip

    done = bring_in(http, campus, event, f"student_id,scanned_at\n2024-0001,{wall(now())}\n", by=acting)

    assert counts(done) == (1, 0, 0, 0)
    with campus.here():
        assert Scan.objects.get().operator_id == cast.super_admin.id


def test_whoever_may_no_more_has_nothing_recorded(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event = make_event(campus)
    queued = hand_in(http, campus, event, f"student_id,scanned_at\n2024-0001,{wall(now())}\n").json()
    assert (queued["state"], queued["total"], queued["processed"]) == ("queued", 1, 0)
    with campus.here():
        User.objects.filter(pk=campus.organizer.id).update(is_active=False)

    work_off(campus)

    failed = http.get(f"{IMPORTS}{queued['id']}/", by=campus.admin).json()
    assert (failed["state"], failed["error_code"], failed["results"]) == ("failed", "permission_denied", [])
    assert rows(campus) == (0, 0)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"\n\n", "empty_file"),
        (b"student_id,scanned_at\n", "empty_file"),
        (b"student_id\n2024-0001\n", "missing_columns"),
        (b"scanned_at\n2026-01-01 08:00\n", "missing_columns"),
        (b"\x00\x01\x02\xff\xfe", "unreadable_file"),
        (bomb(), "unreadable_file"),
        (b"user_id,scanned_at\n" + b"1,2\n" * 20_001, "too_many_rows"),
    ],
    ids=["blank", "header only", "no time", "nobody", "binary", "bomb", "too many"],
)
def test_unusable_files_are_refused_at_once(cast: Cast, http: Http, content: bytes, code: str) -> None:
    answer = hand_in(http, cast.malimono, make_event(cast.malimono), content)

    assert (answer.status_code, codes(answer)) == (400, [code])
    with cast.malimono.here():
        assert not ScanImport.objects.exists()
        assert not OutboxMessage.objects.exists()


def test_forms_that_are_none(cast: Cast, http: Http, settings: Any) -> None:
    campus = cast.malimono
    event = make_event(campus)
    content = f"student_id,scanned_at\n2024-0001,{wall(now())}\n"

    assert codes(hand_in(http, campus, event, content, colour="red")) == ["unknown_field"]
    assert codes(hand_in(http, campus, event, content, event_id="x")) == ["invalid"]
    assert codes(hand_in(http, campus, event, content, campus_id="DELCARMEN")) == ["campus_mismatch"]
    assert http.post(IMPORTS, {"event_id": str(event.pk)}, by=campus.admin).status_code == 415
    settings.IMPORT_LIMIT = 1000
    assert codes(hand_in(http, campus, event, content + "x" * 20_000)) == ["body_too_large"]
    with campus.here():
        assert not ScanImport.objects.exists()


def test_a_worker_that_was_killed_is_followed_by_another(
    cast: Cast, http: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "CHUNK", 5)  # of two rows each, two people fit
    campus = cast.malimono
    event = make_event(campus, starts=-2 * DAYS)
    begins = now() - timedelta(days=2)
    # Of each person the going stands before the coming, half a file apart.
    with campus.here():
        people = [User(username=f"p{one}", student_id=f"P-{one}", role="student") for one in range(6)]
        User.objects.bulk_create(people)
    lines = [(f"P-{one}", 90 + one, "out") for one in range(6)] + [(f"P-{one}", one, "in") for one in range(6)]
    content = "student_id,scanned_at,direction\n" + "".join(
        f"{who},{wall(begins + timedelta(minutes=minutes))},{way}\n" for who, minutes, way in lines
    )
    dry = bring_in(http, campus, event, content, dry_run="true")
    killed: list[UUID] = []

    def die_once(import_id: UUID) -> None:
        if rows(campus)[0] == 4 and not killed:
            killed.append(import_id)
            raise KeyboardInterrupt

    queued = hand_in(http, campus, event, content).json()
    with campus.here():
        with pytest.raises(KeyboardInterrupt):
            run_import(import_id=UUID(queued["id"]), clock=now, on_progress=die_once)
        assert ScanImport.objects.get(pk=queued["id"]).processed == 4
    assert rows(campus) == (4, 8)
    work_off(campus)
    work_off(campus)

    done = http.get(f"{IMPORTS}{queued['id']}/", by=campus.organizer).json()
    assert counts(done) == counts(dry) == (12, 0, 0, 0)
    assert done["results"] == dry["results"]
    assert [row["row"] for row in done["results"]] == list(range(2, 14))
    assert rows(campus) == (6, 12)


def test_two_workers_at_once_count_each_row_once(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "CHUNK", 1)
    campus = cast.malimono
    event = make_event(campus)
    content = "".join(f"2024-000{one},{wall(now())}\n" for one in (1, 2, 3))
    with campus.here():
        queued = queue_scan_import(
            by=campus.admin.user, at=now(), event_id=event.pk, file_name="s\u202e.csv", dry_run=False,
            content=f"student_id,scanned_at\n{content}".encode(),
        )  # fmt: skip
        calls: list[str] = []

        def dies_at_its_second(import_id: UUID) -> None:
            calls.append("other")
            if calls.count("other") == 2:
                raise KeyboardInterrupt

        def another_is_faster(import_id: UUID) -> None:
            calls.append("this")
            if calls.count("this") == 1:
                with pytest.raises(KeyboardInterrupt):
                    run_import(import_id=import_id, clock=now, on_progress=dies_at_its_second)

        done = run_import(import_id=queued.pk, clock=now, on_progress=another_is_faster)

        assert (done.state, done.processed, done.recorded, done.refused) == ("done", 3, 2, 1)
        assert [result["row"] for result in done.results] == [2, 3, 4]
        assert done.file_name == "s.csv"
    assert rows(campus) == (2, 3)


def test_many_rows_are_read_in_parts_at_the_same_cost(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event = make_event(campus, starts=-2 * DAYS)
    then = wall(now() - timedelta(days=2))
    costs = []
    for number in (3, 450, 1000):
        content = "student_id,scanned_at\n2024-0001," + then + "\n" + f"nobody,{then}\n" * (number - 1)
        queued = hand_in(http, campus, event, content).json()
        with campus.here(), CaptureQueriesContext(connection) as queries:
            run_import(import_id=UUID(queued["id"]), clock=now)
        costs.append(len(queries))
    path = f"{IMPORTS}{queued['id']}/"

    first = http.get(path, by=campus.organizer).json()
    rest = http.get(path, by=campus.organizer, after=first["next_after"], outcome="refused").json()
    duplicates = http.get(path, by=campus.organizer, outcome="duplicate").json()

    assert costs[0] == costs[1]
    assert (len(first["results"]), first["next_after"]) == (500, 501)
    assert (len(rest["results"]), rest["results"][0]["row"], rest["next_after"]) == (500, 502, None)
    assert said(duplicates) == [(2, "duplicate", "duplicate")]
    for query in ({"after": "x"}, {"after": "-1"}, {"outcome": "king"}):
        assert http.get(path, by=campus.organizer, **query).status_code == 400
