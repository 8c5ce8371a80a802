"""Rules whose condition no payment of the last 90 days would have met are told before a draft is published."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from approvals.selectors.unmet import unmet_rules
from core.clock import now as clock_now
from core.ids import Prefix, to_public
from policies.engine.document import parse
from policies.services import AssignTo, save_draft
from tests.approvals.world import World, ask, counterparty, make_world, put_policy
from tests.factories import NOW, actor_for
from tests.policies.samples import daily_limit, document, reload

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return make_world(daily_limit("1000"), now=NOW)


def unmet(world: World, when: dict[str, Any], *, days: int = 1) -> list[str]:
    policy_id = put_policy(world.cast, "Looked at", [daily_limit("9000")], targets=AssignTo(organization=True), now=NOW)
    rules = parse(document(daily_limit("5"), daily_limit("5", key="other", when=when))).rules
    return [one.path for one in unmet_rules(reload(policy_id), rules, now=NOW + timedelta(days=days))]


def test_conditions_are_compared_with_what_was_asked_for(world: World) -> None:
    ask(world, "10", category="travel", rail="card", now=NOW)
    payee = to_public(Prefix.COUNTERPARTY, counterparty(world).id)
    other = payee[:-3] + ("aaa" if not payee.endswith("aaa") else "bbb")
    nothing = ["rules[1].when"]
    assert unmet(world, {"categories": ["travel"]}) == []
    assert unmet(world, {"categories": ["ads"]}) == nothing
    assert unmet(world, {"rails": ["card"], "counterparties": [payee]}) == []
    assert unmet(world, {"rails": ["x402"]}) == nothing
    assert unmet(world, {"counterparties": [other]}) == nothing
    assert unmet(world, {"currencies": ["EUR"]}) == nothing
    assert unmet(world, {"minimum_amount": {"USD": "10"}}) == []
    assert unmet(world, {"minimum_amount": {"USD": "10.01"}}) == nothing
    assert unmet(world, {"minimum_amount": {"EUR": "99"}}) == []
    assert unmet(world, {"categories": ["travel"]}, days=91) == []


def test_a_field_that_a_payment_lacks_counts_as_matching(world: World) -> None:
    ask(world, "10", category=None, rail=None, now=NOW)
    assert unmet(world, {"categories": ["ads"], "rails": ["x402"]}) == []


def test_where_nothing_was_asked_for_nothing_is_said(world: World) -> None:
    assert unmet(world, {"categories": ["ads"]}) == []


def test_the_publish_page_asks_and_the_answer_names_the_rule() -> None:
    now = clock_now()
    world = make_world(daily_limit("1000"), now=now)
    ask(world, "10", category="travel", rail="card", now=now)
    client = Client()
    client.force_login(world.cast.olu.person)
    policy_id = put_policy(world.cast, "Looked at", [daily_limit("9000")], targets=AssignTo(organization=True), now=now)
    at = f"/policies/{to_public(Prefix.POLICY, policy_id)}/"
    by: Any = {"organization_id": world.organization_id, "policy_id": policy_id, "now": now}
    for category, is_unmet in (("ads", True), ("travel", False)):
        rule = daily_limit("5", key="some", when={"categories": [category]})
        save_draft(document=document(daily_limit(), rule), actor=actor_for(world.cast.olu), **by)
        assert f'hx-get="{at}unmet/"' in client.get(f"{at}draft/publish/").content.decode()
        part = client.get(f"{at}unmet/", headers={"HX-Request": "true"}).content.decode()
        assert ("Rule some would have judged nothing" in part) is is_unmet
        assert ("Every rule is met" in client.get(f"{at}unmet/").content.decode()) is not is_unmet
