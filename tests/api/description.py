"""The API's description as it was committed."""

from collections.abc import Iterator
from functools import cache
from typing import Any, Final

import orjson

from conto_admin.embedded import ROOT

FILE: Final = ROOT / "docs" / "openapi.json"


@cache
def described() -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(FILE.read_bytes())
    return found


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Each operation: method, path, what is said of it."""
    for path, methods in described()["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def resolved(value: dict[str, Any]) -> dict[str, Any]:
    """What a reference refers to."""
    while "$ref" in value:
        found: Any = described()
        for name in value["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        value = found
    return value
