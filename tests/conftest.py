"""Fixtures for every test: the database, and how hypothesis searches."""

import os
from collections.abc import Iterator

import pytest
from django.conf import settings as django_settings
from django.db import connection
from hypothesis import settings as hypothesis_settings
from pytest_django import DjangoDbBlocker

from tests import plugin

# Each test client builds the middleware anew; without this it would look through every static file each time.
django_settings.WHITENOISE_AUTOREFRESH = True

hypothesis_settings.register_profile("conto", deadline=None, print_blob=True)
hypothesis_settings.load_profile("conto")


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """A database for this process, copied from the migrated template; gone when the process ends."""
    name = str(connection.settings_dict["NAME"])
    with django_db_blocker.unblock():
        plugin.make_database(name)
        plugin.allow_truncate()
        yield
        connection.close()
    with plugin.maintenance(os.environ["DATABASE_URL"]) as server:
        plugin.drop(server, name)
