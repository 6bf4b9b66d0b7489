"""Every test gets a clean database with three campuses; most ask for ``cast`` and ``http``."""

from collections.abc import Iterator

import pytest
import pytest_django
from django.conf import settings
from django.test import override_settings
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from tenants.context import wrapper
from tests import databases
from tests.cast import Cast, Http, Site, gather_cast

# No test is timed: on a busy machine each example takes as long as it takes.
hypothesis_settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("untimed")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--renew-counts", action="store_true", help="write tests/query_counts/counts.toml anew")


@pytest.fixture(scope="session", autouse=True)
def own_files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep uploaded files where no other process of the tests looks."""
    place = {**settings.STORAGES["uploads"], "OPTIONS": {"location": tmp_path_factory.mktemp("media")}}
    with override_settings(STORAGES={**settings.STORAGES, "uploads": place}):
        yield


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker: pytest_django.DjangoDbBlocker) -> None:
    """Replace pytest-django's: see tests/databases.py."""
    with django_db_blocker.unblock():
        databases.use_own_database()


@pytest.fixture
def database(django_db_setup: None, django_db_blocker: pytest_django.DjangoDbBlocker) -> Iterator[None]:
    """A database in which only the three campuses are; emptied afterwards."""
    with django_db_blocker.unblock():
        yield
        wrapper().stand(None)  # an answer that the test did not read to its end still stands in its campus
        databases.clean()


@pytest.fixture
def cast(database: None) -> Cast:
    """The people of two campuses and a super admin."""
    return gather_cast()


@pytest.fixture
def malimono(cast: Cast) -> Site:
    return cast.malimono


@pytest.fixture
def delcarmen(cast: Cast) -> Site:
    return cast.delcarmen


@pytest.fixture
def http() -> Http:
    return Http()
