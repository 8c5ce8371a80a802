"""Starts the embedded servers before Django reads its settings, and gives every test process a database of its own.

Several runs may go on at once: they share the servers (`conto_admin/embedded.py`) and nothing else. The schema is
migrated once per set of migrations into a template database; a test database is a copy of it.
"""

import contextlib
import hashlib
import os
from base64 import b64encode
from collections.abc import Generator, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from django.core.management import call_command
from django.db import connection
from psycopg import sql

from conto_admin import embedded

ROOT = Path(__file__).resolve().parent.parent
SERVERS = ROOT / ".conto" / "test-services"
TEMPLATE_GATE = 7_203_114
"""Advisory lock: one process at a time makes or copies the template."""


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None, None, None]:
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    if worker == "main":
        early_config.add_cleanup(start_servers().close)
        os.environ["CONTO_TEST_RUN"] = str(os.getpid())
    name = f"test_conto_{os.environ['CONTO_TEST_RUN']}_{worker}"
    os.environ |= {
        "CONTO_AUDIT_SIGNING_KEY": b64encode(b"an audit signing key for tests..").decode(),
        "CONTO_DEMO": "1",
        "CONTO_FAILURES_PER_MINUTE": "1000000",
        "CONTO_KEKS": "tests:" + b64encode(b"a key-encryption key for tests..").decode(),
        "CONTO_KEY_PEPPER": "a pepper for tests, which everybody knows",
        "CONTO_NAMESPACE": name,
        "CONTO_RATE_PER_MINUTE": "1000000",
        "SECRET_KEY": "a secret for tests, long enough to pass for one, known to everybody",
        "DATABASE_URL": urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}").geturl(),
        "DJANGO_SETTINGS_MODULE": "conto_admin.settings",
    }
    return (yield)


def start_servers() -> contextlib.ExitStack:
    running = contextlib.ExitStack()
    if not (os.environ.get("DATABASE_URL") and os.environ.get("BROKER_URL")):
        found = running.enter_context(embedded.use(SERVERS, embedded.FAST_SETTINGS))
        os.environ.setdefault("DATABASE_URL", found.database_url)
        os.environ.setdefault("BROKER_URL", found.broker_url)
        drop_leftovers(found.database_url)
    return running


def drop_leftovers(address: str) -> None:
    """Drop the databases of test runs that were killed."""
    with maintenance(address) as server:
        found = server.execute("select datname from pg_database where datname like 'test\\_conto\\_%%'").fetchall()
        for (name,) in found:
            run = name.split("_")[2]
            if run.isdecimal() and not Path(f"/proc/{run}").exists() and Path("/proc/self").exists():
                drop(server, name)


@contextlib.contextmanager
def maintenance(address: str) -> Iterator[psycopg.Connection[tuple[str, ...]]]:
    """A connection beside the test databases, on the same server."""
    with psycopg.connect(urlsplit(address)._replace(path="/postgres").geturl(), autocommit=True) as server:
        yield server


def drop(server: psycopg.Connection[tuple[str, ...]], name: str) -> None:
    server.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))


def make_database(name: str) -> None:
    """Create this process's database as a copy of the template, which is migrated first if there is none yet."""
    template = f"test_template_{schema_digest()}"
    with maintenance(os.environ["DATABASE_URL"]) as server:
        server.execute("select pg_advisory_lock(%s)", [TEMPLATE_GATE])
        if (
            server.execute("select 1 from pg_database where datname = %s and datistemplate", [template]).fetchone()
            is None
        ):
            make_template(server, template)
        drop(server, name)
        server.execute(sql.SQL("create database {} template {}").format(sql.Identifier(name), sql.Identifier(template)))


def allow_truncate() -> None:
    """Let the tests' own database be emptied between tests; what is shipped refuses that everywhere."""
    allowing = "create or replace function conto_refuse_truncate() returns trigger language plpgsql as $$ {} $$"
    with connection.cursor() as cursor:
        cursor.execute(allowing.format("begin return null; end"))


def wait_out_deadlocks() -> None:
    """Let this connection be the last to give up where two wait for each other."""
    with connection.cursor() as cursor:
        cursor.execute("set deadlock_timeout = '1min'")


def demand_nothing_left(whose: str) -> None:
    """Fail where committed rows are left for the next test to meet; they are gone then, so that it fails alone."""
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as server:
        left = server.execute(
            "select email from people_person union all select name from people_organization"
        ).fetchall()
        if left:
            server.execute("truncate people_person, people_organization cascade")
            pytest.fail(f"{whose} left rows in the database: {sorted(one for (one,) in left)}", pytrace=False)


def make_template(server: psycopg.Connection[tuple[str, ...]], template: str) -> None:
    for (old,) in server.execute(
        "select datname from pg_database where datname like 'test\\_template\\_%%'"
    ).fetchall():
        server.execute(sql.SQL("alter database {} is_template false").format(sql.Identifier(old)))
        drop(server, old)
    server.execute(sql.SQL("create database {}").format(sql.Identifier(template)))
    target = connection.settings_dict["NAME"]
    connection.settings_dict["NAME"] = template
    try:
        call_command("migrate", verbosity=0, interactive=False)
    finally:
        connection.close()
        connection.settings_dict["NAME"] = target
    server.execute(sql.SQL("alter database {} is_template true").format(sql.Identifier(template)))


def schema_digest() -> str:
    """What the schema follows from: every migration of ours, the versions of what brings its own, the apps in use."""
    digest = hashlib.sha256((ROOT / "requirements" / "app.lock").read_bytes())
    for path in [*sorted(ROOT.glob("*/migrations/*.py")), ROOT / "conto_admin" / "settings.py"]:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
