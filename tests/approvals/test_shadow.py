"""What a shadow version would have said of live decisions: counted, listed, bounded, by the checks as stored."""

from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from django.test import Client

from approvals.selectors.shadow import Move, ShadowReport, Told, shadow_report, would_be
from core.ids import Prefix, to_public
from policies.engine.types import Mode, Outcome
from policies.models import Policy
from policies.services import AssignTo
from tests.approvals.world import World, ask, make_world, put_policy, republish, stored
from tests.factories import NOW
from tests.policies.samples import daily_limit
from tests.policies.test_pages import text_of

pytestmark = pytest.mark.django_db

LOOSE, TIGHT = daily_limit("1000"), daily_limit("20")


def shadowed(*shadow: dict[str, object]) -> tuple[World, UUID]:
    world = make_world(LOOSE)
    policy = Policy.objects.get(organization_id=world.organization_id)
    republish(world.cast, policy.pk, shadow or [TIGHT], mode=Mode.SHADOW)
    return world, policy.pk


def report(world: World, policy: UUID, *, most: int = 100) -> ShadowReport:
    return shadow_report(world.organization_id, policy=policy, version=2, since=NOW - timedelta(days=1), most=most)


def test_what_would_have_been_answered_differently_is_counted_and_listed() -> None:
    world, policy = shadowed()
    for amount in ("5", "10", "15"):
        ask(world, amount)
    found = report(world, policy)
    assert (found.judged, found.differ) == (3, 1)
    assert found.moves == (Move(Outcome.ALLOW, Outcome.DENY, "USD", 1, Decimal(15)),)
    (one,) = found.differing
    assert (one.payee, one.agent, one.amount) == ("OpenAI", "Research", Decimal(15))
    assert one.why == ("The payment would take the day's spend above its limit.",)


def test_the_shadow_stands_in_place_of_the_enforced_version_and_beside_other_policies() -> None:
    world, policy = shadowed(daily_limit("5000"))
    put_policy(world.cast, "Other", [daily_limit("100", key="other")])
    assert stored(ask(world, "2000")).outcome == Outcome.DENY
    found = report(world, policy)
    assert (found.judged, found.differ) == (1, 0), "the other policy denies it still"
    assert stored(ask(world, "50")).outcome == Outcome.ALLOW


def test_only_the_newest_decisions_are_looked_through() -> None:
    world, policy = shadowed()
    for minute in range(4):
        ask(world, "30", now=NOW + timedelta(minutes=minute))
    assert report(world, policy, most=2).judged == 2


def test_decisions_of_another_organization_and_of_other_versions_are_left_out() -> None:
    world, policy = shadowed()
    ask(world, "30")
    republish(world.cast, policy, [daily_limit("10")], mode=Mode.SHADOW)
    ask(world, "30")
    assert report(world, policy).judged == 1
    assert (
        shadow_report(
            world.cast.mallory.organization_id, policy=policy, version=2, since=NOW - timedelta(days=1)
        ).judged
        == 0
    )


def test_what_no_rule_decides_stays_denied() -> None:
    shadow = Told("pol_a", "shadow", 2, "allow", "daily_limit")
    for code in ("agent_frozen", "organization_frozen", "counterparty_blocked"):
        assert would_be(Outcome.DENY, [code], [shadow], own="pol_a", version=2) == (Outcome.DENY, (code,))
    said = Told("pol_a", "enforced", 1, "deny", "counterparty_blocked")
    assert would_be(Outcome.DENY, ["counterparty_blocked"], [said, shadow], own="pol_a", version=2)[0] is Outcome.ALLOW


def test_a_shadow_that_does_not_judge_leaves_no_rule() -> None:
    shadow = Told("pol_a", "shadow", 2, "not_applicable", "condition_not_met")
    enforced = Told("pol_a", "enforced", 1, "allow", "daily_limit")
    answer = would_be(Outcome.ALLOW, [], [enforced, shadow], own="pol_a", version=2)
    assert answer == (Outcome.DENY, ("no_rule_applies",))


def test_the_page_of_the_policy_leads_to_it_and_it_to_the_payments() -> None:
    world, policy = shadowed()
    asked = ask(world, "30")
    client = Client()
    client.force_login(world.cast.vera.person)
    at = f"/policies/{to_public(Prefix.POLICY, policy)}/"
    assert f'hx-get="{at}shadow/"' in client.get(at).content.decode()
    page = client.get(f"{at}shadow/").content
    assert "1 would have been answered differently" in text_of(page)
    assert f"/authorizations/{to_public(Prefix.AUTHORIZATION, asked.answer.id)}/" in page.decode()
    client.force_login(world.cast.mallory.person)
    assert client.get(f"{at}shadow/").status_code == 404


def test_nothing_in_shadow_and_nothing_asked_are_said_so() -> None:
    world, policy = shadowed()
    client = Client()
    client.force_login(world.cast.vera.person)
    at = f"/policies/{to_public(Prefix.POLICY, policy)}/shadow/"
    assert "No payment has been asked for" in text_of(client.get(at).content)
    only = put_policy(world.cast, "Enforced", [LOOSE], targets=AssignTo())
    assert "No version is in shadow" in text_of(
        client.get(f"/policies/{to_public(Prefix.POLICY, only)}/shadow/").content
    )


def test_an_authorization_links_to_the_very_versions_that_decided_it() -> None:
    world, policy = shadowed()
    asked = ask(world, "30")
    republish(world.cast, policy, [daily_limit("900")])
    client = Client()
    client.force_login(world.cast.vera.person)
    page = client.get(f"/authorizations/{to_public(Prefix.AUTHORIZATION, asked.answer.id)}/").content.decode()
    at = f"/policies/{to_public(Prefix.POLICY, policy)}/versions"
    assert f'href="{at}/1/#rule-daily"' in page
    assert f'href="{at}/2/#rule-daily"' in page
    assert f"{at}/3/" not in page
