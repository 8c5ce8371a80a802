"""The filters of a list that are in force, each with the address that takes it away."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.http import QueryDict

CURSOR = "cursor"


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter in force, and the address that takes it away."""

    label: str
    url: str


def chips_of(query: QueryDict, in_force: Iterable[tuple[str, str]]) -> list[Chip]:
    """Return a chip for each name of a field and the words for what it lets through; empty words filter nothing."""
    return [Chip(words, f"?{without(query, name)}") for name, words in in_force if words]


def without(query: QueryDict, *names: str) -> str:
    """Return the query without these fields, without empty ones, and without its place in the list."""
    kept = query.copy()
    for name in [name for name in kept if name in (*names, CURSOR) or not kept[name]]:
        del kept[name]
    return kept.urlencode()
