"""Random rules, payments and facts for the laws."""

import os
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from hypothesis import settings
from hypothesis import strategies as st

from core.span import CounterKey, Tally
from policies.engine.document import Document, parse
from policies.engine.evaluate import PolicyInForce
from policies.engine.rules import Rule
from policies.engine.types import Earlier, Facts, Mode, Payment, Rail, Standing

Plain = dict[str, Any]

law: Final = settings(max_examples=int(os.environ.get("CONTO_LAW_EXAMPLES", "25")), deadline=None)
"""How often each law is tried; `CONTO_LAW_EXAMPLES=5000` looks harder."""

NOW: Final = datetime(2026, 11, 18, 12, tzinfo=UTC)
COUNTERPARTIES: Final = ["cpt_01kaa00000000000000000000a", "cpt_01kaa00000000000000000000b"]
AGENTS: Final = ["agt_01kaa00000000000000000000a", "agt_01kaa00000000000000000000b"]
PEOPLE: Final = ["per_01kaa00000000000000000000a", "per_01kaa00000000000000000000b"]
IDENTIFIERS: Final = [
    "account:DE89370400440532013000",
    "address:0x00000000000000000000000000000000000000ee",
    "domain:api.example.com",
    "domain:eu.api.example.com",
    "domain:shop.example.org",
]
LISTED: Final = sorted([*IDENTIFIERS, *COUNTERPARTIES, "domain:*.example.com"])
CURRENCIES: Final = ["EUR", "USD"]
ZONES: Final = ["America/New_York", "Asia/Tokyo", "Europe/Berlin", "UTC"]
DAYS: Final = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
COUNTRIES: Final = ["DE", "FR", "US"]
CATEGORIES: Final = ["software", "travel"]
RAILS: Final = [rail.value for rail in Rail]

amounts = st.integers(1, 2_000).map(lambda cents: f"{cents // 100}.{cents % 100:02}")
money = st.dictionaries(st.sampled_from(CURRENCIES), amounts, min_size=1).map(lambda pairs: dict(sorted(pairs.items())))
moments = st.integers(-3 * 86_400, 3 * 86_400).map(lambda seconds: NOW + timedelta(seconds=seconds))
moment_texts = moments.map(lambda moment: moment.isoformat().replace("+00:00", "Z"))
dates = st.integers(-3, 3).map(lambda days: (NOW + timedelta(days=days)).date().isoformat())
clocks = st.integers(0, 23 * 60 + 59).map(lambda minutes: f"{minutes // 60:02}:{minutes % 60:02}")
zones = st.sampled_from(ZONES)
breaches = st.sampled_from(["deny", "review"])
outcomes = st.sampled_from(["allow", "review", "deny"])


def some(members: Iterable[str], *, least: int = 1) -> st.SearchStrategy[list[str]]:
    """A set of the members, in their order."""
    known = list(members)
    chosen = st.sets(st.sampled_from(known), min_size=least)
    return chosen.map(lambda found: sorted(found, key=known.index))


conditions = st.fixed_dictionaries(
    {},
    optional={
        "categories": some(CATEGORIES),
        "rails": some(["card", "x402"]),
        "counterparties": some(COUNTERPARTIES),
        "currencies": some([*CURRENCIES, "USDC"]),
        "minimum_amount": money,
    },
).filter(bool)
reviews = st.fixed_dictionaries(
    {},
    optional={
        "approvals": st.integers(2, 4),
        "roles": some(["reviewer", "admin", "owner"]),
        "people": some(PEOPLE),
        "timeout_minutes": st.integers(1, 1_000),
    },
).filter(bool)
hours = st.lists(
    st.fixed_dictionaries(
        {"from": clocks, "to": clocks},
        optional={"days": some(DAYS).filter(lambda days: len(days) < len(DAYS))},
    ),
    min_size=1,
    max_size=3,
)
date_ranges = st.lists(
    st.tuples(dates, dates).map(lambda pair: {"from": min(pair), "to": max(pair)}), min_size=1, max_size=2
)
resolved = {"dates": some([f"2026-11-{day}" for day in range(16, 21)]), "until": dates}
holidays = st.one_of(
    st.fixed_dictionaries({"country": st.sampled_from(COUNTRIES)}, optional=resolved),
    # Berlin and Bern: a form takes no place whose holidays nobody knows.
    st.fixed_dictionaries({"country": st.sampled_from(["CH", "DE"]), "subdivision": st.just("BE")}, optional=resolved),
)
not_calendar = st.just("rolling")
review_breach = st.just("review")


def rule(name: str, required: Plain, optional: Plain, *, is_reviewed: bool = True) -> st.SearchStrategy[Plain]:
    """A rule of a type, in the normal form: what is at its default is left out."""
    shared: Plain = {"when": conditions} | ({"review": reviews} if is_reviewed else {})
    return st.fixed_dictionaries({"type": st.just(name), **required}, optional={**optional, **shared})


def any_of(*names: str) -> Any:
    """A filter for rules that need at least one of several parameters."""
    return lambda made: any(name in made for name in names)


CAPS: Final = ("per_transaction", "hourly", "daily", "weekly", "monthly", "total")
spend_limits = rule(
    "SPEND_LIMIT",
    {},
    {
        **dict.fromkeys(CAPS, money),
        "window": not_calendar,
        "per": st.sampled_from(["agent_counterparty", "session"]),
        "time_zone": zones,
        "on_breach": review_breach,
    },
).filter(any_of(*CAPS))
budgets = rule(
    "BUDGET_ALLOCATION",
    {"amount": money, "period": st.sampled_from(["session", "day", "week", "month", "quarter", "year", "once"])},
    {
        "shared": st.just(False),
        "warn_at": st.just([50, 80]),
        "time_zone": zones,
        "on_breach": review_breach,
    },
)
dated_budgets = rule(
    "BUDGET_ALLOCATION",
    {"amount": money, "period": st.just("once"), "starts_at": st.just("2026-11-18T00:00:00Z")},
    {"ends_at": st.sampled_from(["2026-11-18T12:00:00.500000Z", "2026-12-01T00:00:00Z"])},
)
counterparty_rules = rule(
    "COUNTERPARTY",
    {},
    {
        "blocked": some(LISTED),
        "require": st.sampled_from(["verified", "trusted"]),
        "unknown": outcomes,
        "first_payment": outcomes,
        "on_breach": review_breach,
    },
).filter(any_of("blocked", "require", "unknown", "first_payment"))
whitelists = rule("WHITELIST", {"allowed": some(LISTED, least=0)}, {"on_breach": review_breach})
categories = st.one_of(
    *(rule("CATEGORY", {which: some(CATEGORIES)}, {"on_breach": review_breach}) for which in ("allowed", "blocked"))
)
countries = st.one_of(
    *(rule("GEOGRAPHIC", {which: some(COUNTRIES)}, {"on_breach": review_breach}) for which in ("allowed", "blocked"))
)
exemptions = st.lists(
    st.fixed_dictionaries(
        {"agent": st.sampled_from(AGENTS), "counterparty": st.sampled_from(COUNTERPARTIES), "above": money}
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda one: (one["agent"], one["counterparty"]),
).map(lambda found: sorted(found, key=lambda one: (one["agent"], one["counterparty"])))
thresholds = st.one_of(
    rule("APPROVAL_THRESHOLD", {"above": money}, {"cumulative": st.just("day"), "time_zone": zones}),
    rule("APPROVAL_THRESHOLD", {"above": money, "exemptions": exemptions}, {}),
)
time_windows = rule("TIME_WINDOW", {"windows": hours}, {"time_zone": zones, "on_breach": review_breach})
blackouts = rule(
    "BLACKOUT_PERIOD",
    {},
    {"dates": date_ranges, "hours": hours, "holidays": holidays, "time_zone": zones, "on_breach": review_breach},
).filter(any_of("dates", "hours", "holidays"))
velocities = rule(
    "VELOCITY",
    {"limit": st.integers(1, 20), "period_minutes": st.integers(1, 120)},
    {"per": st.just("agent_counterparty"), "on_breach": review_breach},
)
expirations = st.one_of(
    rule("EXPIRATION", {"valid_from": moment_texts}, {}, is_reviewed=False),
    rule("EXPIRATION", {"valid_until": moment_texts}, {}, is_reviewed=False),
)
rails = rule("RAIL", {}, {"allowed": some(RAILS), "ceiling": money, "on_breach": review_breach}).filter(
    any_of("allowed", "ceiling")
)
duplicates = rule(
    "DUPLICATE",
    {"minutes": st.integers(1, 60)},
    {"match": some(["purpose", "session"]), "on_breach": st.just("deny")},
)
rule_plains = st.one_of(
    spend_limits,
    budgets,
    dated_budgets,
    counterparty_rules,
    whitelists,
    categories,
    countries,
    thresholds,
    time_windows,
    blackouts,
    velocities,
    expirations,
    rails,
    duplicates,
)


def keyed(plains: list[Plain]) -> Plain:
    """A rule document of these rules, each with a key of its own."""
    return {"schema": 1, "rules": [{"key": f"r{place}", **plain} for place, plain in enumerate(plains)]}


document_plains = st.lists(rule_plains, max_size=2).map(keyed)
documents = document_plains.map(parse)


@st.composite
def policies(draw: st.DrawFn, name: str = "pol_a", mode: Mode | None = None) -> PolicyInForce:
    """A policy in force."""
    rules: tuple[Rule, ...] = draw(documents).rules
    return PolicyInForce(name, name, f"{name}-1", 1, mode or draw(st.sampled_from(Mode)), rules)


several_policies = st.tuples(policies("pol_a", Mode.ENFORCED), policies("pol_b"), policies("pol_c"))


@st.composite
def payments(draw: st.DrawFn) -> Payment:
    """A payment, resolved as the ask resolves it."""
    currency, counting = draw(st.sampled_from([("USD", "USD"), ("EUR", "EUR"), ("USDC", "USD"), ("GBP", "GBP")]))
    counterparty = draw(st.none() | st.sampled_from(COUNTERPARTIES))
    return Payment(
        organization="org_a",
        agent=draw(st.sampled_from(AGENTS)),
        amount=Decimal(draw(amounts)),
        currency=currency,
        counting_currency=counting,
        asked_at=draw(moments),
        identifiers=tuple(draw(some(IDENTIFIERS, least=0))),
        counterparty=counterparty,
        other_identifiers=tuple(draw(some(IDENTIFIERS, least=0))) if counterparty else (),
        standing=draw(st.sampled_from(Standing)) if counterparty else Standing.UNKNOWN,
        has_identifier_mismatch=draw(st.booleans()) if counterparty is None else False,
        category=draw(st.none() | st.sampled_from(CATEGORIES)),
        rail=draw(st.none() | st.sampled_from(Rail)),
        country=draw(st.none() | st.sampled_from(COUNTRIES)),
        session=draw(st.none() | st.sampled_from(["run_1", "run_2"])),
        purpose=draw(st.none() | st.sampled_from(["summary", "search"])),
    )


@st.composite
def worlds(draw: st.DrawFn, keys: Iterable[CounterKey], time_zone: str) -> Facts:
    """Facts in which every one of these counters is known."""
    earlier = st.builds(
        Earlier,
        authorization=st.just("atz_earlier"),
        asked_at=moments,
        purpose=st.none() | st.sampled_from(["summary", "search"]),
        session=st.none() | st.sampled_from(["run_1", "run_2"]),
        category=st.none() | st.sampled_from(CATEGORIES),
        rail=st.none() | st.sampled_from(Rail),
    )
    return Facts(
        now=draw(moments),
        time_zone=time_zone,
        tallies={key.digest: Tally(Decimal(draw(st.integers(0, 2_000))) / 100) for key in keys},
        earlier=tuple(draw(st.lists(earlier, max_size=2))),
        has_paid_counterparty=draw(st.booleans()),
        unread_before=draw(st.none() | st.none() | moments),
        frozen=tuple(draw(st.sampled_from([(), (), (), ("agent_frozen",), ("organization_frozen",)]))),
    )


def in_force(rules: Document) -> PolicyInForce:
    """The rules as an enforced policy."""
    return PolicyInForce("pol_a", "pol_a", "pol_a-1", 1, Mode.ENFORCED, rules.rules)


def empty_world(keys: Iterable[CounterKey], payment: Payment) -> Facts:
    """Facts in which nothing was spent yet."""
    return Facts(payment.asked_at, "UTC", {key.digest: Tally(Decimal(0)) for key in keys})
