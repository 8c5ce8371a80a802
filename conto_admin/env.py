"""The one place that reads the environment: every setting from outside, typed, with its default."""

import contextlib
import json
import os
import secrets
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

import environ

from conto_admin import embedded

PLANS: Final = "-c plan_cache_mode=force_generic_plan -c jit=off -c random_page_cost=1.1"
"""Only the hot path prepares its statements: each is planned once per connection. Planning costs as much as running."""
NEVER: Final = 2**31
"""Uses of a statement before it is prepared unasked. psycopg obeys `prepare=True` only where some number is set."""

SECRETS_FILE: Final = embedded.STATE / "secrets.json"
SECRET_BYTES: Final = 48
KEY_BYTES: Final = 32

if (embedded.ROOT / ".env").exists():
    environ.Env.read_env(embedded.ROOT / ".env")

_env = environ.Env()


def text(name: str, default: str = "") -> str:
    return str(_env.str(name, default=default))


def flag(name: str) -> bool:
    return bool(_env.bool(name, default=False))


def number(name: str, default: int) -> int:
    return int(_env.int(name, default=default))


def words(name: str) -> list[str]:
    """A list separated by commas."""
    return [word.strip() for word in text(name).split(",") if word.strip()]


def secret(name: str) -> str:
    """NAME, or what the file NAME_FILE holds, or in the demo something made up once per data folder; else empty."""
    if given := text(name):
        return given
    if path := text(f"{name}_FILE"):
        return Path(path).read_text().strip()
    return demo_secrets()[name] if flag("CONTO_DEMO") else ""


def keys(name: str) -> dict[str, str]:
    """Named keys, `name:base64` each, separated by commas or line ends."""
    pairs = (pair.partition(":") for pair in secret(name).replace("\n", ",").split(",") if pair.strip())
    return {key.strip(): value.strip() for key, _, value in pairs}


def demo_secrets() -> dict[str, str]:
    """The demo's own secrets, kept beside its data and readable by this user only."""
    if not SECRETS_FILE.exists():
        made = {
            "SECRET_KEY": secrets.token_urlsafe(SECRET_BYTES),
            "CONTO_KEY_PEPPER": secrets.token_urlsafe(SECRET_BYTES),
            "CONTO_KEKS": f"demo:{b64encode(secrets.token_bytes(KEY_BYTES)).decode()}",
            "CONTO_AUDIT_SIGNING_KEY": b64encode(secrets.token_bytes(KEY_BYTES)).decode(),
        }
        SECRETS_FILE.parent.mkdir(parents=True, exist_ok=True)
        unfinished = SECRETS_FILE.with_suffix(f".{os.getpid()}")
        unfinished.touch(mode=0o600)
        unfinished.write_text(json.dumps(made))
        unfinished.rename(SECRETS_FILE)
    found: dict[str, str] = json.loads(SECRETS_FILE.read_text())
    return found


@contextlib.contextmanager
def use_servers() -> Iterator[None]:
    """Keep the embedded servers running while the block runs, unless the environment or `.env` names others."""
    if text("DATABASE_URL") and text("BROKER_URL"):
        yield
        return
    with embedded.use(embedded.STATE):
        yield


def database_url() -> str:
    return text("DATABASE_URL") or embedded.addresses(embedded.STATE).database_url


def broker_url() -> str:
    return text("BROKER_URL") or embedded.addresses(embedded.STATE).broker_url


def cache_url() -> str:
    """CACHE_URL, or database 1 of the broker where the broker is a Valkey; empty when neither can be a cache."""
    if given := text("CACHE_URL"):
        return given
    broker = urlsplit(broker_url())
    if broker.scheme == "redis+socket":
        return f"unix://{broker.path}?db=1"
    if broker.scheme in ("redis", "rediss"):
        return broker._replace(path="/1").geturl()
    return ""


def database(url: str) -> dict[str, Any]:
    """Django's database settings from a libpq address; a socket folder may stand in `?host=`."""
    parts = urlsplit(url)
    if parts.scheme not in ("postgres", "postgresql"):
        raise ValueError(f"DATABASE_URL must begin with postgresql://, not {parts.scheme}://")
    options: dict[str, Any] = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    options["prepare_threshold"] = NEVER
    options["options"] = f"{options.get('options', '')} {PLANS}".strip()
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": options.pop("host", "") or unquote(parts.hostname or ""),
        "PORT": str(parts.port or ""),
        "OPTIONS": options,
    }


def mail(url: str) -> dict[str, Any]:
    """Django's mail settings from an address such as `smtp+tls://user:password@host:587`."""
    return dict(_env.email_url_config(url))
