"""Standing in a campus: no campus by default, never two at once, never the wrong one."""

import random
import threading
from uuid import uuid4

import pytest
from django.core.cache import cache
from django.db import connection, connections, transaction

from shared_apps.accounts.models import User
from tenants import registry
from tenants.context import campus_context, current_campus, public_context
from tenants.errors import CampusNotSet, CampusSwitchInTransaction
from tenants.models import Campus
from tests.cast import Cast, Http


def test_any_query_raises_while_standing_nowhere(cast: Cast) -> None:
    with pytest.raises(CampusNotSet):
        User.objects.count()
    with pytest.raises(CampusNotSet):
        current_campus()
    with pytest.raises(CampusNotSet):
        cache.set("a", 1)


def test_a_new_thread_stands_nowhere(cast: Cast) -> None:
    raised: list[BaseException] = []

    def query() -> None:
        try:
            User.objects.count()
        except CampusNotSet as error:
            raised.append(error)

    with cast.malimono.here():
        thread = threading.Thread(target=query)
        thread.start()
        thread.join()

    assert len(raised) == 1


def test_after_a_request_the_thread_stands_nowhere_again(cast: Cast, http: Http) -> None:
    assert http.get("auth/me/", by=cast.malimono.student).status_code == 200

    with pytest.raises(CampusNotSet):
        User.objects.count()


def test_contexts_nest_and_come_back(cast: Cast) -> None:
    with cast.malimono.here():
        with cast.delcarmen.here():
            assert current_campus().code == "DELCARMEN"
        assert current_campus().code == "MALIMONO"
        with public_context(), pytest.raises(CampusNotSet):
            current_campus()
        with pytest.raises(ZeroDivisionError), cast.delcarmen.here():
            1 / 0  # noqa: B018
        assert current_campus().code == "MALIMONO"


def test_switching_inside_a_transaction_raises_and_changes_nothing(cast: Cast) -> None:
    with cast.malimono.here(), transaction.atomic():
        User.objects.filter(pk=cast.malimono.student.id).update(first_name="Changed")
        with pytest.raises(CampusSwitchInTransaction), cast.delcarmen.here():
            pass
        with cast.malimono.here():
            assert User.objects.get(pk=cast.malimono.student.id).first_name == "Changed"

    with cast.delcarmen.here():
        assert not User.objects.filter(first_name="Changed").exists()


def test_django_tenants_own_ways_are_closed(cast: Cast) -> None:
    with public_context():
        campus = Campus.objects.get(code="MALIMONO")
    with pytest.raises(NotImplementedError), campus:
        pass
    with pytest.raises(NotImplementedError):
        connection.set_schema("c_malimono")


def test_the_login_decides_the_schema_without_a_statement(cast: Cast) -> None:
    with cast.malimono.here(), connection.cursor() as cursor:
        cursor.execute("SELECT current_user, current_setting('search_path'), current_setting('timezone')")
        login, search_path, zone = cursor.fetchone()

    assert login.endswith("c_malimono")
    assert search_path == "c_malimono, public"
    assert zone == "UTC"


def test_cache_keys_carry_the_campus(cast: Cast) -> None:
    key = f"greeting-{uuid4()}"
    with cast.malimono.here():
        cache.set(key, "malimono")
    with cast.delcarmen.here():
        assert cache.get(key) is None
        cache.set(key, "delcarmen")
    with cast.malimono.here():
        assert cache.get(key) == "malimono"
    with public_context():
        assert cache.get(key) is None


def test_the_registry_can_be_asked_inside_a_transaction_even_when_it_has_changed(cast: Cast) -> None:
    with cast.malimono.here(), transaction.atomic():
        registry.forget()

        assert registry.find_campus("DELCARMEN") == cast.delcarmen.campus
        assert current_campus().code == "MALIMONO"


def soak(cast: Cast, *, switches: int, threads: int) -> int:
    """Switch campuses from many threads with errors and rollbacks between; return how often the wrong one answered."""
    wrong: list[str] = []
    broken: list[BaseException] = []
    sites = [cast.malimono, cast.delcarmen]

    def run(seed: int) -> None:
        dice = random.Random(seed)
        try:
            for _ in range(switches):
                site = dice.choice(sites)
                try:
                    with campus_context(site.campus):
                        with connection.cursor() as cursor:
                            cursor.execute("SELECT current_user, (SELECT id FROM accounts_user WHERE username = 'ana')")
                            login, ana = cursor.fetchone()
                        if not login.endswith(site.campus.schema_name) or ana != site.student.id:
                            wrong.append(f"{login} in {site.campus.code}")
                        mood = dice.random()
                        if mood < 0.1:
                            raise LookupError
                        if mood < 0.2:
                            with transaction.atomic():
                                User.objects.filter(pk=ana).update(first_name="Rolled back")
                                raise LookupError
                except LookupError:
                    pass
        except BaseException as error:  # noqa: BLE001
            broken.append(error)
        finally:
            connections.close_all()

    workers = [threading.Thread(target=run, args=(seed,)) for seed in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert broken == []
    return len(wrong)


def test_threads_never_meet_another_campus(cast: Cast) -> None:
    assert soak(cast, switches=100, threads=8) == 0


@pytest.mark.slow
def test_threads_never_meet_another_campus_for_long(cast: Cast) -> None:
    assert soak(cast, switches=5_000, threads=8) == 0
