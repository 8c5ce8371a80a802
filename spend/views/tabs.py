"""The views of the counterparties' part of the console."""

from dataclasses import dataclass

from django.urls import reverse

VIEWS = (("Counterparties", "spend:counterparties"), ("Pegged currencies", "spend:pegs"))


@dataclass(frozen=True, slots=True)
class Tab:
    """One view."""

    label: str
    url: str
    is_current: bool


def tabs(current: str) -> list[Tab]:
    """Return the views, `current` being the name of the page's own address."""
    return [Tab(label, reverse(name), name == current) for label, name in VIEWS]
