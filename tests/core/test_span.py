"""Counters are told apart by every field of their name, and conditions say what they cover."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from core.span import ANY_PAYMENT, Condition, CounterKey, Measure, Span, Subject, bucket_of, first_counted_bucket

NOON = datetime(2026, 11, 18, 12, tzinfo=UTC)
KEY = CounterKey("org", Measure.AMOUNT, Subject.AGENT, "USD", agent="agt", span=Span(NOON, None))


@pytest.mark.parametrize(
    "changed",
    [
        {"organization": "org2"},
        {"measure": Measure.COUNT},
        {"subject": Subject.POT},
        {"currency": "EUR"},
        {"currency": ""},
        {"agent": "agt2"},
        {"agent": None},
        {"agent": "-"},
        {"counterparty": "cpt"},
        {"counterparty": ""},
        {"session": "run"},
        {"pot": "pol/key"},
        {"condition": Condition(categories=("a",))},
        {"condition": Condition(rails=("a",))},
        {"condition": Condition(counterparties=("a",))},
        {"condition": Condition(currencies=("a",))},
        {"condition": Condition(minimum_amounts=(("USD", Decimal(1)),))},
        {"condition": Condition(minimum_amounts=(("USD", Decimal("1.5")),))},
        {"span": Span(None, None)},
        {"span": Span(None, NOON)},
        {"span": Span(NOON, NOON + timedelta(hours=1))},
        {"rolling_seconds": 60},
    ],
)
def test_every_field_tells_counters_apart(changed: dict[str, Any]) -> None:
    assert replace(KEY, **changed).digest != KEY.digest


def test_texts_cannot_be_cut_otherwise() -> None:
    assert replace(KEY, agent="a", counterparty="bc").digest != replace(KEY, agent="ab", counterparty="c").digest
    assert replace(KEY, session="1:x-").digest != replace(KEY, session=None, pot="1:x-").digest
    one, two = Condition(categories=("ab", "c")), Condition(categories=("a", "bc"))
    assert replace(KEY, condition=one).digest != replace(KEY, condition=two).digest


def test_equal_keys_have_equal_digests() -> None:
    elsewhere = Span(NOON.astimezone(timezone(timedelta(hours=9))), None)
    assert replace(KEY, span=elsewhere).digest == KEY.digest
    assert replace(KEY, condition=Condition()).digest == KEY.digest
    first, second = (
        Condition(minimum_amounts=(("USD", Decimal("1.50")),)),
        Condition(minimum_amounts=(("USD", Decimal("1.5")),)),
    )
    assert replace(KEY, condition=first).digest == replace(KEY, condition=second).digest


def covers(condition: Condition, **said: Any) -> bool:
    payment: dict[str, Any] = {
        "category": "travel",
        "rail": "card",
        "counterparty": "cpt_a",
        "currency": "USDC",
        "counting_currency": "USD",
        "amount": Decimal(10),
    }
    return condition.covers(**{**payment, **said})


def test_no_condition_covers_everything() -> None:
    assert covers(ANY_PAYMENT)
    assert covers(ANY_PAYMENT, category=None, rail=None, counterparty=None)


@pytest.mark.parametrize(
    ("condition", "said", "expected"),
    [
        (Condition(categories=("a", "travel")), {}, True),
        (Condition(categories=("a",)), {}, False),
        (Condition(categories=("a",)), {"category": None}, True),
        (Condition(rails=("card",)), {}, True),
        (Condition(rails=("bank",)), {}, False),
        (Condition(rails=("bank",)), {"rail": None}, True),
        (Condition(counterparties=("cpt_a",)), {}, True),
        (Condition(counterparties=("cpt_b",)), {}, False),
        (Condition(counterparties=("cpt_b",)), {"counterparty": None}, True),
        (Condition(currencies=("USD",)), {}, True),
        (Condition(currencies=("USDC",)), {}, True),
        (Condition(currencies=("EUR",)), {}, False),
        (Condition(minimum_amounts=(("USD", Decimal(10)),)), {}, True),
        (Condition(minimum_amounts=(("USD", Decimal("10.000001")),)), {}, False),
        (Condition(minimum_amounts=(("EUR", Decimal(99)),)), {}, True),
        (Condition(categories=("travel",), rails=("bank",)), {}, False),
    ],
)
def test_condition(condition: Condition, said: dict[str, Any], *, expected: bool) -> None:
    assert covers(condition, **said) is expected


def test_buckets_of_a_rolling_window() -> None:
    assert bucket_of(NOON, 3600) - bucket_of(NOON - timedelta(hours=1), 3600) == 60
    assert first_counted_bucket(NOON, 3600) == bucket_of(NOON - timedelta(hours=1), 3600)
    assert bucket_of(NOON - timedelta(microseconds=1), 60) == bucket_of(NOON, 60) - 1
