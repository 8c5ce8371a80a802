"""Reads the stories in `cases/`: payment, policies, facts, and what is to be answered; see `cases/README.md`."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from core.span import CounterKey, Tally
from policies.engine import document
from policies.engine.evaluate import PolicyInForce, counters_needed, evaluate
from policies.engine.types import Decision, Earlier, Facts, Mode, Payment, Rail, Standing

CASES = Path(__file__).parent / "cases"
Plain = dict[str, Any]


@dataclass(frozen=True)
class Story:
    """One situation and its expected answer; `turned` are the same with one thing changed."""

    name: str
    parameter: str | None
    request: Plain
    policies: tuple[Plain, ...]
    facts: Plain
    expect: Plain
    turned: "tuple[Story, ...]" = ()

    def decide(self) -> Decision:
        """The engine's answer."""
        payment, policies = self.payment(), self.in_force()
        keys = counters_needed(policies, payment, self.facts.get("time_zone", "UTC"))
        tallies = {} if self.facts.get("counters_unknown") else {key.digest: Tally(self.used(key)) for key in keys}
        return evaluate(payment, policies, self.world(tallies))

    def payment(self) -> Payment:
        """The payment that is asked for."""
        said = self.request
        return Payment(
            organization="acme",
            agent=said.get("agent", "robin"),
            amount=Decimal(said["amount"]),
            currency=said["currency"],
            counting_currency=said["counts_as"] if "counts_as" in said else said["currency"],
            asked_at=said["at"],
            identifiers=tuple(said.get("identifiers", ())),
            other_identifiers=tuple(said.get("other_identifiers", ())),
            counterparty=said.get("counterparty"),
            standing=Standing(said.get("standing", "unknown")),
            has_identifier_mismatch=said.get("mismatch", False),
            category=said.get("category"),
            rail=Rail(said["rail"]) if "rail" in said else None,
            country=said.get("country"),
            session=said.get("session"),
            purpose=said.get("purpose"),
        )

    def in_force(self) -> tuple[PolicyInForce, ...]:
        """The policies, parsed."""
        return tuple(
            PolicyInForce(
                policy["name"],
                policy["name"],
                f"{policy['name']}-1",
                1,
                Mode(policy.get("mode", "enforced")),
                document.parse({"schema": 1, "rules": policy.get("rules", [])}).rules,
            )
            for policy in self.policies
        )

    def world(self, tallies: Mapping[str, Tally]) -> Facts:
        """The facts, with what the counters hold."""
        earlier = self.facts.get("earlier", ())
        return Facts(
            now=self.facts["now"] if "now" in self.facts else self.request["at"],
            time_zone=self.facts.get("time_zone", "UTC"),
            tallies=tallies,
            earlier=tuple(
                Earlier(
                    "atz_earlier",
                    one["at"],
                    one.get("purpose"),
                    one.get("session"),
                    one.get("category"),
                    Rail(one["rail"]) if "rail" in one else None,
                )
                for one in earlier
            ),
            unread_before=self.facts.get("unread_before"),
            has_paid_counterparty=self.facts.get("paid_before", False),
            frozen=tuple(self.facts.get("frozen", ())),
        )

    def used(self, key: CounterKey) -> Decimal:
        """What the first line of `used` that fits the counter says; nothing where none fits."""
        for line in self.facts.get("used", ()):
            if all(describe(key)[name] == wanted for name, wanted in line.items() if name != "used"):
                return Decimal(line["used"])
        return Decimal(0)


def describe(key: CounterKey) -> dict[str, Any]:
    """A counter in the words of the stories."""
    return {
        "measure": key.measure.value,
        "subject": key.subject.value,
        "currency": key.currency,
        "counterparty": key.counterparty,
        "session": key.session,
        "pot": key.pot,
        "categories": list(key.condition.categories),
        "from": key.span.start,
        "until": key.span.end,
        "rolling_minutes": None if key.rolling_seconds is None else key.rolling_seconds // 60,
    }


def told() -> Iterator[Story]:
    """Every story there is."""
    for path in sorted(CASES.rglob("*.toml")):
        yield read(path)


def read(path: Path) -> Story:
    """The story in one file."""
    said = tomllib.loads(path.read_text())
    base = Story(
        name=str(path.relative_to(CASES).with_suffix("")),
        parameter=said.get("parameter"),
        request=said["request"],
        policies=tuple(said.get("policies", ())),
        facts=said.get("facts", {}),
        expect=said["expect"],
    )
    known = {"says", "parameter", "request", "policies", "facts", "expect", "turns"}
    assert said["says"]
    assert said.keys() <= known, f"{path}: unknown words {said.keys() - known}"
    turned = tuple(turn(base, one) for one in said.get("turns", ()))
    return Story(**{**{name: getattr(base, name) for name in Story.__dataclass_fields__}, "turned": turned})


def turn(base: Story, one: Plain) -> Story:
    """The story with one thing changed: parameters of its first rule, its request, or its facts."""
    known = {"says", "set", "remove", "request", "remove_from_request", "facts", "expect"}
    assert one["says"]
    assert one.keys() <= known, f"{base.name}: unknown words {one.keys() - known}"
    policies = base.policies
    if "set" in one or "remove" in one:
        first, *others = policies[0]["rules"]
        kept = {name: member for name, member in first.items() if name not in one.get("remove", ())}
        policies = ({**policies[0], "rules": [{**kept, **one.get("set", {})}, *others]}, *policies[1:])
    request = {**base.request, **one.get("request", {})}
    return Story(
        name=f"{base.name}: {one['says']}",
        parameter=base.parameter,
        request={name: member for name, member in request.items() if name not in one.get("remove_from_request", ())},
        policies=policies,
        facts={**base.facts, **one.get("facts", {})},
        expect=one["expect"],
    )
