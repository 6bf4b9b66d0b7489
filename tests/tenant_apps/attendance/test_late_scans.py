"""Scans that arrive while a session is closed, and after."""

import threading
from datetime import timedelta
from uuid import UUID

from django.db import connections

from tests.cast import Cast, Http
from tests.tenant_apps.attendance.test_closing import MARK, close, come, enrol, required, statuses


def test_a_late_upload_turns_absence_into_presence(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    session = required(campus, starts=-180)
    close(campus, session)
    captured = session.starts_at + timedelta(minutes=1)

    late = http.post(
        MARK,
        {"event_id": str(session.event_id), "session_id": str(session.pk), "user_id": str(campus.student.id),
         "captured_at": captured.isoformat()},
        by=campus.scanner,
    )  # fmt: skip

    assert late.status_code == 201, late.content
    assert statuses(campus, session) == {"ana": "present", "ben": "absent"}


def test_a_door_that_records_while_it_is_closed_is_not_lost(cast: Cast) -> None:
    """Scans and the closing of the same session, at once: everybody has one row, and it says what the scans say."""
    campus = cast.malimono
    session = required(campus, starts=-180)
    ids = enrol(campus, 60)
    come(campus, session, ids[0], session.starts_at)
    gate, raised = threading.Barrier(3), []
    http = Http()

    def scan(mine: list[UUID]) -> None:
        try:
            gate.wait()
            for user_id in mine:
                body = {
                    "event_id": str(session.event_id), "session_id": str(session.pk), "user_id": str(user_id),
                    "captured_at": (session.starts_at + timedelta(minutes=1)).isoformat(),
                }  # fmt: skip
                answer = http.post(MARK, body, by=campus.scanner)
                assert answer.status_code in {200, 201}, answer.content
        except BaseException as error:  # noqa: BLE001
            raised.append(error)
        finally:
            connections.close_all()

    def shut() -> None:
        try:
            gate.wait()
            close(campus, session)
        except BaseException as error:  # noqa: BLE001
            raised.append(error)
        finally:
            connections.close_all()

    half = len(ids) // 2
    threads = [threading.Thread(target=scan, args=(part,)) for part in (ids[:half], ids[half:])]
    threads.append(threading.Thread(target=shut))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert raised == []
    found = statuses(campus, session)
    assert found == {"ana": "absent", "ben": "absent", **{f"m{number}": "present" for number in range(len(ids))}}
