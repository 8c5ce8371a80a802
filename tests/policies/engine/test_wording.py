"""How amounts, lists, days and hours are written."""

from datetime import date, datetime
from decimal import Decimal

import pytest

from policies.engine import wording
from policies.engine.rules import Hours
from tests.policies.engine.machine import machine_in
from tests.policies.engine.strategies import DAYS


@pytest.mark.parametrize(
    ("amount", "currency", "expected"),
    [
        ("1250", "USD", "$1,250.00"),
        ("0.000125", "EUR", "€0.000125"),
        ("-37.5", "USD", "−$37.50"),
        ("99", "CHF", "99.00 CHF"),
        ("-1", "USDC", "−1.00 USDC"),
        ("1", "JPY", "¥1.00"),
    ],
)
def test_money(amount: str, currency: str, expected: str) -> None:
    assert wording.money(Decimal(amount), currency) == expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["a"], "a"),
        (["a", "b"], "a or b"),
        (["a", "b", "c"], "a, b or c"),
        (["a", "b", "c", "d"], "a, b, c or 1 more"),
    ],
)
def test_lists(words: list[str], expected: str) -> None:
    assert wording.listed(words, "or") == expected


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (1, "a minute"),
        (10, "10 minutes"),
        (60, "an hour"),
        (90, "90 minutes"),
        (120, "2 hours"),
        (1_440, "24 hours"),
        (1_500, "25 hours"),
        (2_880, "2 days"),
        (10_080, "7 days"),
    ],
)
def test_minutes(count: int, expected: str) -> None:
    assert wording.minutes(count) == expected


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        (["mon"], "Mon"),
        (["mon", "tue"], "Mon, Tue"),
        (["mon", "tue", "wed"], "Mon–Wed"),
        (["mon", "wed", "fri"], "Mon, Wed, Fri"),
        (["tue", "wed", "thu"], "Tue–Thu"),
        (DAYS, "every day"),
    ],
)
def test_days(chosen: list[str], expected: str) -> None:
    from_text = {day.value: day for day in wording.DAYS}
    assert wording.days([from_text[name] for name in chosen]) == expected


def test_dates() -> None:
    assert wording.day(date(2026, 9, 1)) == "1 September 2026"
    with machine_in("Asia/Kathmandu"):
        assert wording.moment(datetime.fromisoformat("2027-01-01T00:30:00+01:00")) == "31 December 2026, 23:30 UTC"


def test_amounts_of_many_currencies_are_all_named() -> None:
    pairs = tuple((currency, Decimal(1)) for currency in ("CAD", "CHF", "EUR", "NOK", "USD"))
    assert wording.amounts(pairs) == "1.00 CAD, 1.00 CHF, €1.00, 1.00 NOK or $1.00"


def test_one_and_many_are_told_apart() -> None:
    assert [wording.count(number, "person", "people") for number in (0, 1, 2)] == ["0 people", "1 person", "2 people"]


def test_hours_that_never_open_do_not_reach_into_the_next_day() -> None:
    assert wording.hours([Hours(540, 540)]) == "every day 09:00–09:00"
