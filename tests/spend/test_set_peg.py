"""A stablecoin counts with the currency it is pegged to, for asks after the peg."""

from decimal import Decimal

import pytest

from approvals.selectors.books import faults
from audit.models import Event
from core.errors import Invalid
from spend.models import Counter, Hold
from spend.selectors.counterparties import pegs_of
from spend.services.pegs import remove_peg, replace_pegs, set_peg
from tests.approvals.world import World, ask, make_world
from tests.factories import NOW, Cast, actor_for, make_cast
from tests.spend.samples import epoch_of

pytestmark = pytest.mark.django_db
DAILY = {"key": "daily", "type": "SPEND_LIMIT", "daily": {"USD": "100"}}


@pytest.fixture
def people() -> Cast:
    return make_cast()


def peg(people: Cast, currency: str, pegged_to: str) -> None:
    set_peg(
        organization_id=people.organization.pk,
        currency=currency,
        pegged_to=pegged_to,
        actor=actor_for(people.olu),
        now=NOW,
    )


def unpeg(people: Cast, currency: str) -> None:
    remove_peg(organization_id=people.organization.pk, currency=currency, actor=actor_for(people.olu), now=NOW)


def used(world: World) -> dict[str, Decimal]:
    counters = Counter.objects.filter(organization_id=world.organization_id)
    return dict(counters.values_list("currency", "used"))


def test_a_peg_is_stored_changed_removed_and_told(people: Cast) -> None:
    before = epoch_of(people.organization)
    peg(people, "USDC", "USD")
    peg(people, "USDC", "USD")
    peg(people, "USDC", "EUR")
    assert pegs_of(people.organization.pk) == {"USDC": "EUR"}
    unpeg(people, "USDC")
    unpeg(people, "USDC")

    assert pegs_of(people.organization.pk) == {}
    assert epoch_of(people.organization) == before + 3
    events = Event.objects.filter(action="peg.changed", subject_id="USDC").values_list("before", "after")
    usd, eur, nothing = ({"name": "USDC", "pegged_to": target} for target in ("USD", "EUR", None))
    assert [pair for pair in [(None, usd), (usd, eur), (eur, nothing)] if pair not in events] == []
    assert len(events) == 3


@pytest.mark.parametrize(
    ("currency", "target", "code"),
    [
        ("usdc", "USD", "currency_invalid"),
        ("USDC", "$", "currency_invalid"),
        ("USD", "USD", "peg_to_itself"),
        ("DAI", "USDC", "peg_chain"),
        ("USD", "EUR", "peg_chain"),
    ],
)
def test_what_is_no_peg_is_refused(people: Cast, currency: str, target: str, code: str) -> None:
    peg(people, "USDC", "USD")

    with pytest.raises(Invalid) as caught:
        peg(people, currency, target)

    assert caught.value.code == code
    assert pegs_of(people.organization.pk) == {"USDC": "USD"}


def test_the_whole_table_is_replaced_at_once(people: Cast) -> None:
    peg(people, "USDC", "USD")
    wanted = {"USDC": "EUR", "EURC": "EUR"}
    actor = actor_for(people.olu)
    for _ in range(2):
        replace_pegs(organization_id=people.organization.pk, pegs=wanted, actor=actor, now=NOW)

    assert pegs_of(people.organization.pk) == {"EURC": "EUR", "USDC": "EUR"}
    assert Event.objects.filter(action="peg.changed").count() == 3
    too_many = {f"C{number:03}": "USD" for number in range(101)}
    with pytest.raises(Invalid, match="At most 100"):
        replace_pegs(organization_id=people.organization.pk, pegs=too_many, actor=actor, now=NOW)


def test_another_organizations_pegs_are_its_own(people: Cast) -> None:
    peg(people, "USDC", "USD")

    assert pegs_of(people.mallory.organization_id) == {}


def test_what_was_asked_before_a_change_stays_where_it_was_counted() -> None:
    world = make_world(DAILY)
    assert ask(world, "10", currency="USDC").answer.status == "declined"

    peg(world.cast, "USDC", "USD")
    assert ask(world, "10", currency="USDC").answer.status == "approved"
    assert ask(world, "20").answer.status == "approved"
    assert used(world) == {"USD": Decimal(30)}

    unpeg(world.cast, "USDC")
    assert ask(world, "5", currency="USDC").answer.status == "declined"
    assert used(world) == {"USD": Decimal(30)}
    assert set(Hold.objects.values_list("currency", "counting_currency")) == {("USDC", "USD"), ("USD", "USD")}
    assert faults() == []
