"""The database is the last line of defence: each constraint and trigger is violated by some test that names it."""

import re
from pathlib import Path
from typing import Final

import pytest
from django.apps import apps
from django.db import connection

from tests.architecture.test_tidy import APPS, ROOT, ours, texts

TRIGGER: Final = re.compile(r"create (?:constraint )?trigger (\w+|\{\w+\}\w+)", re.IGNORECASE)


def constraints() -> list[str]:
    """Check constraints, unique constraints and exclusions of our tables."""
    models = (model for app in APPS for model in apps.get_app_config(app).get_models())
    return sorted(str(one.name) for model in models for one in model._meta.constraints)


def is_named_in_a_test(name: str) -> bool:
    tests = (path for path in ours(".py") if path.is_relative_to(ROOT / "tests") and path != Path(__file__))
    return any(name in texts()[path] for path in tests)


@pytest.mark.parametrize("name", constraints())
def test_a_constraint_is_named_in_a_test(name: str) -> None:
    assert is_named_in_a_test(name)


CONTAINED: Final = r"""
select small.indexrelid::regclass::text, big.indexrelid::regclass::text
  from pg_index small join pg_index big on big.indrelid = small.indrelid and big.indexrelid <> small.indexrelid
  join pg_class own on own.oid = small.indrelid
 where own.relname = any(%s) and small.indpred is null and big.indpred is null and not small.indisunique
   and small.indexprs is null and big.indexprs is null and big.indkey::text || ' ' like small.indkey::text || ' %%'
   and small.indexrelid::regclass::text !~ '_like$'
"""


@pytest.mark.django_db
def test_no_index_is_the_beginning_of_another_one() -> None:
    """Each costs every ask a write and answers nothing that the longer one does not; `db_index=False` leaves it out."""
    tables = [model._meta.db_table for app in APPS for model in apps.get_app_config(app).get_models()]
    with connection.cursor() as cursor:
        cursor.execute(CONTAINED, [tables])
        assert cursor.fetchall() == []
