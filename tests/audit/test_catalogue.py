"""The catalogue holds what can happen and nothing else: each action has its sentence and a service that writes it."""

import re
from typing import Final

import pytest

from audit.catalogue import SENTENCES, Action, payment_name
from conto_admin.embedded import ROOT

SERVICES: Final = ("agents", "approvals", "insight", "people", "policies", "spend")


def written() -> set[str]:
    """The names of the actions in the sources of services."""
    sources = [path for app in SERVICES for path in (ROOT / app / "services").glob("*.py")]
    assert len(sources) > 10
    return {name for path in sources for name in re.findall(r"\bAction\.([A-Z_]+)", path.read_text())}


def test_each_action_has_a_sentence() -> None:
    assert set(SENTENCES) == set(Action)


@pytest.mark.parametrize("action", sorted(Action), ids=str)
def test_each_action_is_written_by_a_service(action: Action) -> None:
    assert action.name in written()


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        ("12.50", "12.50"),
        ("1180.00", "1,180.00"),
        ("99999999999999.999999", "99,999,999,999,999.999999"),
        ("odd", "odd"),
    ],
)
def test_a_sentence_groups_the_digits_of_an_amount_as_every_page_does(amount: str, shown: str) -> None:
    assert payment_name(amount, "USD", "Hetzner") == f"of {shown} USD to Hetzner"
