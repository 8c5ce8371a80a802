"""Merging counterparties: what is spent counts once for both, and nobody gets room or standing that neither had."""

from datetime import timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import pytest
from django.db import DatabaseError, transaction

from approvals.selectors.books import faults
from approvals.selectors.cards import cards_of
from approvals.selectors.inbox import detail
from approvals.selectors.lists import Chosen as Asked
from approvals.selectors.lists import chosen_authorizations
from approvals.selectors.situation import Situation, look
from approvals.services import authorize
from approvals.services.booking import Report
from approvals.services.merge import merge_counterparties
from approvals.services.record import record_spend
from audit.models import Event
from core.db import rows
from core.errors import Conflict, ContoError, Invalid, NotFound
from people.models import Member
from spend.models import Counterparty, SpendRecord
from spend.payee import PayeeClaim
from spend.selectors.alike import likely_duplicates
from spend.selectors.counterparties import counterparty_of, recently_paid, unknown_since
from spend.selectors.holds import paid_to
from spend.services.changes import change_counterparty, set_standing, upsert_counterparty_by_ref
from spend.services.merging import MOST_MERGED
from tests.approvals.world import World, ask, make_world, put_policy, say_yes, stored
from tests.factories import NOW, actor_for
from tests.spend.samples import a_counterparty, epoch_of, public

pytestmark = pytest.mark.django_db
A: Final = PayeeClaim("Acme", ("domain:acme.com",))
B: Final = PayeeClaim("ACME Inc.", ("domain:billing.acme.com",))
PER_PAYEE: Final[dict[str, Any]] = {
    "key": "payee",
    "type": "SPEND_LIMIT",
    "daily": {"USD": "10"},
    "per": "agent_counterparty",
}
ROOMY: Final[dict[str, Any]] = {"key": "day", "type": "SPEND_LIMIT", "daily": {"USD": "1000"}}


def payees(world: World, **fields: Any) -> tuple[UUID, UUID]:
    """Two counterparties that are one; `fields` are those of the second."""
    member = world.cast.olu
    kept = a_counterparty(member, "Acme", identifiers=list(A.identifiers))
    return kept, a_counterparty(member, "ACME Inc.", **{"identifiers": list(B.identifiers)} | fields)


def merge(world: World, kept: UUID, merged: UUID, *, member: Member | None = None) -> None:
    by = member or world.cast.olu
    organization_id = by.organization_id
    merge_counterparties(organization_id=organization_id, kept_id=kept, merged_id=merged, actor=actor_for(by), now=NOW)


def said(world: World, amount: str, payee: PayeeClaim, **more: Any) -> str:
    return ask(world, amount, payee=payee, **more).answer.status


def told(action: str) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """The one event of its kind."""
    event = Event.objects.get(action=action)
    assert event.before is not None
    assert event.after is not None
    return event.subject_id, event.before, event.after


def pay(world: World, amount: str, payee: PayeeClaim) -> None:
    asked = ask(world, amount, payee=payee)
    reach = {"organization_id": world.organization_id, "agent_id": world.agent.id}
    record_spend(asked.answer.id, Report(Decimal(amount), "USD"), actor=world.actor, now=NOW, **reach)


@pytest.mark.parametrize(
    "rule",
    [
        PER_PAYEE,
        {
            "key": "hour",
            "type": "SPEND_LIMIT",
            "hourly": {"USD": "10"},
            "window": "rolling",
            "per": "agent_counterparty",
        },
        {"key": "pace", "type": "VELOCITY", "limit": 2, "period_minutes": 60, "per": "agent_counterparty"},
    ],
    ids=["day", "rolling", "velocity"],
)
def test_what_both_have_spent_counts_for_the_one_that_is_left(rule: dict[str, Any]) -> None:
    world = make_world(rule)
    kept, merged = payees(world)
    pay(world, "6", A)
    assert said(world, "4", B) == "approved"
    merge(world, kept, merged)

    assert said(world, "1", A) == "declined"
    assert said(world, "1", B) == "declined"
    assert said(world, "1", PayeeClaim("", (), public(merged))) == "declined"
    assert faults() == []


def test_what_is_left_of_the_room_of_both_may_be_spent() -> None:
    world = make_world(PER_PAYEE)
    kept, merged = payees(world)
    pay(world, "3", A)
    pay(world, "4", B)
    merge(world, kept, merged)

    assert said(world, "4", A) == "declined"
    assert said(world, "3", B) == "approved"
    assert faults() == []


def test_a_rule_for_the_one_that_is_left_counts_what_the_other_had_spent() -> None:
    world = make_world(ROOMY)
    kept, merged = payees(world)
    put_policy(world.cast, "Acme only", [{**PER_PAYEE, "per": "agent", "when": {"counterparties": [public(kept)]}}])
    pay(world, "6", A)
    pay(world, "40", B)
    merge(world, kept, merged)

    assert said(world, "1", A) == "declined"
    assert faults() == []


def test_who_has_looked_before_the_merge_decides_again(monkeypatch: pytest.MonkeyPatch) -> None:
    world = make_world(PER_PAYEE)
    kept, merged = payees(world)
    pay(world, "6", A)
    pay(world, "1", B)
    looks: list[Situation] = []

    def look_and_merge(*args: Any, **kwargs: Any) -> Situation:
        looks.append(look(*args, **kwargs))
        if len(looks) == 1:
            merge(world, kept, merged)
        return looks[-1]

    monkeypatch.setattr(authorize, "look", look_and_merge)

    asked = ask(world, "4", payee=B)
    assert asked.answer.status == "declined"
    assert stored(asked).counterparty_id == kept
    assert faults() == []


def test_a_payment_that_waits_is_decided_again_with_what_both_have_spent() -> None:
    people = {"key": "people", "type": "APPROVAL_THRESHOLD", "above": {"USD": "4"}}
    world = make_world(PER_PAYEE, people)
    kept, merged = payees(world)
    waiting = stored(ask(world, "7", payee=B))
    assert said(world, "4", A) == "approved"
    merge(world, kept, merged)

    assert say_yes(waiting, world.cast.rui) == "declined"
    assert faults() == []


def test_a_payment_that_waits_shows_who_would_be_paid_now() -> None:
    world = make_world({"key": "people", "type": "APPROVAL_THRESHOLD", "above": {"USD": "100"}})
    kept, merged = payees(world)
    pay(world, "6", A)
    waiting = stored(ask(world, "200", payee=B))
    before = detail(world.organization_id, waiting.id, member=world.cast.rui, now=NOW)
    merge(world, kept, merged)

    shown = detail(world.organization_id, waiting.id, member=world.cast.rui, now=NOW)
    assert shown.digest != before.digest
    assert shown.paid == (("USD", Decimal(6), 1),)
    card = cards_of(shown, now=NOW).counterparty
    assert card is not None
    assert card.id == kept
    assert say_yes(waiting, world.cast.rui) == "approved"
    assert faults() == []


def test_a_duplicate_of_a_payment_to_the_merged_one_is_found() -> None:
    world = make_world(ROOMY, {"key": "twice", "type": "DUPLICATE", "minutes": 60, "on_breach": "deny"})
    kept, merged = payees(world)
    first = ask(world, "7", payee=B)
    merge(world, kept, merged)

    again = ask(world, "7", payee=A)
    assert again.answer.status == "declined"
    assert stored(again).possible_duplicate_of == first.answer.id


def test_who_was_paid_before_stays_paid_before() -> None:
    first = {"key": "new", "type": "COUNTERPARTY", "first_payment": "deny"}
    world = make_world(ROOMY)
    kept, merged = payees(world)
    pay(world, "5", B)
    put_policy(world.cast, "Known only", [first])
    assert said(world, "1", A) == "declined"
    merge(world, kept, merged)

    assert said(world, "1", A) == "approved"


def test_a_record_for_the_merged_one_still_fits_its_authorization() -> None:
    world = make_world(ROOMY)
    kept, merged = payees(world)
    asked = ask(world, "5", payee=B)
    merge(world, kept, merged)
    reach = {"organization_id": world.organization_id, "agent_id": world.agent.id}
    report = Report(Decimal(5), "USD", payee=B)
    record_spend(asked.answer.id, report, actor=world.actor, now=NOW, **reach)

    assert SpendRecord.objects.get().flags == []
    assert paid_to(world.organization_id, kept) == (("USD", Decimal(5), 1),)
    paid = recently_paid(world.organization_id, [kept], now=NOW)
    assert [line.total for line in paid[kept]] == [Decimal(5)]
    chosen = Asked(organization_id=world.organization_id, counterparty_id=kept)
    assert [one.id for one in chosen_authorizations(chosen, now=NOW)] == [asked.answer.id]
    assert faults() == []


@pytest.mark.parametrize(
    ("one", "other", "left"),
    [
        ("trusted", "blocked", "blocked"),
        ("blocked", "trusted", "blocked"),
        ("trusted", "verified", "verified"),
        ("unknown", "trusted", "unknown"),
    ],
)
def test_the_stricter_standing_counts(one: str, other: str, left: str) -> None:
    world = make_world(ROOMY)
    kept, merged = payees(world, standing=other)
    actor = actor_for(world.cast.olu)
    set_standing(organization_id=world.organization_id, counterparty_id=kept, standing=one, actor=actor, now=NOW)
    merge(world, kept, merged)

    assert counterparty_of(world.organization_id, kept).standing == left
    assert said(world, "1", B) == ("declined" if left == "blocked" else "approved")


def test_who_is_blocked_by_the_merged_id_stays_blocked() -> None:
    world = make_world(ROOMY)
    kept, merged = payees(world)
    put_policy(world.cast, "Never", [{"key": "no", "type": "COUNTERPARTY", "blocked": [public(merged)]}])
    assert said(world, "1", A) == "approved"
    merge(world, kept, merged)

    assert ask(world, "1", payee=A).answer.decision["reasons"] == ["counterparty_blocked"]


def test_a_rule_for_the_merged_one_only_stands_in_the_way_and_denies_when_it_comes_later() -> None:
    world = make_world(ROOMY)
    kept, merged = payees(world)
    rule = {**PER_PAYEE, "when": {"counterparties": [public(merged)]}}
    put_policy(world.cast, "Acme Inc. only", [rule])
    with pytest.raises(Conflict, match=r"Acme Inc\. only"):
        merge(world, kept, merged)
    merge(world, merged, kept)

    put_policy(world.cast, "Written late", [{**rule, "when": {"counterparties": [public(kept)]}}])
    assert ask(world, "1", payee=A).answer.decision["reasons"] == ["counterparty_merged"]


def test_everything_moves_and_is_told() -> None:
    world = make_world(ROOMY)
    kept, merged = payees(world, country="DE", external_ref="vendor-7")
    epoch = epoch_of(world.cast.organization)
    merge(world, kept, merged)

    left, gone = (counterparty_of(world.organization_id, one) for one in (kept, merged))
    assert (left.identifiers, left.country) == (("domain:acme.com", "domain:billing.acme.com"), "DE")
    assert (gone.identifiers, gone.merged_into, gone.merged_at) == ((), public(kept), NOW)
    assert epoch_of(world.cast.organization) == epoch + 1
    subject, before, after = told("counterparty.merged")
    assert subject == public(merged)
    assert before["identifiers"] == ["domain:billing.acme.com"]
    assert after["merged_into"] == public(kept)
    subject, before, after = told("counterparty.changed")
    assert subject == public(kept)
    assert before["identifiers"] == ["domain:acme.com"]
    assert after["identifiers"] == ["domain:acme.com", "domain:billing.acme.com"]
    assert after["merged"] == public(merged)
    assert unknown_since(world.organization_id, NOW - timedelta(days=1)) == 1


def test_one_step_leads_from_any_to_the_one_that_is_left() -> None:
    world = make_world(PER_PAYEE)
    kept, merged = payees(world)
    last = a_counterparty(world.cast.olu, "Third", identifiers=["domain:third.example"])
    pay(world, "6", B)
    merge(world, kept, merged)
    merge(world, last, kept)

    assert counterparty_of(world.organization_id, merged).merged_into == public(last)
    assert said(world, "5", PayeeClaim("", ("domain:third.example",))) == "declined"
    assert faults() == []


def test_nobody_is_merged_with_itself_twice_or_across_organizations() -> None:
    world = make_world(ROOMY)
    kept, merged = payees(world)
    foreign = a_counterparty(world.cast.mallory, "Evil")
    for one, other in ((kept, foreign), (foreign, kept)):
        with pytest.raises(NotFound):
            merge(world, one, other)
        with pytest.raises(NotFound):
            merge(world, one, other, member=world.cast.mallory)
    with pytest.raises(Invalid, match="same one"):
        merge(world, kept, kept)
    merge(world, kept, merged)
    for one, other in ((kept, merged), (merged, kept)):
        with pytest.raises(Conflict) as refused:
            merge(world, one, other)
        assert (refused.value.code, refused.value.facts["counterparty"]) == ("counterparty_merged", public(kept))


def test_two_countries_and_too_many_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    world = make_world(ROOMY)
    kept, merged = payees(world, country="DE")
    elsewhere = a_counterparty(world.cast.olu, "Else", identifiers=[f"domain:x{one}.example" for one in range(50)])
    france = a_counterparty(world.cast.olu, "Acme SA", identifiers=[], country="FR")

    def refusal(one: UUID, other: UUID) -> str:
        with pytest.raises(ContoError) as refused:
            merge(world, one, other)
        return refused.value.code

    assert refusal(merged, france) == "countries_differ"
    assert refusal(kept, elsewhere) == "too_many_identifiers"
    monkeypatch.setattr("spend.services.merging.MOST_MERGED", 0)
    assert refusal(kept, merged) == "too_many_merged"
    assert MOST_MERGED > 0
    assert not Event.objects.filter(action="counterparty.merged").exists()


def test_who_was_merged_does_not_change_any_more() -> None:
    world = make_world(ROOMY)
    kept, merged = payees(world, external_ref="vendor-7")
    merge(world, kept, merged)
    whose: dict[str, Any] = {"organization_id": world.organization_id, "actor": actor_for(world.cast.olu), "now": NOW}
    one: dict[str, Any] = {**whose, "counterparty_id": merged}
    for change in (
        lambda: set_standing(standing="trusted", **one),
        lambda: change_counterparty(change={"name": "New"}, **one),
        lambda: upsert_counterparty_by_ref(external_ref="vendor-7", change={"name": "New"}, **whose),
    ):
        with pytest.raises(Conflict) as refused:
            change()
        assert refused.value.code == "counterparty_merged"


def test_the_database_keeps_merges_whole() -> None:
    world = make_world(ROOMY)
    kept, merged = payees(world)
    for constraint, change in (
        ("counterparty_is_not_merged_into_itself", "merged_into_id = id, merged_at = now()"),
        ("merged_counterparty_has_a_moment", f"merged_into_id = '{merged}'"),
        ("merged_counterparty_has_a_moment", "merged_at = now()"),
    ):
        with pytest.raises(DatabaseError, match=constraint), transaction.atomic():
            rows(f"update spend_counterparty set {change} where id = %s", [kept])


def test_likely_duplicates_have_the_same_plain_name_or_a_domain_of_the_same_owner() -> None:
    world = make_world(ROOMY)
    kept, merged = payees(world)
    spelled = a_counterparty(world.cast.olu, "A.C.M.E.", identifiers=[])
    for name, domain in (("Shop UK", "shop.co.uk"), ("Other UK", "other.co.uk"), ("Else", "notacme.com")):
        a_counterparty(world.cast.olu, name, identifiers=[f"domain:{domain}"])
    a_counterparty(world.cast.mallory, "Acme", identifiers=["domain:acme.com"])

    found = likely_duplicates(world.organization_id, kept)
    assert [(one.public_id, one.why) for one in found] == [
        (public(spelled), "the same name"),
        (public(merged), "acme.com"),
    ]
    shop = Counterparty.objects.get(name="Shop UK")
    assert likely_duplicates(world.organization_id, shop.pk) == ()
    merge(world, kept, merged)
    assert [one.public_id for one in likely_duplicates(world.organization_id, kept)] == [public(spelled)]
