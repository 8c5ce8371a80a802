"""Always allow such a payment: a draft of the policy that asked, and what its publication lets pass."""

import re
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from approvals.models import Authorization
from approvals.services.merge import merge_counterparties
from audit.models import Event
from core.canonical import digest
from core.ids import Prefix, to_public
from people.models import Member
from policies.models import Policy
from policies.selectors import policies_naming
from policies.services import Wish, add_rule, discard_draft, save_draft, suggest
from spend.models import Counterparty
from spend.payee import PayeeClaim
from tests.approvals.world import World, add_agent, ask, make_world, put_policy, say_yes, stored
from tests.factories import NOW, actor_for
from tests.spend.samples import a_counterparty

pytestmark = pytest.mark.django_db

THRESHOLD: dict[str, Any] = {"key": "large", "type": "APPROVAL_THRESHOLD", "above": {"USD": "50"}}
LIST: dict[str, Any] = {
    "key": "vendors",
    "type": "WHITELIST",
    "allowed": ["domain:known.example"],
    "on_breach": "review",
    "review": {"approvals": 2},
}
DAILY: dict[str, Any] = {**THRESHOLD, "key": "day", "cumulative": "day"}
STANDING: dict[str, Any] = {"key": "known", "type": "COUNTERPARTY", "require": "verified", "on_breach": "review"}
CATEGORY: dict[str, Any] = {"key": "what", "type": "CATEGORY", "blocked": ["games"], "on_breach": "review"}
OTHER = PayeeClaim("Other", ("domain:other.example",))


@pytest.fixture(autouse=True)
def at_noon(time_machine: Any) -> None:
    time_machine.move_to(NOW, tick=False)


def signed_in(member: Member) -> Client:
    client = Client()
    client.force_login(member.person)
    return client


def address(one: Authorization) -> str:
    return f"/approvals/{to_public(Prefix.AUTHORIZATION, one.id)}/always/"


def filled_in(client: Client, one: Authorization, up_to: str, policy: Policy | None = None) -> dict[str, str]:
    """What the form sends, with the amount typed and the button of one policy pressed."""
    html = client.get(address(one)).content.decode()
    states = dict(re.findall(r'<input type="hidden" name="(state-[^"]+)" value="([^"]*)"', html))
    first = re.findall(r'name="policy" value="([^"]+)"', html)[0]
    return {**states, "up_to": up_to, "policy": to_public(Prefix.POLICY, policy.pk) if policy else first}


def drafted(client: Client, one: Authorization, up_to: str, policy: Policy | None = None) -> Any:
    return client.post(address(one), filled_in(client, one, up_to, policy), follow=True)


def publish_as_shown(client: Client, policy: Policy) -> None:
    at = f"/policies/{to_public(Prefix.POLICY, policy.pk)}/draft/publish/"
    html = client.get(at).content.decode()
    sent = dict(re.findall(r'name="(shown|note|warnings)" value="([^"]*)"', html))
    sent |= {"mode": "enforced", "is_seen": "on"}
    assert client.post(at, sent).status_code == 302


def only_policy() -> Policy:
    return Policy.objects.get()


def outcome(world: World, amount: str, **more: Any) -> str:
    return stored(ask(world, amount, **more)).outcome


def test_a_threshold_gets_an_exemption_for_the_pair_and_nothing_changes_until_it_is_published() -> None:
    world = make_world(THRESHOLD)
    another = add_agent(world.cast, "Another")
    olu, one = signed_in(world.cast.olu), stored(ask(world, "60"))

    page = drafted(olu, one, "80").content.decode()

    assert "Olu suggests" in page
    assert "large: Research may pay OpenAI up to $80.00 without asking." in page
    assert f'href="/approvals/{to_public(Prefix.AUTHORIZATION, one.id)}/"' in page
    assert outcome(world, "60") == "review"
    publish_as_shown(olu, only_policy())
    assert outcome(world, "80") == "allow"
    assert outcome(world, "80.01") == "review"
    assert outcome(world, "60", payee=OTHER) == "review"
    assert outcome(another, "60") == "review"
    policy = only_policy()
    assert (policy.draft, policy.draft_notes) == (None, [])
    assert policy.enforced is not None
    assert policy.enforced.note.startswith("large: Research may pay OpenAI up to $80.00")
    payee = Counterparty.objects.get(name="OpenAI")
    assert [each.policy for each in policies_naming(world.organization_id, [to_public(Prefix.COUNTERPARTY, payee.pk)])]


def test_a_list_gets_the_counterparty_and_a_rule_that_asks_about_more() -> None:
    world = make_world(LIST)
    olu, one = signed_in(world.cast.olu), stored(ask(world, "60"))

    page = drafted(olu, one, "80").content.decode()

    assert "OpenAI joins the list of those who may be paid, for every agent of this policy" in page
    publish_as_shown(olu, only_policy())
    assert outcome(world, "80") == "allow"
    larger = stored(ask(world, "80.01"))
    assert larger.outcome == "review"
    assert [need["approvals"] for need in larger.decision["requirements"]] == [2]
    assert outcome(world, "60", payee=OTHER) == "review"

    # A larger payment later: the rule that asks then is the new one.
    drafted(olu, larger, "90")
    publish_as_shown(olu, only_policy())
    assert outcome(world, "90") == "allow"
    assert outcome(world, "90.01") == "review"


@pytest.mark.parametrize(
    ("rule", "words"),
    [(DAILY, "adds up the agent"), (STANDING, "what your organization thinks of the counterparty")],
)
def test_a_rule_that_knows_no_payee_opens_as_it_is_with_the_reason(rule: dict[str, Any], words: str) -> None:
    world = make_world(rule)
    olu, one = signed_in(world.cast.olu), stored(ask(world, "60"))

    page = drafted(olu, one, "80").content.decode()

    assert words in page
    policy = only_policy()
    assert policy.enforced is not None
    assert policy.draft == policy.enforced.document


def test_a_payee_without_an_identifier_is_never_let_pass() -> None:
    world = make_world(THRESHOLD)
    one = stored(ask(world, "60", payee=PayeeClaim("Somebody", ())))
    page = signed_in(world.cast.olu).get(address(one)).content.decode()
    assert "No identifier proves who the payee is" in page


def test_what_somebody_else_drafted_stays_and_is_told() -> None:
    world = make_world(THRESHOLD)
    policy, one = only_policy(), stored(ask(world, "60"))
    scope: dict[str, Any] = {"organization_id": world.organization_id, "policy_id": policy.pk, "now": NOW}
    add_rule(**scope, rule=CATEGORY, actor=actor_for(world.cast.ada))
    olu = signed_in(world.cast.olu)

    assert "Somebody is writing a draft" in olu.get(address(one)).content.decode()
    drafted(olu, one, "80")

    draft = only_policy().draft
    assert draft is not None
    assert [rule["key"] for rule in draft["rules"]] == ["large", "what"]
    assert "exemptions" in draft["rules"][0]


def test_a_draft_that_changed_since_it_was_shown_is_not_written_over() -> None:
    world = make_world(THRESHOLD)
    policy, one = only_policy(), stored(ask(world, "60"))
    olu = signed_in(world.cast.olu)
    sent = filled_in(olu, one, "80")
    scope: dict[str, Any] = {"organization_id": world.organization_id, "policy_id": policy.pk, "now": NOW}
    add_rule(**scope, rule=CATEGORY, actor=actor_for(world.cast.ada))
    before = digest(only_policy().draft)

    again = olu.post(address(one), sent)

    assert again.status_code == 409
    assert "Somebody changed this policy or its draft meanwhile." in again.content.decode()
    assert digest(only_policy().draft) == before
    assert only_policy().draft_notes == []


def test_each_policy_that_asks_gets_a_draft_of_its_own() -> None:
    world = make_world(THRESHOLD)
    put_policy(world.cast, "Vendors", [LIST])
    olu, one = signed_in(world.cast.olu), stored(ask(world, "60"))
    first, second = Policy.objects.order_by("name")

    assert "Several policies ask" in olu.get(address(one)).content.decode()
    for policy in (first, second):
        drafted(olu, one, "80", policy)
        publish_as_shown(olu, policy)

    assert outcome(world, "80") == "allow"


def test_two_rules_of_one_policy_are_changed_together() -> None:
    world = make_world(THRESHOLD, LIST)
    olu, one = signed_in(world.cast.olu), stored(ask(world, "60"))
    drafted(olu, one, "80")
    publish_as_shown(olu, only_policy())
    assert outcome(world, "80") == "allow"
    assert outcome(world, "81") == "review"


@pytest.mark.parametrize(
    ("up_to", "words"), [("59.99", "less than this payment"), ("much", "at most 14 digits"), ("", "required")]
)
def test_an_amount_that_would_not_let_it_pass_is_refused(up_to: str, words: str) -> None:
    world = make_world(THRESHOLD)
    olu, one = signed_in(world.cast.olu), stored(ask(world, "60"))
    answer = olu.post(address(one), filled_in(olu, one, up_to))
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert only_policy().draft is None


def test_who_may_not_write_policies_is_not_shown_it() -> None:
    world = make_world(THRESHOLD)
    one = stored(ask(world, "60"))
    at = address(one)
    assert at in signed_in(world.cast.ada).get("/approvals/").content.decode()
    assert at not in signed_in(world.cast.rui).get("/approvals/").content.decode()
    assert signed_in(world.cast.rui).get(at).status_code == 403


def test_a_payment_that_no_rule_asks_about_leads_back() -> None:
    world = make_world(THRESHOLD)
    allowed = stored(ask(world, "10"))
    led = signed_in(world.cast.olu).get(address(allowed), follow=True)
    assert led.redirect_chain[0][0] == f"/approvals/{to_public(Prefix.AUTHORIZATION, allowed.id)}/"
    assert "there is nothing to change" in led.content.decode()


def test_it_can_still_be_wished_when_the_payment_is_approved() -> None:
    world = make_world(THRESHOLD)
    one = stored(ask(world, "60"))
    assert say_yes(one, world.cast.rui) == "approved"
    drafted(signed_in(world.cast.olu), one, "80")
    assert only_policy().draft is not None


@pytest.mark.parametrize("rule", [THRESHOLD, LIST], ids=["threshold", "list"])
def test_who_was_merged_since_is_let_pass_under_the_one_that_is_left(rule: dict[str, Any]) -> None:
    world = make_world(rule)
    one = stored(ask(world, "60"))
    kept = a_counterparty(world.cast.olu, "Open AI", identifiers=["domain:openai.example"])
    assert one.counterparty_id is not None
    merge_counterparties(
        organization_id=world.organization_id,
        kept_id=kept,
        merged_id=one.counterparty_id,
        actor=actor_for(world.cast.olu),
        now=NOW,
    )
    olu = signed_in(world.cast.olu)
    drafted(olu, one, "80")
    publish_as_shown(olu, only_policy())
    assert outcome(world, "80") == "allow"
    assert outcome(world, "80.01") == "review"


def test_the_history_names_the_request_and_the_notes_go_with_the_draft() -> None:
    world = make_world(THRESHOLD)
    policy, one = only_policy(), stored(ask(world, "60"))
    olu, name = signed_in(world.cast.olu), to_public(Prefix.AUTHORIZATION, one.id)
    drafted(olu, one, "80")
    drafted(olu, one, "80")
    assert "up to $80.00" in only_policy().draft_notes[0]["said"]
    drafted(olu, one, "90")
    assert "up to $90.00" in only_policy().draft_notes[0]["said"]

    told = Event.objects.filter(action="policy.draft_saved").latest("id")
    assert told.after is not None
    assert told.after["suggested_for"] == [name]
    assert [note["origin"] for note in only_policy().draft_notes] == [name]
    scope: dict[str, Any] = {"organization_id": world.organization_id, "policy_id": policy.pk, "now": NOW}
    save_draft(**scope, document={"schema": 1, "rules": [THRESHOLD]}, actor=actor_for(world.cast.ada))
    assert only_policy().draft_notes == []
    drafted(olu, one, "80")
    discard_draft(**scope, actor=actor_for(world.cast.ada))
    assert only_policy().draft_notes == []


WISH = Wish(
    "agt_01kaa00000000000000000000a", "Robin", "cpt_01kaa00000000000000000000a", "Acme", Decimal(80), "USD", "atz_1"
)


@pytest.mark.parametrize(
    "rule",
    [
        {**THRESHOLD, "above": {"USD": "80"}},
        {**THRESHOLD, "exemptions": [{"agent": WISH.agent, "counterparty": WISH.counterparty, "above": {"USD": "90"}}]},
        {**LIST, "allowed": [WISH.counterparty]},
    ],
)
def test_what_the_draft_lets_pass_already_is_left_alone(rule: dict[str, Any]) -> None:
    suggestion = suggest([rule], rule["key"], WISH)
    assert (suggestion.rules, suggestion.is_change) == ([rule], False)
    assert suggestion.words == "the draft lets it pass already."


def test_a_rule_that_the_draft_took_out_is_not_put_back() -> None:
    suggestion = suggest([CATEGORY], "large", WISH)
    assert (suggestion.rules, suggestion.is_change) == ([CATEGORY], False)


def test_an_exemption_is_raised_in_its_currency_and_keeps_the_others() -> None:
    pair = {"agent": WISH.agent, "counterparty": WISH.counterparty}
    other = {**pair, "agent": "agt_01kaa00000000000000000000b", "above": {"USD": "70"}}
    rule = {**THRESHOLD, "exemptions": [{**pair, "above": {"EUR": "60", "USD": "70"}}, other]}
    (changed,) = suggest([rule], "large", WISH).rules
    assert changed["exemptions"] == [other, {**pair, "above": {"EUR": "60", "USD": "80.00"}}]
