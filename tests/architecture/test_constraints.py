"""The database is the last line of defence: each constraint and trigger is violated by some test that names it."""

import re
from pathlib import Path
from typing import Final

import pytest
from django.apps import apps

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
