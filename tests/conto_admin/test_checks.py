"""Unsafe settings are refused outside the demo, each with what to do about it."""

import os
import subprocess
import sys
from base64 import b64encode
from pathlib import Path

import pytest
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from conto_admin.checks import TAG, refuse_unsafe
from conto_admin.embedded import ROOT

SAFE = {
    "SECRET_KEY": "o2m4k8s0w6q1z7x3c9v5b2n8m4a6s1d3f7g9h0j2",
    "CONTO_KEY_PEPPER": "p9i7u5y3t1r8e6w4q2a0s9d7f5g3h1j8k6l4z2x0",
    "CONTO_KEKS": f"main:{b64encode(bytes(range(32))).decode()}",
    "CONTO_AUDIT_SIGNING_KEY": b64encode(bytes(range(32))).decode(),
    "ALLOWED_HOSTS": "conto.example.com",
    "PUBLIC_URL": "https://conto.example.com",
}
DEMO_ONLY = ("CONTO_DEMO", "SECRET_KEY", "CONTO_KEY_PEPPER", "CONTO_KEKS", "CONTO_AUDIT_SIGNING_KEY")


@pytest.fixture
def safe(settings: Settings) -> Settings:
    settings.DEMO = False
    settings.SECRET_KEY = SAFE["SECRET_KEY"]
    settings.CONTO_KEY_PEPPER = SAFE["CONTO_KEY_PEPPER"]
    settings.ALLOWED_HOSTS = ["conto.example.com"]
    settings.PUBLIC_URL = SAFE["PUBLIC_URL"]
    return settings


def found() -> set[str | None]:
    return {problem.id for problem in run_checks(tags=[TAG])}


@pytest.mark.django_db(transaction=True)
def test_safe_settings_pass(safe: Settings) -> None:
    refuse_unsafe()


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("SECRET_KEY", "not set", "conto.E201"),
        ("SECRET_KEY", "a" * 60, "conto.E201"),
        ("SECRET_KEY", "django-insecure-" + SAFE["SECRET_KEY"], "conto.E201"),
        ("CONTO_KEY_PEPPER", "", "conto.E201"),
        ("CONTO_KEY_PEPPER", SAFE["SECRET_KEY"], "conto.E202"),
        ("DEBUG", True, "conto.E203"),
        ("ALLOWED_HOSTS", [], "conto.E204"),
        ("ALLOWED_HOSTS", ["conto.example.com", "*"], "conto.E204"),
        ("PUBLIC_URL", "", "conto.E205"),
        ("PUBLIC_URL", "http://conto.example.com", "conto.E205"),
        ("CONTO_KEKS", {}, "conto.E101"),
        ("CONTO_KEKS", {"tests": b64encode(b"short").decode()}, "conto.E101"),
        ("CONTO_KEKS", {"tests": b64encode(bytes(32)).decode()}, "conto.E101"),
        ("CONTO_KEKS", {"tests": b64encode(b"changeme" * 4).decode()}, "conto.E101"),
        ("CACHES", {"default": {"LOCATION": ""}}, "conto.E102"),
        ("CONTO_AUDIT_SIGNING_KEY", "", "conto.E104"),
    ],
)
def test_an_unsafe_setting_is_refused(safe: Settings, name: str, value: object, code: str) -> None:
    setattr(safe, name, value)

    assert found() == {code}
    with pytest.raises(ImproperlyConfigured, match=code):
        refuse_unsafe()


def test_the_demo_may_be_unsafe_but_not_without_keys(settings: Settings) -> None:
    settings.DEMO = True
    settings.SECRET_KEY = "short"
    settings.ALLOWED_HOSTS = ["*"]
    assert found() == set()

    settings.CONTO_KEKS = {}
    assert found() == {"conto.E101"}


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A production environment without anything that says who the server is."""
    given = {name: value for name, value in os.environ.items() if name not in DEMO_ONLY}
    (tmp_path / "static").mkdir()
    (tmp_path / "static" / "staticfiles.json").touch()
    return given | {"CONTO_STATE": str(tmp_path), "STATIC_ROOT": str(tmp_path / "static")}


ENTRANCES = [
    ["-c", "import conto_admin.wsgi"],
    ["-c", "import conto_admin.asgi"],
    ["-m", "celery", "-A", "conto_admin", "worker", "--pool", "solo"],
    ["manage.py", "serve"],
    ["manage.py", "worker"],
]


@pytest.mark.process
@pytest.mark.parametrize("entrance", ENTRANCES, ids=" ".join)
def test_nothing_that_serves_comes_up_with_unsafe_settings(entrance: list[str], environment: dict[str, str]) -> None:
    done = come_up(entrance, environment)

    assert done.returncode != 0
    assert "conto.E201" in done.stderr


@pytest.mark.process
@pytest.mark.parametrize("entrance", ENTRANCES[:2], ids=" ".join)
def test_a_server_comes_up_with_safe_settings(entrance: list[str], environment: dict[str, str]) -> None:
    assert come_up(entrance, environment | SAFE).returncode == 0


@pytest.mark.process
def test_a_server_does_not_come_up_before_static_files_are_collected(
    environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "static" / "staticfiles.json").unlink()

    assert "conto.E103" in come_up(ENTRANCES[0], environment | SAFE).stderr


@pytest.mark.process
def test_secrets_may_come_from_files(environment: dict[str, str], tmp_path: Path) -> None:
    given = environment | SAFE
    del given["SECRET_KEY"], given["CONTO_KEKS"]
    (tmp_path / "secret").write_text(SAFE["SECRET_KEY"] + "\n")
    (tmp_path / "keks").write_text(f"{SAFE['CONTO_KEKS']}\nolder:{b64encode(bytes(range(32))).decode()}\n")

    files = {"SECRET_KEY_FILE": str(tmp_path / "secret"), "CONTO_KEKS_FILE": str(tmp_path / "keks")}

    assert come_up(ENTRANCES[0], given | files).returncode == 0


def come_up(entrance: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "ignore", *entrance]
    return subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
