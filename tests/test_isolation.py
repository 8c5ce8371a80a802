"""Between tests: who leaves rows behind fails itself, by its name; who still reads does not keep them from going."""

import re
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from django.core.management import call_command
from django.core.management.color import no_style
from django.core.management.sql import sql_flush
from django.db import connection

from people.models import Organization, Person
from tests import plugin
from tests.factories import make_cast
from tests.races.arena import PATIENCE, referee

pytestmark = pytest.mark.django_db(transaction=True)


def test_rows_that_are_left_are_told_with_whose_they_are_and_gone_then() -> None:
    make_cast()

    with pytest.raises(pytest.fail.Exception, match=r"tests/test_some.py left rows .*oona@example.com"):
        plugin.demand_nothing_left("tests/test_some.py")

    assert (Person.objects.count(), Organization.objects.count()) == (0, 0)
    plugin.demand_nothing_left("tests/test_some.py")


def test_a_request_that_still_reads_gives_way_to_the_emptying_of_the_database() -> None:
    make_cast()
    *others, last = re.findall(r'"(\w+)"', sql_flush(no_style(), connection, allow_cascade=False)[0])

    def emptied() -> None:
        try:
            plugin.wait_out_deadlocks()
            call_command("flush", verbosity=0, interactive=False)
        finally:
            connection.close()

    with referee() as reader, referee() as judge, ThreadPoolExecutor(1) as thread:
        reader.server.execute("begin")
        reader.server.execute(f"select from {last}".encode())
        emptying = thread.submit(emptied)
        judge.until("select count(*) from pg_locks where not granted and mode = 'AccessExclusiveLock'", reaches=1)
        with pytest.raises(psycopg.errors.DeadlockDetected):
            reader.server.execute(f"select from {', '.join(others)} limit 0".encode())
        reader.server.execute("rollback")
        emptying.result(PATIENCE)

    assert Person.objects.count() == 0
