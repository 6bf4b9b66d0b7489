"""Rows by the million: what is copied is what the product would have written, and the table is as it was."""

from typing import Any
from uuid import UUID

import pytest
from django.db import connection

from bench.rows import SCANS_PER_ATTENDANCE, grow_events, grow_scans, grow_students
from shared_apps.accounts.models import Profile, User
from tenant_apps.attendance.models import Attendance, Scan
from tenant_apps.events.models import Event, Session
from tenants.context import owner_context
from tests.cast import Cast, Http
from tests.factories import make_event, pass_of

MARK = "events/attendance/mark_attendance/"
# Every index and constraint of a schema, and whether it is valid.
SHAPE = """
    SELECT c.relname, pg_get_indexdef(c.oid) FROM pg_class c WHERE c.relkind = 'i' AND c.relnamespace = %(s)s::regnamespace
    UNION ALL
    SELECT conname, pg_get_constraintdef(oid) || convalidated FROM pg_constraint WHERE connamespace = %(s)s::regnamespace
"""


def shape(cursor: Any, schema: str) -> set[tuple[str, str]]:
    cursor.execute(SHAPE, {"s": schema})
    return set(cursor.fetchall())


def test_people_events_and_scans_grow_in_one_campus_alone(cast: Cast, http: Http) -> None:
    campus, other = cast.malimono, cast.delcarmen
    event = make_event(campus)
    scan = {"event_id": str(event.pk), "pass": pass_of(campus.student)}
    assert http.post(MARK, scan, by=campus.scanner).status_code == 201
    with campus.here():
        schema = connection.standing.schema  # type: ignore[attr-defined]
        before = [model.objects.count() for model in (User, Profile, Event, Session, Attendance, Scan)]
    with owner_context(), connection.cursor() as cursor:
        was = shape(cursor, schema)
        grow_students(cursor, schema, 20, prefix="g-")
        grow_events(cursor, schema, 4, prefix="g-")
        for done, count in ((0, 300), (300, 500)):
            grow_scans(cursor, schema, count, done=done, prefix="g-", students=20, events=4)
        assert shape(cursor, schema) == was
        with pytest.raises(ValueError, match="more attendances"):
            grow_scans(cursor, schema, 10, done=800, prefix="g-", students=20, events=4)

    with campus.here():
        after = [model.objects.count() for model in (User, Profile, Event, Session, Attendance, Scan)]
        assert [new - old for new, old in zip(after, before, strict=True)] == [20, 20, 4, 4, 80, 800]
        for attendance in Attendance.objects.exclude(event_id=event.pk):
            assert attendance.session.event_id == attendance.event_id
            scans = Scan.objects.filter(attendance_id=attendance.pk)
            assert scans.count() == SCANS_PER_ATTENDANCE
            assert {(each.user_id, each.event_id) for each in scans} == {(attendance.user_id, attendance.event_id)}
            assert scans.filter(pk=attendance.first_scan_id).exists()
    with other.here():
        assert (Attendance.objects.count(), Scan.objects.count(), Event.objects.count()) == (0, 0, 0)

    # The product still reads and writes among them.
    listed = http.get("events/attendance/", by=campus.admin)
    assert (listed.status_code, len(listed.json()["results"]) > 1) == (200, True)
    again = http.post(MARK, scan, by=campus.scanner).json()
    assert (again["outcome"], UUID(again["attendance"]["id"]).version) == ("duplicate", 7)
