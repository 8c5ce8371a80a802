"""The reference of rules, made from what the engine goes by: `python -m policies.engine.reference`.

With `schema` or `file-schema`, the JSON schema of a rule document or of a file of policies.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields
from typing import Any, Final, cast

from policies.engine import document, explain, written
from policies.engine.reasons import SENTENCES, Reason
from policies.engine.rule_shapes import SHAPES
from policies.engine.rules import RuleType
from policies.engine.shapes import DATE_RANGE, EXEMPTION, HOLIDAYS, HOURS, REVIEW, WHEN, Parameter, Shape

EVERYWHERE: Final = ("key", "when", "review")

EXAMPLES: Final[Mapping[RuleType, dict[str, Any]]] = {
    RuleType.SPEND_LIMIT: {"per_transaction": {"USD": "25.00"}, "daily": {"USD": "500.00", "EUR": "450.00"}},
    RuleType.BUDGET_ALLOCATION: {"amount": {"USD": "10.00"}, "period": "session", "warn_at": [50, 80]},
    RuleType.COUNTERPARTY: {"blocked": ["domain:*.example.net"], "require": "verified", "first_payment": "review"},
    RuleType.WHITELIST: {"allowed": ["domain:api.anthropic.com", "domain:api.openai.com"]},
    RuleType.CATEGORY: {"allowed": ["ai_services", "data"], "on_breach": "review"},
    RuleType.APPROVAL_THRESHOLD: {"above": {"USD": "500.00"}, "review": {"approvals": 2, "timeout_minutes": 240}},
    RuleType.TIME_WINDOW: {
        "windows": [{"days": ["mon", "tue", "wed", "thu", "fri"], "from": "09:00", "to": "17:00"}],
        "time_zone": "Europe/Berlin",
    },
    RuleType.BLACKOUT_PERIOD: {
        "dates": [{"from": "2026-12-24", "to": "2027-01-01"}],
        "holidays": {"country": "DE", "subdivision": "BE"},
    },
    RuleType.VELOCITY: {"limit": 100, "period_minutes": 60, "per": "agent_counterparty"},
    RuleType.GEOGRAPHIC: {"blocked": ["KP"]},
    RuleType.EXPIRATION: {"valid_until": "2027-01-01T00:00:00Z"},
    RuleType.RAIL: {"allowed": ["x402", "mpp"], "ceiling": {"USD": "0.01"}},
    RuleType.DUPLICATE: {"minutes": 10, "match": ["purpose"]},
}

REASONS_OF: Final[Mapping[RuleType, tuple[Reason, ...]]] = {
    RuleType.SPEND_LIMIT: (
        Reason.PER_TRANSACTION_LIMIT,
        Reason.HOURLY_LIMIT,
        Reason.DAILY_LIMIT,
        Reason.WEEKLY_LIMIT,
        Reason.MONTHLY_LIMIT,
        Reason.TOTAL_LIMIT,
        Reason.CURRENCY_NOT_COVERED,
        Reason.SESSION_MISSING,
        Reason.COUNTER_MISSING,
    ),
    RuleType.BUDGET_ALLOCATION: (
        Reason.BUDGET,
        Reason.BUDGET_CLOSED,
        Reason.CURRENCY_NOT_COVERED,
        Reason.SESSION_MISSING,
        Reason.COUNTER_MISSING,
    ),
    RuleType.COUNTERPARTY: (
        Reason.COUNTERPARTY_BLOCKED,
        Reason.COUNTERPARTY_STANDING,
        Reason.COUNTERPARTY_UNKNOWN,
        Reason.FIRST_PAYMENT,
        Reason.IDENTIFIER_MISMATCH,
        Reason.IDENTIFIER_MISSING,
    ),
    RuleType.WHITELIST: (Reason.NOT_WHITELISTED, Reason.IDENTIFIER_MISMATCH),
    RuleType.CATEGORY: (Reason.CATEGORY_NOT_ALLOWED, Reason.CATEGORY_BLOCKED, Reason.CATEGORY_MISSING),
    RuleType.APPROVAL_THRESHOLD: (
        Reason.APPROVAL_THRESHOLD,
        Reason.DAILY_APPROVAL_THRESHOLD,
        Reason.CURRENCY_NOT_COVERED,
        Reason.COUNTER_MISSING,
    ),
    RuleType.TIME_WINDOW: (Reason.OUTSIDE_TIME_WINDOW,),
    RuleType.BLACKOUT_PERIOD: (
        Reason.BLACKOUT_DATE,
        Reason.BLACKOUT_HOURS,
        Reason.PUBLIC_HOLIDAY,
        Reason.HOLIDAYS_UNRESOLVED,
    ),
    RuleType.VELOCITY: (Reason.VELOCITY, Reason.COUNTER_MISSING),
    RuleType.GEOGRAPHIC: (Reason.COUNTRY_NOT_ALLOWED, Reason.COUNTRY_BLOCKED, Reason.COUNTRY_MISSING),
    RuleType.EXPIRATION: (Reason.NOT_YET_VALID, Reason.EXPIRED),
    RuleType.RAIL: (Reason.RAIL_NOT_ALLOWED, Reason.RAIL_MISSING, Reason.PRICE_CEILING, Reason.CURRENCY_NOT_COVERED),
    RuleType.DUPLICATE: (Reason.DUPLICATE,),
}
"""What a check of each type may be coded with, beside those that any may give: `condition_not_met`, `rule_error`,
`currency_not_covered` of a minimum amount, and `counterparty_merged`."""

INTRODUCTION: Final = """\
# Rules

<!-- Made by `python -m policies.engine.reference`; edit the engine, not this page. -->

A policy is a document of rules. Every rule has a say, nothing short-circuits, and the strictest say wins: *deny*
before *review* before *allow*. No policy, no money: a payment that no enforced rule judges is denied
(`no_rule_applies`). A rule that cannot judge denies, and says why. A policy in *shadow* is evaluated and shown; it
changes nothing, but its counters move with what really happens.

Whatever the rules say: a payment to a counterparty of standing `blocked` is denied, and so is every payment of a
frozen agent or organization.

## What the values mean

- **Money** is a map of currency to amount, such as `{"USD": "500.00"}`. Amounts are exact decimals with up to 14
  digits before and 6 after the point. Currencies do not mix: a payment in a currency that the map lacks is denied
  (`currency_not_covered`). A pegged currency counts with the one it is pegged to, 1:1.
- **Caps** are inclusive: 750 and 250 fit into 1,000. **Thresholds** are strict: people decide *above* 500.
- **Calendar windows** are the hour, day, ISO week, month, quarter or year in the rule's time zone, else in the
  organization's; days on which the clocks change have 23 or 25 hours. **Rolling windows** are the time that just went
  by, in sixty steps; the oldest step counts whole, so such a window may refuse a sixtieth early and never late.
- **Times of day** are those of the clock on the wall. Hours with `to` before `from` run past midnight and belong to
  the day on which they begin. `24:00` is the end of a day.
- **Identifiers** are `domain:api.example.com` (exact; `domain:*.example.com` is all that lies below and not the
  domain itself), `address:0x…`, `account:…`, or a counterparty's id `cpt_…`. Names match nothing. Where a payee is
  not known, every identifier that was sent must be on a WHITELIST; one is enough where they all belong to one known
  counterparty.
- **Merged counterparties**: whoever is blocked by the id of one stays blocked under the one it was merged into. A rule
  whose `when` names only the merged one denies (`counterparty_merged`) until it names the other.
- **Unknown payees** of an agent share one counter where a rule counts per counterparty: made-up ones open no new
  room.
- `category`, `rail`, `session` and `country` are the caller's word. Do not let such a field alone guard money.
"""


def reference() -> str:
    """Return the page, in Markdown."""
    return "\n".join(_page())


def schema() -> str:
    """Return the JSON schema of a rule document, as it is kept beside the page."""
    return json.dumps(document.json_schema(), indent=1, ensure_ascii=False) + "\n"


def file_schema() -> str:
    """Return the JSON schema of a file of policies, as it is kept beside the page."""
    return json.dumps(written.file_schema(), indent=1, ensure_ascii=False) + "\n"


def _page() -> Iterator[str]:
    yield INTRODUCTION
    yield from _whole()
    for kind in RuleType:
        yield from _type(kind)
    yield from _reasons()


def _whole() -> Iterator[str]:
    example = {"schema": 1, "rules": [_example(RuleType.SPEND_LIMIT), _example(RuleType.APPROVAL_THRESHOLD)]}
    yield "## The document\n"
    yield _json(example)
    yield f"\nAt most {document.MAX_RULES} rules; their order means nothing. What is left out has its default."
    yield "A field or value that is not known is refused. JSON schema: [policies.schema.json](policies.schema.json).\n"
    yield "Every rule has a `type` and a `key`: 1 to 40 of a-z, 0-9 and _, unique in its policy."
    yield "A rule that keeps its key in a new version keeps its pot.\n"
    for name, shape in (("when", WHEN), ("review", REVIEW)):
        yield f"### `{name}`\n\n{shape.purpose}\n"
        yield from _table(shape)
    yield "`when` decides what a rule counts as well: a limit for one category has a counter of its own.\n"
    for name, shape in (
        ("Hours", HOURS),
        ("Dates", DATE_RANGE),
        ("Holidays", HOLIDAYS),
        ("Exemptions", EXEMPTION),
    ):
        yield f"### {name}\n\n{shape.purpose}\n"
        yield from _table(shape)


def _type(kind: RuleType) -> Iterator[str]:
    shape = SHAPES[kind]
    example = _example(kind)
    (rule,) = document.parse({"schema": 1, "rules": [example]}).rules
    yield f"## {kind.value}\n\n{shape.purpose}\n"
    yield from _table(shape)
    yield f"Reasons: {', '.join(f'`{reason.value}`' for reason in REASONS_OF[kind])}.\n"
    yield f"{_json(example)}\n\n> {explain.rule_sentence(rule)}\n"


def _table(shape: Shape) -> Iterator[str]:
    defaults = {field.name: field.default for field in fields(cast(type, shape.of))}
    yield "| parameter | value | default | meaning |"
    yield "| --- | --- | --- | --- |"
    for parameter in shape.parameters:
        if parameter.name not in EVERYWHERE:
            default = _default(parameter, defaults[parameter.attribute])
            yield f"| `{parameter.name}` | {parameter.kind.says} | {default} | {parameter.says} |"
    yield ""


def _default(parameter: Parameter, default: object) -> str:
    if default is MISSING:
        return "required"
    if default in (None, ()):
        return "–"
    written = parameter.kind.write(default)
    return (
        ", ".join(f"`{one}`" for one in written)
        if isinstance(written, list)
        else f"`{json.dumps(written).strip(chr(34))}`"
    )


def _reasons() -> Iterator[str]:
    yield "## Reasons\n"
    yield "In their order of precedence: a decision names the reasons of the outcome that won in this order.\n"
    yield "| code | meaning |"
    yield "| --- | --- |"
    for reason in Reason:
        yield f"| `{reason.value}` | {SENTENCES[reason]} |"
    yield ""


def _example(kind: RuleType) -> dict[str, Any]:
    return {"key": kind.value.lower(), "type": kind.value, **EXAMPLES[kind]}


def _json(value: object) -> str:
    return f"```json\n{json.dumps(value, indent=2, ensure_ascii=False)}\n```"


if __name__ == "__main__":
    print(file_schema() if "file-schema" in sys.argv else schema() if "schema" in sys.argv else reference(), end="")
