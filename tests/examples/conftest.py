"""Fixtures of the example app's tests: a live Conto, the paid service, and an agent that may spend."""

import sys
from collections.abc import Iterator

import pytest

from conto_admin.embedded import ROOT
from tests.examples.server import LiveConto

# The example is a program of its own: its files import each other by their bare names.
sys.path.append(str(ROOT / "examples"))


@pytest.fixture(scope="session")
def conto_process(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveConto]:
    """One server for all tests here."""
    conto = LiveConto(tmp_path_factory.mktemp("conto") / "web.log")
    conto.start()
    yield conto
    conto.supervisor.stop()


@pytest.fixture
def conto(conto_process: LiveConto, transactional_db: None) -> LiveConto:
    """The server, running, on an empty database."""
    if not conto_process.is_running():
        conto_process.start()
    return conto_process
