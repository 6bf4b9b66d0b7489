"""Scans where statements cannot be prepared, and where what was prepared has grown old."""

import pytest
from django.db import connection

from shared_apps.common.ids import uuid7
from tenant_apps.attendance.models import Attendance
from tenants.context import owner_context
from tenants.postgresql.pool import pool
from tests.cast import Cast, Http
from tests.factories import make_event, make_shared_event, pass_of

MARK = "events/attendance/mark_attendance/"


@pytest.mark.parametrize("prepare", [True, False])
def test_every_kind_of_scan_is_answered_alike(cast: Cast, http: Http, settings, prepare: bool) -> None:
    settings.DB_PREPARE = prepare
    pool.close_all()
    host, guest, stranger = cast.malimono, cast.delcarmen, cast.snsu
    event, shared = make_event(host), make_shared_event(host, guest, seats=2)
    own, visiting = pass_of(host.student), pass_of(guest.student)
    sent = [
        (event, {"pass": own}, 201), (event, {"pass": own}, 200), (event, {"pass": own, "direction": "out"}, 201),
        (event, {"student_id": "2024-0001", "direction": "out"}, 201), (event, {"user_id": str(host.friend.id)}, 201),
        (event, {"student_id": "9999-9999"}, 404), (event, {"pass": own[:-4] + "AAAA"}, 422),
        (event, {"guest_pass": "EASG.nobody"}, 404), (shared, {"pass": visiting}, 201), (shared, {"pass": visiting}, 200),
        (shared, {"pass": visiting, "direction": "out"}, 201), (shared, {"pass": own}, 201),
        (shared, {"pass": pass_of(stranger.student)}, 403),
    ]  # fmt: skip
    for number, (where, named, status) in enumerate(sent):
        scan = {"event_id": str(where.pk), "scan_id": str(uuid7()), **named}
        answers = [http.post(MARK, scan, by=host.scanner) for _ in range(2)]  # and once more, as a retry

        assert [answer.status_code for answer in answers] == [status] * 2, (number, named, answers[0].content)
        assert answers[0].content == answers[1].content, number
    with host.here():
        assert Attendance.objects.count() == 4
    with guest.here():
        assert Attendance.objects.count() == 0


def test_a_migration_that_changes_a_column_refuses_no_scan(cast: Cast, http: Http) -> None:
    campus, other = cast.malimono, cast.delcarmen
    pool.close_all()

    def scan_everybody() -> list[int]:
        event = make_event(campus)
        scans = [{"event_id": str(event.pk), "user_id": str(who.id)} for who in (campus.student, campus.friend)]
        return [http.post(MARK, scan, by=campus.scanner).status_code for scan in scans]

    def widen(length: int) -> None:
        with owner_context(campus.campus.schema_name), connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE accounts_user ALTER first_name TYPE varchar({length})")

    assert scan_everybody() == [201, 201]
    widen(200)
    try:
        # What was prepared is of the old type: of the token, and of the scan.
        assert scan_everybody() == [201, 201]
        assert scan_everybody() == [201, 201]
    finally:
        widen(150)
    with other.here():
        assert Attendance.objects.count() == 0
