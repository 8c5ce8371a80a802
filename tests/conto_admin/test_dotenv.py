"""What stands in `.env` counts for every command, and the demo keeps out of a database that others use."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conto_admin.embedded import ROOT
from conto_admin.seeding import company, place
from people.models import Organization
from tests.conto_admin.test_demo import OF_TESTS
from tests.examples.server import free_port
from tests.factories import make_cast

pytestmark = [pytest.mark.process, pytest.mark.django_db(transaction=True)]

PARTS = ("agents", "approvals", "audit", "conto_admin", "core", "insight", "people", "policies", "spend")
REST = ("static", "templates", "manage.py")


@pytest.fixture
def install(tmp_path: Path) -> Path:
    """A copy of the program, so that a `.env` can lie beside it; it names this test's database."""
    folder = tmp_path / "conto"
    folder.mkdir()
    for name in (*PARTS, *REST):
        copy = shutil.copy if (ROOT / name).is_file() else shutil.copytree
        copy(ROOT / name, folder / name)
    lines = [f"{name}={os.environ[name]}" for name in OF_TESTS if name != "CONTO_DEMO"]
    lines += ["ALLOWED_HOSTS=conto.example.com", "PUBLIC_URL=https://conto.example.com"]
    (folder / ".env").write_text("\n".join(lines) + "\n")
    return folder


def manage(install: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name not in OF_TESTS}
    command = [sys.executable, "manage.py", *words]
    return subprocess.run(command, env=environment, cwd=install, capture_output=True, text=True, check=False)


def test_a_command_uses_the_servers_of_the_file_and_starts_none(install: Path) -> None:
    done = manage(install, "bootstrap", "--organization", "Acme", "--owner", "oona@acme.example")

    assert done.returncode == 0, done.stderr
    assert Organization.objects.get().name == "Acme"
    assert not (install / ".conto").exists()


def test_the_demo_refuses_a_database_that_holds_another_organization(install: Path) -> None:
    cast = make_cast()

    done = manage(install, "demo", "--port", str(free_port()))

    assert done.returncode == 1
    assert f"{place.address()} holds another organization ({cast.organization.name}" in done.stderr
    assert "Name an empty one in DATABASE_URL, or none." in done.stderr
    assert not Organization.objects.filter(name=company.NAME).exists()
    assert not (install / ".conto" / "postgres").exists()
