"""Parked connections: which are kept, and what they remember."""

import pytest
from django.db import connection

from shared_apps.common.ids import uuid7
from tenants.context import owner_context, public_context
from tenants.postgresql import pool as pool_module
from tenants.postgresql.pool import ConnectionPool, pool
from tenants.postgresql.prepared import Statement, is_due
from tenants.standing import campus_login
from tests.cast import Site
from tests.factories import make_event

WHERE = Statement("SELECT current_user, %(number)s + %(number)s, '100%%'", {"number": "integer"})


SCANNED = Statement("SELECT count(*) FROM attendance_scan WHERE scan_id = %(scan_id)s", {"scan_id": "uuid"})
MANY_SCANS = """
    INSERT INTO attendance_scan (id, scan_id, fingerprint, event_id, home, operator_id, door, direction, method, outcome,
                                 code, reason, received_at, effective_at, time_corrected, answer)
    SELECT gen_random_uuid(), gen_random_uuid(), '', %(event_id)s, '', %(operator_id)s, 'counter', 'in', 'pass',
           'refused', 'unknown_pass', '', now(), now(), false, '{}'
      FROM generate_series(1, 3000)
"""


class Raw:
    """As much of a connection as parking looks at."""

    closed = False

    class info:  # noqa: N801
        transaction_status = 0

    def close(self) -> None:
        self.closed = True


def test_of_one_login_one_connection_is_kept_before_a_second_of_another(settings) -> None:
    settings.DB_CONNECTIONS = 2
    parking, raws = ConnectionPool(), [Raw() for _ in range(4)]
    now = 10.0**9  # monotonic seconds far ahead: none is too old

    parking.park("a", raws[0], now)
    parking.park("b", raws[1], now)
    parking.park("b", raws[2], now)  # a is older, but it is the only one of its campus

    assert [raw.closed for raw in raws] == [False, True, False, False]
    parking.park("c", raws[3], now)
    assert [raw.closed for raw in raws] == [True, True, False, False]


def test_a_busy_campus_keeps_its_second_connection_before_a_quiet_one_its_only(
    settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.DB_CONNECTIONS = 2
    parking, raws, clock = ConnectionPool(), [Raw() for _ in range(3)], [1000.0]
    monkeypatch.setattr(pool_module.time, "monotonic", lambda: clock[0])

    parking.park("quiet", raws[0], 1000.0)
    clock[0] += 1.5
    parking.park("busy", raws[1], 1000.0)
    parking.park("busy", raws[2], 1000.0)

    assert [raw.closed for raw in raws] == [True, False, False]


@pytest.mark.parametrize("prepare", [True, False])
def test_a_statement_means_the_same_prepared_or_not(malimono: Site, delcarmen: Site, settings, prepare: bool) -> None:
    settings.DB_PREPARE = prepare
    for site in (malimono, delcarmen, malimono):
        with site.here():
            login = campus_login(site.campus.schema_name)
            assert [WHERE.run({"number": number}) for number in (2, 21)] == [(login, 4, "100%"), (login, 42, "100%")]


def test_it_is_prepared_once_for_each_connection_and_costs_no_statement_of_a_request(malimono: Site) -> None:
    pool.close_all()
    with malimono.here():
        before = connection.statements
        WHERE.run({"number": 1})
        raw = connection.connection
        WHERE.run({"number": 1})
        assert connection.statements - before == 2
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_prepared_statements WHERE name = %s", [WHERE.name])
            assert cursor.fetchone() == (1,)
    with public_context(), malimono.here():
        WHERE.run({"number": 1})
        assert connection.connection is raw  # it was parked, and came back with what it remembers
    assert WHERE.name in raw.prepared


def test_plans_are_made_anew_soon_and_then_now_and_then() -> None:
    assert [runs for runs in range(2000) if is_due(runs)] == [0, 64, 128, 256, 512, 1024, 1536]


def test_a_statement_that_was_planned_for_an_empty_table_does_not_read_all_of_it_for_ever(
    malimono: Site, delcarmen: Site
) -> None:
    plan = f"EXPLAIN EXECUTE {SCANNED.name} ('{uuid7()}')"
    for site in (malimono, delcarmen):
        event = make_event(site)
        with owner_context(site.campus.schema_name), connection.cursor() as cursor:
            cursor.execute("ANALYZE attendance_scan")  # of which there is none yet
        with site.here():
            for _ in range(64):
                SCANNED.run({"scan_id": uuid7()})
            with connection.cursor() as cursor:
                cursor.execute(plan)
                assert "Seq Scan" in str(cursor.fetchall())
                cursor.execute(MANY_SCANS, {"event_id": event.pk, "operator_id": site.scanner.user.pk})
            SCANNED.run({"scan_id": uuid7()})
            with connection.cursor() as cursor:
                cursor.execute(plan)
                assert "Seq Scan" not in str(cursor.fetchall())


def test_a_parked_connection_comes_back_outside_any_transaction(malimono: Site) -> None:
    with malimono.here():
        WHERE.run({"number": 1})
    with malimono.here():
        WHERE.run({"number": 1})
        assert connection.get_autocommit()
        assert not connection.in_atomic_block
        assert connection.connection.autocommit
