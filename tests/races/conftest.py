"""The arena, which all races of one test process share."""

from collections.abc import Iterator

import pytest

from tests.races.arena import Arena, arena_of

MOST_PROCESSES = 4


@pytest.fixture(scope="session")
def arena(django_db_setup: None) -> Iterator[Arena]:
    """Processes that run races against the database of this test process."""
    with arena_of(MOST_PROCESSES) as one:
        yield one
