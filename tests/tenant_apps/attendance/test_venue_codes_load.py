"""Three thousand students enter the code of one session at once: every post is answered, and none is lost."""

import secrets
import threading
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from shared_apps.accounts.models import AccessToken, User
from shared_apps.accounts.roles import Role
from shared_apps.common.clock import now
from shared_apps.common.ids import uuid7
from tenant_apps.attendance.models import Attendance, DeviceUse, Scan
from tenant_apps.attendance.rules.venue_codes import step_of, text_of
from tenant_apps.attendance.services.venue_codes import venue_key
from tenants.keys import digest
from tests.cast import Cast, Site
from tests.live import live_server
from tests.tenant_apps.attendance.test_venue_codes import device, venue

STUDENTS = 3000
SENDERS = 16


def enrol_students(site: Site) -> list[str]:
    """Return the tokens of many students."""
    tokens = [f"eas_malimono_{secrets.token_urlsafe(32)}" for _ in range(STUDENTS)]
    at = now()
    with site.here():
        people = [User(id=uuid7(), username=f"s{number}", role=Role.STUDENT) for number in range(STUDENTS)]
        User.objects.bulk_create(people)
        AccessToken.objects.bulk_create(
            AccessToken(digest=digest(token), user=person, created_at=at, expires_at=at + timedelta(hours=1))
            for person, token in zip(people, tokens, strict=True)
        )
    return tokens


@pytest.mark.slow
def test_a_whole_audience_enters_the_code(cast: Cast, tmp_path: Path, record_property) -> None:
    campus = cast.malimono
    _, session = venue(campus)
    tokens = enrol_students(campus)
    with campus.here():
        key = venue_key(session.pk)
    answers: Counter[int] = Counter()
    lock, left = threading.Lock(), iter(enumerate(tokens))

    with live_server(tmp_path / "web.log") as server:

        def send() -> None:
            while True:
                with lock:
                    turn = next(left, None)
                if turn is None:
                    return
                number, token = turn
                body = {
                    "code": text_of(key, session.pk, step_of(now())),
                    "device": device(number),
                    "scan_id": str(uuid7()),
                }
                status, _ = server.send(
                    "POST", "/api/v1/events/attendance/venue-code/", body, host=campus.host, token=token, timeout=60
                )
                with lock:
                    answers[status] += 1

        began = time.monotonic()
        threads = [threading.Thread(target=send) for _ in range(SENDERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        took = time.monotonic() - began

    record_property("posts_per_second", round(STUDENTS / took))
    (tmp_path / "rate.txt").write_text(f"{STUDENTS} posts in {took:.1f} s: {STUDENTS / took:.0f} a second\n")
    assert answers == {201: STUDENTS}
    with campus.here():
        assert Attendance.objects.filter(session=session).count() == STUDENTS
        assert Scan.objects.filter(method="venue_code", outcome="recorded").count() == STUDENTS
        assert DeviceUse.objects.count() == STUDENTS
