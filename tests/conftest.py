"""Fixtures for every test: the database, and how hypothesis searches."""

import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connection
from hypothesis import settings as hypothesis_settings
from pytest_django import DjangoDbBlocker

from tests import plugin
from tests.workers import Workers

# Each test client builds the middleware anew; without this it would look through every static file each time.
django_settings.WHITENOISE_AUTOREFRESH = True

hypothesis_settings.register_profile("conto", deadline=None, print_blob=True)
hypothesis_settings.load_profile("conto")

HAS_DATABASE = pytest.StashKey[bool]()


@pytest.fixture(scope="session")
def django_db_setup(request: pytest.FixtureRequest, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """A database for this process, copied from the migrated template; gone when the process ends."""
    name = str(connection.settings_dict["NAME"])
    with django_db_blocker.unblock():
        plugin.make_database(name)
        plugin.allow_truncate()
        request.config.stash[HAS_DATABASE] = True
        yield
        connection.close()
    with plugin.maintenance(os.environ["DATABASE_URL"]) as server:
        plugin.drop(server, name)


@pytest.fixture
def workers(tmp_path: Path, transactional_db: None) -> Iterator[Workers]:
    """Workers that are processes of their own, on rows that they see."""
    found = Workers(tmp_path)
    yield found
    found.stop()


@pytest.fixture(autouse=True)
def emptied_first(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let a server that still reads give way when the database is emptied behind a test, and not the other way round.

    Stands between the test and pytest-django's flush, which closes the connection afterwards.
    """
    yield
    if is_committed(request.node):
        plugin.wait_out_deadlocks()


def pytest_fixture_post_finalizer(fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest) -> None:
    """Look behind each test whose rows are committed that they are gone: another one, far away, would fail of them."""
    if fixturedef.argname == "_django_db_helper" and is_committed(request.node):
        plugin.demand_nothing_left(request.node.nodeid)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, object, object]:
    """Look behind the last test of a file that what its tests shared is gone."""
    done = yield
    is_last = nextitem is not None and nextitem.path != item.path
    if is_last and item.config.stash.get(HAS_DATABASE, False):
        plugin.demand_nothing_left(str(item.path))
    return done


def is_committed(item: pytest.Item) -> bool:
    """Whether a test writes rows that others see, and empties the database behind it."""
    asked = item.get_closest_marker("django_db")
    return "transactional_db" in getattr(item, "fixturenames", ()) or bool(asked and asked.kwargs.get("transaction"))
