"""What this server refuses to start with: every one an error, none a warning."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, register, run_checks
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError, ProgrammingError, connection
from django.utils.module_loading import import_string

from audit.seal import key_problems
from core.sealing import keyring_problems

TAG: Final = "conto"
UNFIT_KEYS: Final = "agents.selectors.unfit_keks"
"""By name: where these checks are registered the models are not loaded yet."""
SHORTEST_SECRET: Final = 40
FEWEST_LETTERS: Final = 10
"""A secret of the right length that repeats a few letters is none."""


@register(TAG)
def safe_settings(**_: Any) -> list[CheckMessage]:
    """Say what is unsafe or missing in the settings; in the demo only what could not work at all."""
    problems = list(missing()) if settings.DEMO else [*missing(), *unsafe()]
    return [Error(text, hint=hint, id=f"conto.{code}") for code, text, hint in problems]


def missing() -> Iterator[tuple[str, str, str]]:
    """What nothing works without: (code, what is wrong, what to do)."""
    caches: dict[str, Any] = settings.CACHES
    for problem in keyring_problems():
        yield "E101", problem, "Set CONTO_KEKS to name:key, the key being 32 random bytes in base 64."
    for problem in key_problems(settings.CONTO_AUDIT_SIGNING_KEY, settings.CONTO_AUDIT_FORMER_KEYS):
        yield "E104", problem, "Set CONTO_AUDIT_SIGNING_KEY to 32 random bytes in base 64, and keep it."
    if not caches["default"]["LOCATION"]:
        yield "E102", "There is no cache that all processes share.", "Set CACHE_URL to a Valkey or Redis."


def unsafe() -> Iterator[tuple[str, str, str]]:
    """What is accepted in the demo alone."""
    for name in ("SECRET_KEY", "CONTO_KEY_PEPPER"):
        if is_weak(getattr(settings, name)):
            remedy = f"Set {name} (or {name}_FILE) to {SHORTEST_SECRET}+ random characters."
            yield "E201", f"{name} is missing or weak.", remedy
    if settings.SECRET_KEY == settings.CONTO_KEY_PEPPER:
        yield "E202", "SECRET_KEY and CONTO_KEY_PEPPER are the same.", "They protect different things: make two."
    if settings.DEBUG:
        yield "E203", "DEBUG is on: error pages would show settings and data.", "Remove DEBUG."
    if not settings.ALLOWED_HOSTS or "*" in settings.ALLOWED_HOSTS:
        yield "E204", "ALLOWED_HOSTS must name this server's hosts, and no wildcard.", "ALLOWED_HOSTS=conto.example.com"
    if urlsplit(settings.PUBLIC_URL).scheme != "https":
        yield "E205", "PUBLIC_URL must be this server's https:// address.", "PUBLIC_URL=https://conto.example.com"


def is_weak(secret: str) -> bool:
    return len(secret) < SHORTEST_SECRET or len(set(secret)) < FEWEST_LETTERS or secret.startswith("django-insecure-")


def refuse_unsafe() -> None:
    """Raise `ImproperlyConfigured` with every problem; called wherever a server or a worker enters."""
    if problems := [*run_checks(tags=[TAG]), *not_collected()] or [*not_opening()]:
        listed = "\n".join(f"  {problem.id}: {problem.msg} {problem.hint}" for problem in problems)
        raise ImproperlyConfigured(f"Conto does not start with unsafe settings.\n{listed}")


def not_collected() -> Iterator[CheckMessage]:
    """Pages cannot name their files before these are collected; commands run without."""
    if settings.STATIC_ROOT and not (Path(settings.STATIC_ROOT) / "staticfiles.json").exists():
        yield Error("Static files are not collected.", hint="Run manage.py collectstatic.", id="conto.E103")


def not_opening() -> Iterator[CheckMessage]:
    """A wrong key is found before the first release; a database that is away or not migrated has nothing to open."""
    try:
        names = import_string(UNFIT_KEYS)()
    except (OperationalError, ProgrammingError):
        names = ()
    finally:
        connection.close()  # the process may fork now
    for name in names:
        hint = "Put back the key that the credentials were sealed with, and change it with manage.py rotate_keys."
        yield Error(f"The key {name!r} in CONTO_KEKS is missing or wrong.", hint=hint, id="conto.E105")
