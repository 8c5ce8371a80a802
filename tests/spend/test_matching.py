"""The question a counter asks of rows is the one that the engine asks of payments."""

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.ids import Prefix, new_id, to_public
from core.span import Condition, CounterKey, Measure, Span, Subject
from spend.models import Counterparty, Hold
from spend.selectors.matching import sum_of_holds
from tests.approvals.world import World, make_world
from tests.factories import NOW

pytestmark = pytest.mark.django_db

LABELS = st.sampled_from([None, "ai", "travel"])
RAILS = st.sampled_from([None, "card", "x402"])
CURRENCIES = st.sampled_from([("USD", "USD"), ("USDC", "USD"), ("EUR", "EUR")])
AMOUNTS = st.sampled_from([Decimal("0.5"), Decimal(10), Decimal("10.5")])


@st.composite
def conditions(draw: st.DrawFn) -> tuple[Condition, bool]:
    """A condition, and whether it names the one counterparty there is (its id is known later)."""
    minimums = draw(st.sampled_from([(), (("USD", Decimal(10)),), (("EUR", Decimal(11)), ("USD", Decimal(1)))]))
    condition = Condition(
        categories=draw(st.sampled_from([(), ("ai",), ("ai", "travel")])),
        rails=draw(st.sampled_from([(), ("card",)])),
        currencies=draw(st.sampled_from([(), ("USDC",), ("USD",)])),
        minimum_amounts=minimums,
    )
    return condition, draw(st.booleans())


@pytest.fixture
def world() -> World:
    made = make_world()
    Counterparty.objects.create(id=new_id(NOW), organization_id=made.organization_id, name="Known", first_seen_at=NOW)
    return made


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    asked=st.lists(st.tuples(LABELS, RAILS, CURRENCIES, AMOUNTS, st.booleans()), min_size=1, max_size=4),
    wanted=conditions(),
)
def test_rows_and_payments_are_asked_the_same(
    world: World,
    asked: list[tuple[str | None, str | None, tuple[str, str], Decimal, bool]],
    wanted: tuple[Condition, bool],
) -> None:
    Hold.objects.all().delete()
    known = Counterparty.objects.get()
    condition, is_bound = wanted
    if is_bound:
        condition = Condition(
            condition.categories,
            condition.rails,
            (to_public(Prefix.COUNTERPARTY, new_id(NOW)),),
            condition.currencies,
            condition.minimum_amounts,
        )
    expected = Decimal(0)
    for category, rail, (currency, counting), amount, has_payee in asked:
        place(world, category, rail, currency, counting, amount, known if has_payee else None)
        covered = condition.covers(
            category=category,
            rail=rail,
            counterparty=to_public(Prefix.COUNTERPARTY, known.id) if has_payee else None,
            currency=currency,
            counting_currency=counting,
            amount=amount,
        )
        expected += amount if covered and counting == "USD" else 0

    assert sum_of_holds(world.organization_id, world.agent.id, key_of(world, condition), NOW) == expected


def place(
    world: World,
    category: str | None,
    rail: str | None,
    currency: str,
    counting: str,
    amount: Decimal,
    payee: Counterparty | None,
) -> None:
    Hold.objects.create(
        id=new_id(NOW),
        organization_id=world.organization_id,
        agent=world.agent,
        counterparty=payee,
        currency=currency,
        counting_currency=counting,
        amount=amount,
        held=amount,
        is_ask=True,
        category=category,
        rail=rail,
        asked_at=NOW,
    )


def key_of(world: World, condition: Condition) -> CounterKey:
    return CounterKey(
        organization=to_public(Prefix.ORGANIZATION, world.organization_id),
        measure=Measure.AMOUNT,
        subject=Subject.AGENT,
        currency="USD",
        agent=to_public(Prefix.AGENT, world.agent.id),
        condition=condition,
        span=Span(NOW - timedelta(hours=1), NOW + timedelta(hours=1)),
    )
