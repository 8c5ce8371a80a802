"""The arena, which all races of one test process share."""

from collections.abc import Iterator

import pytest

from tests.races.arena import Arena, arena_of
from tests.races.served import MortalConto

MOST_PROCESSES = 4


@pytest.fixture(scope="session")
def arena(django_db_setup: None) -> Iterator[Arena]:
    """Processes that run races against the database of this test process."""
    with arena_of(MOST_PROCESSES) as one:
        yield one


@pytest.fixture(scope="session")
def mortal(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MortalConto]:
    """One server for all tests here, which dies often."""
    conto = MortalConto(tmp_path_factory.mktemp("mortal") / "web.log")
    conto.start()
    yield conto
    conto.kill()


@pytest.fixture
def conto(mortal: MortalConto, transactional_db: None) -> MortalConto:
    """The server, on an empty database whose rows are committed."""
    return mortal
