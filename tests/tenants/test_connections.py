"""Parked connections: which are kept, and what they remember."""

import pytest
from django.db import connection

from tenants.context import public_context
from tenants.postgresql.pool import ConnectionPool, pool
from tenants.postgresql.prepared import Statement
from tenants.standing import campus_login
from tests.cast import Site

WHERE = Statement("SELECT current_user, %(number)s + %(number)s, '100%%'", {"number": "integer"})


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


def test_a_parked_connection_comes_back_outside_any_transaction(malimono: Site) -> None:
    with malimono.here():
        WHERE.run({"number": 1})
    with malimono.here():
        WHERE.run({"number": 1})
        assert connection.get_autocommit()
        assert not connection.in_atomic_block
        assert connection.connection.autocommit
