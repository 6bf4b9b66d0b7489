"""Seals: what is committed is sealed, and whatever is altered afterwards is named."""

import hashlib
import random
import threading
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, connections, transaction

from shared_apps.common.clock import now
from shared_apps.common.ids import uuid7
from shared_apps.federation.models import SealHead
from tenant_apps.attendance.models import Attendance, AttendanceRequest, Correction, Scan, Seal
from tenant_apps.attendance.rules.scans import Method
from tenant_apps.attendance.rules.seals import (
    COLUMNS,
    FIRST,
    LATEST,
    digest_row,
    digest_seal,
    is_late,
    split_digests,
)
from tenant_apps.attendance.selectors.seals import MODELS
from tenant_apps.attendance.services import seals
from tenant_apps.attendance.services.corrections import undo_attendance
from tenant_apps.attendance.services.recording import record_scan
from tenant_apps.attendance.services.seals import seal_campus, seal_event
from tenant_apps.attendance.services.verdicts import ScanRequest
from tenant_apps.attendance.tasks import seal_events
from tenant_apps.events.models import Event
from tenants.context import owner_context
from tests.cast import Cast, Person, Site
from tests.factories import make_event
from tests.tenant_apps.attendance.test_races import together
from tests.tenant_apps.attendance.test_requests import correction, session_of


def scan(site: Site, event: Event, person: Person, *, at: datetime | None = None) -> UUID:
    """Record one scan; return its id."""
    request = ScanRequest(event_id=event.pk, method=Method.USER, value=str(person.id))
    with site.here():
        return UUID(record_scan(by=site.scanner.user, at=at or now(), scan=request).body["scan"]["id"])


def verify(*arguments: str) -> tuple[bool, str]:
    """Run the command; return whether all is as it was sealed, and what was said."""
    out = StringIO()
    try:
        call_command("verify_ledger", *arguments, stdout=out)
    except CommandError as error:
        return False, f"{out.getvalue()}{error}"
    return True, out.getvalue()


def owner(site: Site, statement: str, values: list[Any] | None = None) -> None:
    """Do as the database's owner what no login of a campus may."""
    with owner_context(site.campus.schema_name), connection.cursor() as cursor:
        cursor.execute(statement, values)
        assert cursor.rowcount != 0


@pytest.fixture
def sealed(cast: Cast) -> Event:
    """Three seals of an event of Malimono, and one of Del Carmen: scans, a correction, a decided request."""
    site = cast.malimono
    event = make_event(site)
    for number, person in enumerate((site.student, site.friend, site.organizer)):
        scan(site, event, person)
        if number == 1:
            with site.here():
                row = Attendance.objects.get(user=site.student.user)
                undo_attendance(by=site.admin.user, at=now(), attendance_id=row.pk, reason="the wrong card")
        if number == 2:
            with site.here():
                AttendanceRequest.objects.create(
                    kind="excuse", event=event, user=site.student.user, wanted_status="excused", reason="ill",
                    requested_at=now(), decide_by=now(), state="declined", decided_at=now(), decision_reason="late",
                )  # fmt: skip
        with site.here():
            assert seal_campus(at=now()) == 1
    other = make_event(cast.delcarmen)
    scan(cast.delcarmen, other, cast.delcarmen.student)
    with cast.delcarmen.here():
        assert seal_campus(at=now()) == 1
    return event


def test_every_column_is_sealed() -> None:
    for kind, model in MODELS.items():
        assert set(COLUMNS[kind]) == {field.attname for field in model._meta.concrete_fields}


def test_the_form_is_the_documented_one_for_ever() -> None:
    one, two = UUID(int=1), UUID(int=2)
    values = {
        "id": one, "attendance_id": two, "from_status": "present", "to_status": "void", "reason": "Ñ \u20b1",
        "decided_by_id": None, "decided_at": datetime(2026, 3, 2, 8, tzinfo=UTC),
    }  # fmt: skip
    digest = digest_row("correction", values)
    seal = digest_seal(
        event_id=two, number=1, sealed_at=datetime(2026, 3, 2, 9, tzinfo=UTC), previous=FIRST,
        rows=[("correction", one, digest)],
    )  # fmt: skip

    row_text = (
        '["correction","00000000-0000-0000-0000-000000000001","00000000-0000-0000-0000-000000000002","present","void",'
        '"\\u00d1 \\u20b1",null,"2026-03-02T08:00:00.000000+00:00"]'
    )
    seal_text = (
        "EAS seal 1\n00000000-0000-0000-0000-000000000002\n1\n2026-03-02T09:00:00.000000+00:00\n" + "0" * 64 + "\n"
        f"correction 00000000-0000-0000-0000-000000000001 {digest.hex()}\n"
    )
    assert digest == hashlib.sha256(row_text.encode("ascii")).digest()
    assert seal == hashlib.sha256(seal_text.encode("ascii")).digest()
    assert split_digests(digest + seal) == [digest, seal]


@pytest.mark.parametrize(
    ("known", "last", "expected"),
    [
        (timedelta(0), None, False),
        (timedelta(0), LATEST, False),
        (timedelta(0), LATEST + timedelta(microseconds=1), True),
        (LATEST * 2, LATEST, False),
    ],
)
def test_what_came_too_late(known: timedelta, last: timedelta | None, expected: bool) -> None:
    start = datetime(2026, 3, 2, 8, tzinfo=UTC)
    assert is_late(start + known, last_sealed_at=start + last if last is not None else None) is expected


def test_what_is_committed_is_sealed_and_remembered_once(cast: Cast, sealed: Event) -> None:
    site = cast.malimono
    with site.here():
        rows = list(Seal.objects.filter(event=sealed).order_by("number"))
        assert [(len(row.scan_ids), len(row.correction_ids), len(row.request_ids)) for row in rows] == [
            (1, 0, 0), (1, 1, 0), (1, 0, 1),
        ]  # fmt: skip
        heads = SealHead.objects.order_by("number").values_list("campus", "event_id", "number", "digest", "sealed_at")
        assert [(*head[:3], bytes(head[3]), head[4]) for head in heads] == [
            ("MALIMONO", sealed.pk, row.number, bytes(row.digest), row.sealed_at) for row in rows
        ]
        assert seal_campus(at=now()) == 0
    clean, said = verify()
    assert clean
    assert said.count("as sealed;") == 2
    assert "5 rows in 3 seals, 0 not sealed yet" in said


def test_what_is_not_sealed_yet_is_counted(cast: Cast, sealed: Event) -> None:
    scan(cast.malimono, sealed, cast.malimono.admin)

    clean, said = verify("--campus", "malimono", "--event", str(sealed.pk))

    assert clean
    assert "5 rows in 3 seals, 1 not sealed yet" in said


ALTERED = [
    "UPDATE attendance_scan SET outcome = 'refused' WHERE id = %s",
    "UPDATE attendance_scan SET effective_at = effective_at - interval '1 microsecond' WHERE id = %s",
    "UPDATE attendance_scan SET answer = jsonb_set(answer, '{person,display_name}', '\"Eve\"') WHERE id = %s",
    "UPDATE attendance_scan SET operator_id = gen_random_uuid() WHERE id = %s",
    "UPDATE attendance_scan SET reason = ' ' WHERE id = %s",
]


@pytest.mark.parametrize("statement", ALTERED)
def test_an_altered_scan_is_named(cast: Cast, sealed: Event, statement: str) -> None:
    with cast.malimono.here():
        first = Seal.objects.get(number=2).scan_ids[0]
    owner(cast.malimono, statement, [first])

    clean, said = verify()

    assert not clean
    assert f"scan {first}: altered (seal 2)" in said
    assert "1 of 2 events are not as they were sealed" in said
    assert verify("--campus", "delcarmen")[0]


@pytest.mark.parametrize(
    ("model", "column", "table", "change", "number"),
    [
        (Correction, "correction_ids", "attendance_correction", "reason = 'x'", 2),
        (AttendanceRequest, "request_ids", "attendance_attendancerequest", "state = 'approved'", 3),
    ],
)
def test_an_altered_decision_is_named(
    cast: Cast, sealed: Event, model: type, column: str, table: str, change: str, number: int
) -> None:
    with cast.malimono.here():
        row = getattr(Seal.objects.get(number=number), column)[0]
    owner(cast.malimono, f"UPDATE {table} SET {change} WHERE id = %s", [row])

    clean, said = verify()

    assert not clean
    assert f"{row}: altered (seal {number})" in said


def test_a_missing_scan_is_named(cast: Cast, sealed: Event) -> None:
    with cast.malimono.here():
        gone = Seal.objects.get(number=1).scan_ids[0]
    owner(cast.malimono, "DELETE FROM attendance_scan WHERE id = %s", [gone])

    clean, said = verify()

    assert not clean
    assert f"scan {gone}: missing (seal 1)" in said


def copy_scan(site: Site, *, received_at: datetime) -> UUID:
    new = uuid7()
    columns = [name for name in COLUMNS["scan"] if name not in {"id", "scan_id", "received_at"}]
    owner(
        site,
        f"INSERT INTO attendance_scan (id, received_at, {', '.join(columns)}) "
        f"SELECT %s, %s, {', '.join(columns)} FROM attendance_scan ORDER BY id LIMIT 1",
        [new, received_at],
    )
    return new


def test_a_scan_that_was_put_there_with_an_old_time_is_named_and_never_sealed(cast: Cast, sealed: Event) -> None:
    added = copy_scan(cast.malimono, received_at=now() - LATEST - timedelta(minutes=1))

    clean, said = verify()

    assert not clean
    assert f"scan {added}: added after its time was sealed (no seal)" in said
    with cast.malimono.here():
        assert seal_campus(at=now() + timedelta(hours=2)) == 0  # also by a sweep
    assert verify()[0] is False


def test_a_scan_in_a_seals_list_that_was_put_there_is_named(cast: Cast, sealed: Event) -> None:
    added = copy_scan(cast.malimono, received_at=now() - LATEST * 2)
    owner(cast.malimono, "UPDATE attendance_seal SET scan_ids = scan_ids || %s::uuid WHERE number = 1", [added])

    clean, said = verify()

    assert not clean
    assert "the seal was altered (seal 1)" in said


def reseal(site: Site, event: Event) -> None:
    """Make every seal of an event anew over the rows as they are now, as somebody would who knows how."""
    with site.here():
        rows = list(Seal.objects.filter(event=event).order_by("number"))
        previous = FIRST
        made = []
        for row in rows:
            parts = []
            for kind, ids in (
                ("scan", row.scan_ids), ("correction", row.correction_ids), ("request", row.request_ids),
            ):  # fmt: skip
                for pk in ids:
                    values = MODELS[kind]._default_manager.filter(pk=pk).values(*COLUMNS[kind]).get()
                    parts.append((kind, pk, digest_row(kind, values)))
            previous = digest_seal(
                event_id=event.pk, number=row.number, sealed_at=row.sealed_at, previous=previous, rows=parts
            )
            made.append((previous, b"".join(part[2] for part in parts), row.pk))
    for digest, joined, pk in made:
        owner(site, "UPDATE attendance_seal SET digest = %s, row_digests = %s WHERE id = %s", [digest, joined, pk])


def test_a_seal_that_was_made_anew_is_betrayed_by_the_public_schema(cast: Cast, sealed: Event) -> None:
    with cast.malimono.here():
        first = Seal.objects.get(number=2).scan_ids[0]
    owner(cast.malimono, ALTERED[0], [first])
    reseal(cast.malimono, sealed)

    clean, said = verify()

    assert not clean
    assert "the seal was made anew: the public schema remembers another (seal 2)" in said


@pytest.mark.parametrize(
    "change",
    ["sealed_at = sealed_at - interval '1 second'", "digest = decode(repeat('00', 32), 'hex')", "row_digests = ''"],
)
def test_an_altered_seal_is_named(cast: Cast, sealed: Event, change: str) -> None:
    owner(cast.malimono, f"UPDATE attendance_seal SET {change} WHERE number = 2")

    clean, said = verify()

    assert not clean
    assert "the seal was altered (seal 2)" in said


def test_a_seal_that_the_public_schema_does_not_remember_is_named(cast: Cast, sealed: Event) -> None:
    owner(cast.malimono, "DELETE FROM public.federation_sealhead WHERE number = 3 AND campus = 'MALIMONO'")

    clean, said = verify()

    assert not clean
    assert "the public schema does not remember this seal (seal 3)" in said


def test_a_backup_older_than_the_head_is_told_and_sealing_goes_on(cast: Cast, sealed: Event) -> None:
    site = cast.malimono
    with site.here():
        lost = Seal.objects.get(number=3)
    owner(site, "DELETE FROM attendance_scan WHERE id = %s", [lost.scan_ids[0]])
    owner(site, "DELETE FROM attendance_seal WHERE number = 3")

    clean, said = verify()
    scan(site, sealed, site.admin)
    with site.here():
        assert seal_campus(at=now()) == 1
        assert list(Seal.objects.order_by("number").values_list("number", flat=True)) == [1, 2, 4]
    after = verify()

    assert not clean
    assert "the seals 3 to 3 are gone: the campus was restored from an older backup" in said
    assert not after[0]
    assert after[1].count("\n  ") == 1  # and nothing else: the chain goes on from what is remembered
    with site.here():
        newest = Seal.objects.get(number=4).scan_ids[0]
    owner(site, ALTERED[0], [newest])
    assert f"scan {newest}: altered (seal 4)" in verify()[1]


def test_what_commits_late_is_sealed_late_and_all_stays_clean(cast: Cast) -> None:
    """A transaction that began before a seal was made, with an earlier id and time, commits after it."""
    site = cast.malimono
    event = make_event(site)
    written, sealed = threading.Event(), threading.Event()
    late: list[UUID] = []

    def door() -> None:
        with site.here(), transaction.atomic():
            late.append(scan(site, event, site.student))
            written.set()
            sealed.wait(20)
        connections.close_all()

    thread = threading.Thread(target=door)
    thread.start()
    assert written.wait(20)
    early = scan(site, event, site.friend)
    with site.here():
        assert seal_campus(at=now()) == 1
    sealed.set()
    thread.join()
    assert "1 rows in 1 seals, 1 not sealed yet" in verify()[1]
    with site.here():
        assert seal_campus(at=now() + LATEST - timedelta(minutes=1)) == 1
        assert [row.scan_ids for row in Seal.objects.order_by("number")] == [[early], late]
        assert seal_campus(at=now() + LATEST) == 0
    assert verify()[0]


def test_turns_that_were_missed_lose_nothing(cast: Cast) -> None:
    """Hours without a worker: the next sweep seals everything since the last seal, and calls nothing late."""
    site = cast.malimono
    event = make_event(site)
    start = now()
    scan(site, event, site.student, at=start)
    with site.here():
        assert seal_campus(at=start) == 1
        scan(site, event, site.friend, at=start + timedelta(minutes=40))
        scan(site, event, site.organizer, at=start + timedelta(minutes=90))
        assert seal_campus(at=start + timedelta(hours=30)) == 1
    clean, said = verify()
    assert clean, said
    assert "3 rows in 2 seals, 0 not sealed yet" in said


def test_eight_that_seal_at_once_make_each_seal_once(cast: Cast) -> None:
    site = cast.malimono
    events = [make_event(site, title=f"Event {number}") for number in range(3)]
    for event in events:
        for person in (site.student, site.friend):
            scan(site, event, person)

    def work(number: int) -> None:
        for event in random.Random(number).sample(events, 3):
            with site.here():
                seal_event(event_id=event.pk, at=now())

    assert together(8, work) == []
    with site.here():
        assert sorted(Seal.objects.values_list("event_id", "number")) == sorted((event.pk, 1) for event in events)
    assert verify()[0]


def test_sealing_while_doors_scan_and_staff_undo(cast: Cast) -> None:
    site = cast.malimono
    event = make_event(site)

    def work(number: int) -> None:
        for person in (site.student, site.friend, site.organizer, site.admin, site.other_organizer):
            if number < 2:
                with site.here():
                    seal_event(event_id=event.pk, at=now())
            elif number == 2:
                with site.here():
                    row = Attendance.objects.exclude(status="void").exclude(user=site.admin.user).first()
                    if row is not None:
                        undo_attendance(by=site.admin.user, at=now(), attendance_id=row.pk, reason="wrong")
            else:
                scan(site, event, person)

    raised = [error for error in together(6, work) if type(error).__name__ != "AlreadyVoid"]

    assert raised == []
    with site.here():
        seal_event(event_id=event.pk, at=now())
        held = [pk for row in Seal.objects.all() for pk in row.scan_ids + row.correction_ids]
        there = {*Scan.objects.values_list("pk", flat=True), *Correction.objects.values_list("pk", flat=True)}
    assert len(held) == len(set(held))
    assert set(held) == there
    assert verify()[0]


@pytest.mark.parametrize("dies_at", ["_SEAL", "_HEAD"])
def test_killed_in_between_neither_seal_nor_head_is_there(
    cast: Cast, monkeypatch: pytest.MonkeyPatch, dies_at: str
) -> None:
    site = cast.malimono
    event = make_event(site)
    scan(site, event, site.student)
    statement = getattr(seals, dies_at)
    with monkeypatch.context() as patch, site.here():
        patch.setattr(seals, dies_at, f"{statement}; SELECT pg_terminate_backend(pg_backend_pid())")
        with pytest.raises(Exception, match=r"terminat|closed"):
            seal_event(event_id=event.pk, at=now())
    with site.here():
        assert Seal.objects.count() == SealHead.objects.count() == 0
        assert seal_event(event_id=event.pk, at=now()) == 1
    assert verify()[0]


def test_a_large_event_is_sealed_in_parts_all_or_nothing(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    site = cast.malimono
    event = make_event(site)
    for person in (site.student, site.friend, site.organizer, site.admin, site.scanner):
        scan(site, event, person)
    monkeypatch.setattr(seals, "_MOST_ROWS", 2)
    with site.here():
        assert seal_event(event_id=event.pk, at=now()) == 3
        assert [len(row.scan_ids) for row in Seal.objects.order_by("number")] == [2, 2, 1]
    assert verify()[0]


def test_the_task_seals_the_campus_in_which_it_stands(cast: Cast) -> None:
    for site in (cast.malimono, cast.delcarmen):
        scan(site, make_event(site), site.student)
    with cast.malimono.here():
        seal_events.run()
        assert Seal.objects.count() == 1
    with cast.delcarmen.here():
        assert Seal.objects.count() == 0


def test_drafts_are_not_sealed_so_that_they_can_be_deleted(cast: Cast, http: Any) -> None:
    site = cast.malimono
    draft = make_event(site, status="draft")
    body = {"event_id": str(draft.pk), "user_id": str(site.student.id)}
    assert http.post("events/attendance/mark_attendance/", body, by=site.organizer).status_code == 422
    with site.here():
        assert seal_campus(at=now()) == 0
    assert http.delete(f"events/events/{draft.pk}/", by=site.organizer).status_code == 204


def test_an_event_decided_on_through_the_api_is_sealed(cast: Cast, http: Any) -> None:
    site = cast.malimono
    event = make_event(site)
    body = correction(event, session_of(site, event))
    made = http.post("events/attendance-requests/", body, by=site.student).json()["id"]
    assert http.post(f"events/attendance-requests/{made}/approve/", {}, by=site.admin).status_code == 200
    with site.here():
        assert seal_campus(at=now()) == 1
        seal = Seal.objects.get()
        assert (len(seal.correction_ids), [str(pk) for pk in seal.request_ids]) == (1, [made])
    assert verify()[0]


@pytest.mark.parametrize("arguments", [("--campus", "NOWHERE"), ("--event", str(UUID(int=7)))])
def test_what_is_unknown_is_told(cast: Cast, arguments: tuple[str, str]) -> None:
    assert verify(*arguments)[0] is False


def test_a_number_is_given_once(cast: Cast, sealed: Event) -> None:
    with (
        cast.malimono.here(),
        pytest.raises(IntegrityError, match="attendance_seal_number_once"),
        transaction.atomic(),
    ):
        Seal.objects.create(event=sealed, number=1, digest=b"x" * 32, sealed_at=now())


HEAD = (
    "INSERT INTO public.federation_sealhead (event_id, campus, number, digest, sealed_at) "
    "VALUES ('{event}', '{campus}', {number}, '\\x00', now())"
)


@pytest.mark.parametrize(
    ("campus", "statement"),
    [
        ("malimono", "UPDATE public.federation_sealhead SET digest = '\\x00'"),
        ("malimono", "UPDATE public.federation_sealhead SET number = number - 1"),
        ("malimono", "DELETE FROM public.federation_sealhead"),
        ("malimono", "TRUNCATE public.federation_sealhead"),
        ("malimono", HEAD.replace("{campus}", "MALIMONO").replace("{number}", "3")),
        ("malimono", HEAD.replace("{campus}", "MALIMONO").replace("{number}", "2")),
        ("malimono", HEAD.replace("{campus}", "MALIMONO").replace("{number}", "0")),
        ("malimono", HEAD.replace("{campus}", "MALIMONO").replace("{number}", "3") + " ON CONFLICT (event_id, campus, number) DO UPDATE SET digest = EXCLUDED.digest"),
        ("delcarmen", HEAD.replace("{campus}", "MALIMONO").replace("{number}", "4")),
        ("delcarmen", "DELETE FROM public.federation_sealhead"),
        ("malimono", "UPDATE attendance_seal SET digest = '\\x00'"),
        ("malimono", "DELETE FROM attendance_seal"),
    ],
)  # fmt: skip
def test_a_campus_login_neither_lowers_nor_changes_what_was_sealed(
    cast: Cast, sealed: Event, campus: str, statement: str
) -> None:
    def rows() -> list[Any]:
        with owner_context("c_malimono"), connection.cursor() as cursor:
            cursor.execute("SELECT t::text FROM public.federation_sealhead t ORDER BY 1")
            heads = cursor.fetchall()
            cursor.execute("SELECT t::text FROM attendance_seal t ORDER BY 1")
            return heads + cursor.fetchall()

    before = rows()
    with (
        getattr(cast, campus).here(),
        connection.cursor() as cursor,
        pytest.raises(Exception, match=r"denied|row-level|duplicate"),
    ):
        cursor.execute(statement.replace("{event}", str(sealed.pk)))
    assert rows() == before


def test_heads_of_other_campuses_are_not_seen(cast: Cast, sealed: Event) -> None:
    with cast.delcarmen.here():
        assert set(SealHead.objects.values_list("campus", flat=True)) == {"DELCARMEN"}
    with cast.snsu.here():
        assert SealHead.objects.count() == 0
