"""What differs between two documents, in words and by path, and which of it loosens."""

from typing import Any

import pytest

from policies.engine.changes import ChangeKind, Effect, ParameterChange, is_tightening, loosenings, rule_changes
from policies.engine.document import parse
from policies.engine.rules import Rule
from tests.policies.engine.writing import CPT, document, is_sentence, limit, rule

AGT = "agt_01kaa00000000000000000000a"
FIVE, TEN = {"USD": "5.00"}, {"USD": "10.00"}


def rules(*plains: dict[str, Any]) -> tuple[Rule, ...]:
    return parse(document(*plains)).rules


def changed(old: dict[str, Any], new: dict[str, Any]) -> tuple[ParameterChange, ...]:
    (only,) = rule_changes(rules(old), rules(new))
    assert only.kind is ChangeKind.CHANGED
    assert all(is_sentence(one.sentence) for one in only.parameters)
    return only.parameters


def test_rules_that_came_went_and_changed() -> None:
    old = rules(limit(), rule("WHITELIST", allowed=[]))
    new = rules({**limit(), "daily": TEN}, {**rule("RAIL", allowed=["x402"]), "key": "rails"})
    cap, rails, whitelist = rule_changes(old, new)
    assert (cap.kind, cap.key, cap.type) == (ChangeKind.CHANGED, "limit", "SPEND_LIMIT")
    assert (cap.before, cap.after) == ("At most $5.00 a day.", "At most $10.00 a day.")
    assert (rails.kind, rails.before, rails.after) == (ChangeKind.ADDED, "", "Only by x402.")
    assert (whitelist.kind, whitelist.after) == (ChangeKind.REMOVED, "")
    assert whitelist.before == "Pays nobody: the list is empty."


def test_a_rule_of_another_type_under_the_same_key_is_another_rule() -> None:
    old, new = rules(rule("WHITELIST", allowed=[])), rules(rule("RAIL", allowed=["x402"]))
    assert [one.kind for one in rule_changes(old, new)] == [ChangeKind.REMOVED, ChangeKind.ADDED]
    assert [(one.code, one.path) for one in loosenings(old, new)] == [("type_changed", "it")]


def test_the_order_of_rules_is_no_change() -> None:
    old = rules(limit(), rule("WHITELIST", allowed=[]))
    assert rule_changes(old, old[::-1]) == ()
    assert is_tightening(old, old[::-1])


def test_a_parameter_with_its_path_and_its_values() -> None:
    (daily,) = changed(limit(daily=FIVE), limit(daily=TEN))
    assert daily == ParameterChange(
        "limit.daily", {"USD": "5.00"}, {"USD": "10.00"}, "Daily: $5.00 becomes $10.00.", Effect.LOOSER
    )


def test_parameters_within_a_parameter_are_told_one_by_one() -> None:
    old = limit(on_breach="review", when={"categories": ["ads"]}, review={"approvals": 2})
    new = limit(on_breach="review", when={"categories": ["ads", "data"]}, review={"timeout_minutes": 120})
    assert [(one.path, one.sentence, one.effect) for one in changed(old, new)] == [
        ("limit.when.categories", "When, categories: data added.", Effect.TIGHTER),
        ("limit.review.approvals", "Review, approvals: 2 becomes 1.", Effect.LOOSER),
        ("limit.review.timeout_minutes", "Review, timeout: 24 hours becomes 2 hours.", Effect.TIGHTER),
    ]


def test_reviewers_that_are_fewer_for_themselves_and_anybody_together_are_looser() -> None:
    named = {"roles": ["admin"], "people": ["per_01kaa00000000000000000000a"]}
    told = changed(limit(on_breach="review", review=named), limit(on_breach="review"))
    assert [(one.path, one.effect) for one in told] == [
        ("limit.review.roles", Effect.LOOSER),
        ("limit.review.people", Effect.LOOSER),
    ]


def test_reviewers_that_become_anybody_are_looser_beside_what_is_looser_for_itself() -> None:
    named = {"approvals": 2, "roles": ["admin"], "people": ["per_01kaa00000000000000000000a"], "timeout_minutes": 60}
    told = changed(limit(on_breach="review", review=named), limit(on_breach="review", review={"timeout_minutes": 30}))
    assert {one.path: one.effect for one in told} == {
        "limit.review.approvals": Effect.LOOSER,
        "limit.review.roles": Effect.LOOSER,
        "limit.review.people": Effect.LOOSER,
        "limit.review.timeout_minutes": Effect.TIGHTER,
    }


def test_a_role_in_place_of_a_person_is_looser_on_both_sides() -> None:
    told = changed(
        limit(on_breach="review", review={"people": ["per_01kaa00000000000000000000a"]}),
        limit(on_breach="review", review={"roles": ["admin"]}),
    )
    assert [(one.path, one.effect) for one in told] == [
        ("limit.review.roles", Effect.LOOSER),
        ("limit.review.people", Effect.LOOSER),
    ]


def test_a_list_of_those_allowed_in_place_of_those_blocked_is_told_as_a_whole() -> None:
    told = changed(rule("CATEGORY", blocked=["ads"]), rule("CATEGORY", allowed=["data"]))
    assert [(one.path, one.effect) for one in told] == [
        ("it.allowed", Effect.TIGHTER),
        ("it.blocked", Effect.NEUTRAL),
    ]


@pytest.mark.parametrize(
    ("old", "new", "sentence", "effect"),
    [
        (limit(), limit(weekly=TEN), "Weekly: not set becomes $10.00.", Effect.TIGHTER),
        (limit(), limit(time_zone="UTC"), "Time zone: not set becomes UTC.", Effect.LOOSER),
        (limit(), limit(per="agent_counterparty"), "Per: agent becomes agent counterparty.", Effect.LOOSER),
        (
            rule("WHITELIST", allowed=["domain:a.com", "domain:b.com"]),
            rule("WHITELIST", allowed=["domain:a.com", "domain:c.com", "domain:d.com"]),
            "Allowed: domain:c.com and domain:d.com added, domain:b.com removed.",
            Effect.LOOSER,
        ),
        (
            rule("WHITELIST", allowed=["domain:a.com"]),
            rule("WHITELIST", allowed=[]),
            "Allowed: domain:a.com becomes not set.",
            Effect.TIGHTER,
        ),
        (
            rule("BUDGET_ALLOCATION", amount=FIVE, period="day"),
            rule("BUDGET_ALLOCATION", amount=FIVE, period="day", shared=False),
            "Shared: yes becomes no.",
            Effect.LOOSER,
        ),
        (
            rule("BUDGET_ALLOCATION", amount=FIVE, period="day"),
            rule("BUDGET_ALLOCATION", amount=FIVE, period="day", warn_at=[50, 80]),
            "Warn at: not set becomes 50 and 80.",
            Effect.NEUTRAL,
        ),
        (
            rule("EXPIRATION", valid_until="2027-01-01T00:00:00Z"),
            rule("EXPIRATION", valid_until="2026-12-01T09:00:00Z"),
            "Valid until: 1 January 2027, 00:00 UTC becomes 1 December 2026, 09:00 UTC.",
            Effect.TIGHTER,
        ),
        (
            rule("TIME_WINDOW", windows=[{"from": "09:00", "to": "17:00"}]),
            rule("TIME_WINDOW", windows=[{"from": "09:00", "to": f"1{hour}:00"} for hour in range(5)]),
            (
                "Windows: every day 09:00–17:00 becomes every day 09:00–10:00, every day 09:00–11:00, "
                "every day 09:00–12:00, every day 09:00–13:00 and every day 09:00–14:00."
            ),
            Effect.TIGHTER,
        ),
        (
            rule("BLACKOUT_PERIOD", dates=[{"from": "2026-12-24", "to": "2026-12-24"}]),
            rule("BLACKOUT_PERIOD", dates=[{"from": "2026-12-24", "to": "2026-12-26"}]),
            "Dates: 24 December 2026 becomes 24 December 2026 to 26 December 2026.",
            Effect.TIGHTER,
        ),
        (
            rule("BLACKOUT_PERIOD", hours=[{"from": "09:00", "to": "17:00"}]),
            rule(
                "BLACKOUT_PERIOD",
                hours=[{"from": "09:00", "to": "17:00"}],
                holidays={"country": "DE", "subdivision": "BE"},
            ),
            "Holidays: not set becomes DE-BE.",
            Effect.TIGHTER,
        ),
        (
            rule("APPROVAL_THRESHOLD", above=FIVE),
            rule("APPROVAL_THRESHOLD", above=FIVE, exemptions=[{"agent": AGT, "counterparty": CPT, "above": TEN}]),
            f"Exemptions: not set becomes $10.00 where {AGT} pays {CPT}.",
            Effect.LOOSER,
        ),
        (
            rule("DUPLICATE", minutes=1),
            rule("DUPLICATE", minutes=90),
            "Minutes: a minute becomes 90 minutes.",
            Effect.TIGHTER,
        ),
    ],
)
def test_what_became_of_a_parameter(old: dict[str, Any], new: dict[str, Any], sentence: str, effect: Effect) -> None:
    (only,) = changed(old, new)
    assert (only.sentence, only.effect) == (sentence, effect)


# --- What loosens -----------------------------------------------------------------------------------------------------


def found(old: tuple[Rule, ...], new: tuple[Rule, ...]) -> list[tuple[str, str]]:
    made = loosenings(old, new)
    assert all(is_sentence(one.detail) for one in made)
    assert is_tightening(old, new) is not bool(made)
    return [(one.code, one.path) for one in made]


def test_a_lower_limit_and_a_further_rule_only_tighten() -> None:
    assert found(rules(limit(daily=TEN)), rules(limit(daily=FIVE), rule("WHITELIST", allowed=[CPT]))) == []


def test_a_rule_that_is_taken_away_loosens() -> None:
    both = rules(limit(), rule("WHITELIST", allowed=[]))
    assert found(both, both[:1]) == [("rule_removed", "it")]
    assert "Pays nobody" in loosenings(both, both[:1])[0].detail


def test_a_parameter_that_is_looser_is_named_by_its_path_and_told_whole() -> None:
    old, new = rules(limit(on_breach="review", review={"approvals": 3})), rules(limit(on_breach="review"))
    assert found(old, new) == [("parameter_looser", "limit.review")]
    assert loosenings(old, new)[0].detail == "Review, approvals: 3 becomes 1."


def test_public_holidays_loosen_where_further_years_are_known_and_where_days_go() -> None:
    def closed(*dates: str, until: str, country: str = "DE") -> tuple[Rule, ...]:
        known = {"country": country, "dates": list(dates), "until": until}
        return rules(rule("BLACKOUT_PERIOD", holidays=known), limit(daily=TEN))

    christmas = closed("2026-12-25", until="2027-12-31")
    for after, words in (
        (
            closed("2026-12-25", until="2029-12-31"),
            "The public holidays of further years become known; beyond the known ones it denied.",
        ),
        (closed(until="2027-12-31"), "Days that were public holidays are none any more."),
        (closed("2026-12-25", until="2027-12-31", country="FR"), "Holidays, country: DE becomes FR."),
    ):
        (only,) = loosenings(christmas, after)
        assert (only.detail, only.path) == (words, "it.holidays")
    assert found(christmas, closed("2026-12-25", "2027-01-06", until="2027-12-31")) == []


def test_rules_for_payments_that_none_judged_loosen() -> None:
    travel = limit(when={"categories": ["travel"]})
    other = {**limit(when={"categories": ["ads"]}), "key": "other"}
    assert found(rules(travel), rules(travel, other)) == [("more_is_judged", "other")]
    assert found(rules(travel), rules(limit())) == [("more_is_judged", "limit")]
    assert found((), rules(limit())) == [("more_is_judged", "limit")]


def test_rules_for_payments_that_another_one_judges_tighten() -> None:
    travel = limit(when={"categories": ["travel"]})
    narrower = {**limit(when={"categories": ["travel"], "rails": ["card"]}), "key": "other"}
    assert found(rules(travel), rules(travel, narrower)) == []
    assert found(rules(limit()), rules(limit(), {**travel, "key": "other"})) == []


def test_nothing_after_nothing_tightens() -> None:
    assert found((), ()) == []


def test_what_is_loosened_is_told_beside_what_is_judged_anew() -> None:
    old = rules(limit(daily=FIVE, when={"categories": ["ads"]}))
    new = rules(limit(daily=TEN, when={"categories": ["ads"]}), {**limit(daily=TEN), "key": "everybody"})
    assert [one.path for one in loosenings(old, new)] == ["limit.daily", "everybody"]
