"""Short ways to write rules in tests, and to read what is wrong with them."""

from typing import Any

import pytest

from core.errors import Invalid, InvalidMany
from policies.engine.document import parse
from policies.engine.rules import Rule

USD = {"USD": "5.00"}
CPT = "cpt_01kaa00000000000000000000a"


def limit(**more: Any) -> dict[str, Any]:
    return {"key": "limit", "type": "SPEND_LIMIT", "daily": USD, **more}


def rule(kind: str, **more: Any) -> dict[str, Any]:
    return {"key": "it", "type": kind, **more}


def document(*rules: object) -> dict[str, Any]:
    return {"schema": 1, "rules": list(rules)}


def faults(value: object) -> list[tuple[str, str]]:
    with pytest.raises(Invalid) as caught:
        parse(value)
    error = caught.value
    found = error.errors if isinstance(error, InvalidMany) else [(str(error.field), error.code, error.detail)]
    assert all(is_sentence(detail) for _, _, detail in found)
    return [(path, code) for path, code, _ in found]


def is_sentence(text: str) -> bool:
    """Whether a text begins as a sentence does, ends as one does, and is not shouted."""
    return text[:1].isupper() and text.endswith(".") and not text.isupper() and "XX" not in text


def parsed(plain: dict[str, Any]) -> Rule:
    (only,) = parse(document(plain)).rules
    return only
