"""Equal asks at one moment: the DUPLICATE rule lets one pass, for its fingerprint is raised only by who saw it last."""

from dataclasses import replace
from typing import Any, Final

import pytest

from approvals.selectors.books import faults
from approvals.selectors.situation import Situation
from approvals.services import authorize
from tests.approvals.world import make_world
from tests.races.arena import Arena
from tests.races.asks import make, wishes, words
from tests.races.controls import look_together

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]

ASKS: Final = 16
FEW: Final = 6
RULES: Final[list[dict[str, Any]]] = [
    {"key": "once", "type": "DUPLICATE", "minutes": 10},
    {"key": "daily", "type": "SPEND_LIMIT", "daily": {"USD": "1000"}},
]
DENIES: Final = [{**RULES[0], "on_breach": "deny"}, RULES[1]]


def test_control_without_the_fingerprint_all_pass(arena: Arena, monkeypatch: pytest.MonkeyPatch) -> None:
    look_with_the_others = look_together(monkeypatch, FEW)

    def look_past_the_fingerprint(*args: Any, **kwargs: Any) -> Situation:
        return replace(look_with_the_others(*args, **kwargs), fingerprint=None)

    monkeypatch.setattr(authorize, "look", look_past_the_fingerprint)

    assert words(arena.run(make, wishes(make_world(*RULES), FEW))) == {"approved": FEW}


def test_of_equals_that_saw_none_before_them_one_passes(arena: Arena, monkeypatch: pytest.MonkeyPatch) -> None:
    look_together(monkeypatch, FEW)

    assert words(arena.run(make, wishes(make_world(*RULES), FEW))) == {"approved": 1, "pending_review": FEW - 1}
    assert faults() == []


@pytest.mark.parametrize(("rules", "word"), [(RULES, "pending_review"), (DENIES, "declined")], ids=["review", "deny"])
def test_of_sixteen_equals_one_is_approved(arena: Arena, rules: list[dict[str, Any]], word: str) -> None:
    asks = wishes(make_world(*rules), ASKS)

    assert words(arena.run(make, asks, processes=2)) == {"approved": 1, word: ASKS - 1}
    assert faults() == []
