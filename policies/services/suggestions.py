"""What a reviewer wishes, that such a payment passes without asking: put into a draft, never in force."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from core.actor import Actor
from core.db import use_case
from core.errors import Conflict
from core.money import amount_text
from policies.engine.document import SCHEMA_VERSION
from policies.engine.rules import RuleType
from policies.engine.wording import money
from policies.services.drafts import draft_rules, free_key, store_draft
from policies.services.publishing import state_digest
from policies.services.steps import locked_policy

Plain = dict[str, Any]

MOST_NOTES: Final = 20
"""Suggestions that a draft remembers; who has more of them at once does not read the first any more."""
ALREADY: Final = "the draft lets it pass already."
GONE: Final = "the draft has taken this rule out already."
UNPROVEN: Final = "not changed. No identifier proves who the payee is, so no rule can let it pass."
WHY_UNCHANGED: Final = {
    RuleType.APPROVAL_THRESHOLD: "not changed. It adds up the agent's day, so no payee can be left out.",
    RuleType.COUNTERPARTY: "not changed. It goes by what your organization thinks of the counterparty: give it the "
    "standing that the rule wants on its own page. A first payment is asked about only once.",
}
OTHERWISE: Final = "not changed. It does not ask because of who is paid: look whether it should ask about this at all."


@dataclass(frozen=True, slots=True)
class Wish:
    """That one agent may pay one counterparty so much without asking; `origin` is the request that it comes from.

    Ids are public ones. `counterparty` is None where no identifier proves the payee; `currency` is what it counts in.
    """

    agent: str
    agent_name: str
    counterparty: str | None
    payee: str
    up_to: Decimal
    currency: str
    origin: str


@dataclass(frozen=True, slots=True)
class Suggestion:
    """The rules of a draft with the wish in them, and in words what that does, or why nothing is changed."""

    rules: Sequence[Plain]
    words: str
    is_change: bool = True


@use_case
def put_suggestions(
    *,
    organization_id: UUID,
    policy_id: UUID,
    keys: Sequence[str],
    wish: Wish,
    shown: str,
    actor: Actor,
    now: datetime,
) -> None:
    """Put what the wish makes of the rules with these keys into the draft; what else stands in it stays.

    `shown` is the `state_digest` of what the person looked at. Raises `Conflict` (`changed_meanwhile`) where somebody
    has changed the draft or the policy since, and what the parser says.
    """
    policy = locked_policy(organization_id, policy_id)
    if state_digest(policy) != shown:
        raise Conflict("changed_meanwhile", "Somebody changed this policy or its draft meanwhile. Look again.")
    rules: Sequence[Plain] = draft_rules(policy)
    said: list[tuple[str, Suggestion]] = []
    for key in keys:
        suggestion = suggest(rules, key, wish)
        rules = suggestion.rules
        said.append((key, suggestion))
    notes = _noted(policy.draft_notes, wish, said, actor)
    store_draft(policy, {"schema": SCHEMA_VERSION, "rules": list(rules)}, notes=notes, actor=actor, now=now)


def suggest(rules: Sequence[Plain], key: str, wish: Wish) -> Suggestion:
    """Return the rules with the one of this key changed so that it lets such a payment pass, if it can."""
    place = next((place for place, rule in enumerate(rules) if rule["key"] == key), None)
    if place is None:
        return Suggestion(rules, GONE, is_change=False)
    rule = rules[place]
    kind = RuleType(rule["type"])
    can_name_payees = kind is RuleType.WHITELIST or (kind is RuleType.APPROVAL_THRESHOLD and "cumulative" not in rule)
    if not can_name_payees:
        return Suggestion(rules, WHY_UNCHANGED.get(kind, OTHERWISE), is_change=False)
    if wish.counterparty is None:
        return Suggestion(rules, UNPROVEN, is_change=False)
    change = _listed if kind is RuleType.WHITELIST else _exempt
    return change(rules, place, wish, wish.counterparty)


def _exempt(rules: Sequence[Plain], place: int, wish: Wish, counterparty: str) -> Suggestion:
    rule, pair = rules[place], {"agent": wish.agent, "counterparty": counterparty}
    present: list[Plain] = rule.get("exemptions", [])
    own: dict[str, str] = next((one["above"] for one in present if _is_of(one, pair)), {})
    lets_pass = [amounts[wish.currency] for amounts in (rule["above"], own) if wish.currency in amounts]
    if any(Decimal(amount) >= wish.up_to for amount in lets_pass):
        return Suggestion(rules, ALREADY, is_change=False)
    others = [one for one in present if not _is_of(one, pair)]
    exemption = {**pair, "above": {**own, wish.currency: amount_text(wish.up_to)}}
    words = (
        f"{wish.agent_name} may pay {wish.payee} up to {money(wish.up_to, wish.currency)} without asking. "
        "Above that, and for everybody else, people decide as before."
    )
    return Suggestion(_with(rules, place, {**rule, "exemptions": [*others, exemption]}), words)


def _listed(rules: Sequence[Plain], place: int, wish: Wish, counterparty: str) -> Suggestion:
    """Put the counterparty on the list. A list knows no amounts: a rule beside it asks about larger ones."""
    rule = rules[place]
    if counterparty in rule["allowed"]:
        return Suggestion(rules, ALREADY, is_change=False)
    most = money(wish.up_to, wish.currency)
    bound: Plain = {
        "key": free_key(f"{rule['key'][:30]}_above", {str(one["key"]) for one in rules}),
        "type": RuleType.APPROVAL_THRESHOLD.value,
        "above": {wish.currency: amount_text(wish.up_to)},
        "when": {**rule.get("when", {}), "counterparties": [counterparty]},
        **({"review": rule["review"]} if "review" in rule else {}),
    }
    words = (
        f"{wish.payee} joins the list of those who may be paid, for every agent of this policy: a list cannot tell "
        f"them apart. A new rule asks people about more than {most}, and declines what is not in {wish.currency}."
    )
    changed = _with(rules, place, {**rule, "allowed": [*rule["allowed"], counterparty]})
    return Suggestion([*changed, bound], words)


def _noted(
    notes: list[dict[str, str]], wish: Wish, said: Sequence[tuple[str, Suggestion]], actor: Actor
) -> list[dict[str, str]]:
    """Return the notes with this one, a line for each rule, in place of an earlier one for the same request."""
    others = [one for one in notes if one["origin"] != wish.origin]
    if len(others) < len(notes) and all(one.words == ALREADY for _, one in said):
        return notes
    lines = [f"{key}: {one.words}" for key, one in sorted(said, key=lambda pair: not pair[1].is_change)]
    return [*others, {"origin": wish.origin, "by": actor.name, "said": "\n".join(lines)}][-MOST_NOTES:]


def _with(rules: Sequence[Plain], place: int, rule: Plain) -> list[Plain]:
    return [*rules[:place], rule, *rules[place + 1 :]]


def _is_of(exemption: Plain, pair: Plain) -> bool:
    return all(exemption[name] == value for name, value in pair.items())
