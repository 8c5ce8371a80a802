"""The pages made from the engine and its stories are those that are committed, and say everything."""

from pathlib import Path

import pytest
from hypothesis import given

from policies.engine.document import parse, rule_to_plain
from policies.engine.evaluate import PolicyInForce, evaluate
from policies.engine.lint import Level, lint
from policies.engine.reasons import Reason
from policies.engine.reference import EXAMPLES, REASONS_OF, file_schema, reference, schema
from policies.engine.rule_shapes import SHAPES
from policies.engine.rules import RuleType
from policies.engine.types import Facts, Payment
from tests.policies.engine.stories import told
from tests.policies.engine.strategies import law
from tests.policies.engine.telling import telling
from tests.policies.engine.test_evaluate_laws import situations

DOCS = Path(__file__).parents[3] / "docs"
ANY_RULE = {
    Reason.CONDITION_NOT_MET,
    Reason.RULE_ERROR,
    Reason.CURRENCY_NOT_COVERED,
    Reason.COUNTERPARTY_MERGED,
}
OF_THE_WHOLE = {Reason.ORGANIZATION_FROZEN, Reason.AGENT_FROZEN, Reason.NO_POLICY, Reason.NO_RULE_APPLIES}


def test_the_reference_is_up_to_date() -> None:
    assert (DOCS / "policies.md").read_text() == reference(), (
        "run python -m policies.engine.reference > docs/policies.md"
    )


def test_the_schema_is_up_to_date() -> None:
    kept = (DOCS / "policies.schema.json").read_text()
    assert kept == schema(), "run python -m policies.engine.reference schema > docs/policies.schema.json"


def test_the_schema_of_a_file_is_up_to_date() -> None:
    kept = (DOCS / "policies.file.schema.json").read_text()
    assert kept == file_schema(), "run python -m policies.engine.reference file-schema > docs/policies.file.schema.json"


def test_the_stories_are_up_to_date() -> None:
    told_now = (DOCS / "stories.md").read_text()
    assert told_now == telling(), "run python -m tests.policies.engine.telling > docs/stories.md"


@pytest.mark.parametrize("kind", RuleType)
def test_every_type_is_described_with_an_example(kind: RuleType) -> None:
    page = reference()
    section = page[page.index(f"## {kind.value}\n") :].split("\n## ", 1)[0]
    assert all(f"| `{parameter.name}` |" in section for parameter in SHAPES[kind].parameters[2:-1])
    plain = {"key": "it", "type": kind.value, **EXAMPLES[kind]}
    document = parse({"schema": 1, "rules": [plain]})
    assert rule_to_plain(document.rules[0]) == plain
    assert not [finding for finding in lint(document) if finding.level is Level.ERROR]


@law
@given(situations())
def test_checks_are_coded_as_the_reference_says(situation: tuple[Payment, tuple[PolicyInForce, ...], Facts]) -> None:
    for check in evaluate(*situation).checks:
        assert check.code in {*REASONS_OF[RuleType(check.rule)], *ANY_RULE}


def test_every_reason_has_a_story() -> None:
    named: set[str] = {"rule_error"}  # a rule that errs cannot be written down in a document
    for story in told():
        for situation in (story, *story.turned):
            decision = situation.decide()
            named |= {*decision.reasons, *(check.code for check in decision.checks)}
    assert set(Reason) <= named
    assert {reason for reasons in REASONS_OF.values() for reason in reasons} | ANY_RULE | OF_THE_WHOLE == set(Reason)
