"""The closed set of reasons: its order and its sentences."""

import re

import pytest

from policies.engine.reasons import PRECEDENCE, Reason, in_order, sentence


def test_reasons_come_once_in_their_order() -> None:
    assert in_order(["velocity", "daily_limit", "no_policy", "daily_limit"]) == ("no_policy", "daily_limit", "velocity")
    assert in_order(["zebra", "velocity", "ant"]) == ("velocity", "ant", "zebra")
    assert in_order([]) == ()
    assert list(PRECEDENCE) == [reason.value for reason in Reason]


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_a_sentence(reason: Reason) -> None:
    assert re.fullmatch(r"[A-Z].+\.", sentence(reason.value))


def test_a_reason_of_a_later_version_is_shown_as_it_is() -> None:
    assert sentence("from_a_later_version") == "from_a_later_version"
