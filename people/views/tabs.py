"""The views of the settings, as tabs."""

from dataclasses import dataclass
from typing import Final

from django.http import HttpRequest
from django.urls import reverse

PAGES: Final = (
    ("Organization", "people:settings"),
    ("Members", "people:members"),
    ("Organization keys", "people:keys"),
    ("Your account", "people:account"),
)


@dataclass(frozen=True, slots=True)
class Tab:
    """One tab; `url` is the page it opens."""

    label: str
    url: str
    is_current: bool


def settings_tabs(request: HttpRequest, current: str) -> list[Tab]:
    """Return the tabs; who is a member nowhere has an account and nothing else."""
    pages = PAGES if getattr(request, "member", None) else PAGES[-1:]
    return [Tab(label, reverse(name), name == current) for label, name in pages]
