"""Every row of the guide from controls to policies: its file is applied, its asks are answered as it says."""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
from django.test import Client
from jsonschema import Draft202012Validator

from people.roles import Scope
from policies.engine.rules import RuleType
from policies.engine.texts import read_text
from tests.agents.samples import bearer
from tests.approvals.world import add_agent
from tests.factories import make_cast
from tests.furnished import issue_key
from tests.spend.samples import a_counterparty

pytestmark = pytest.mark.django_db

GUIDE: Final = Path(__file__).parents[2] / "docs" / "controls.md"
BEFORE: Final = datetime(2026, 11, 18, 11, tzinfo=UTC)
ROW: Final = re.compile(r"^\| (\S+Z) \| `(\{.*\})` \| ([a-z ]+)(?:: `(\w+)`)? \|$", re.MULTILINE)


@dataclass(frozen=True)
class Row:
    """One ask of an example, and how it is answered."""

    when: datetime
    ask: dict[str, Any]
    status: str
    reason: str


def sections() -> dict[str, str]:
    """The examples by the control that they are for."""
    parts = GUIDE.read_text().split("\n## ")[1:]
    found = {part.partition("\n")[0]: part for part in parts}
    return {title: text for title, text in found.items() if "```yaml" in text}


def file_in(text: str) -> dict[str, Any]:
    (block,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    found = read_text(block.encode())
    assert isinstance(found, dict)
    return found


def rows_in(text: str) -> list[Row]:
    return [
        Row(datetime.fromisoformat(when), json.loads(ask), status.replace(" ", "_"), reason)
        for when, ask, status, reason in ROW.findall(text)
    ]


def post(path: str, body: object, secret: str) -> Any:
    return Client(headers=bearer(secret)).post(f"/api/v1/{path}", json.dumps(body), content_type="application/json")


@pytest.mark.parametrize("control", sections())
def test_an_example_is_answered_as_the_guide_says(control: str, time_machine: Any) -> None:
    text = sections()[control]
    file, rows = file_in(text), rows_in(text)
    assert len(rows) == text.count("\n| 2026-"), "every row is read"
    time_machine.move_to(BEFORE, tick=False)
    cast = make_cast(now=BEFORE)
    a_counterparty(cast.olu, "OpenAI", identifiers=["domain:api.openai.com"], standing="verified")
    world = add_agent(cast, labels=["research"], now=BEFORE)
    key = issue_key(cast, [Scope.POLICIES], BEFORE).secret

    plan = post("policies/plan", {"file": file}, key).json()
    applied = post("policies/apply", {"file": file, "digest": plan["digest"]}, key)
    assert applied.status_code == 200, applied.content
    assert not [finding for one in plan["policies"] for finding in one["findings"]], "an example has no lint"

    for row in rows:
        time_machine.move_to(row.when, tick=False)
        answer = post("authorizations", row.ask, world.secret)
        assert answer.status_code == 201, answer.content
        said = answer.json()
        assert (said["status"], [*said["decision"]["reasons"], ""][0]) == (row.status, row.reason), row


@pytest.mark.parametrize("control", sections())
def test_an_example_is_what_the_schema_describes(control: str) -> None:
    schema = json.loads(GUIDE.with_name("policies.file.schema.json").read_text())
    file = file_in(sections()[control])
    assert list(Draft202012Validator(schema).iter_errors(file)) == []
    assert list(Draft202012Validator(schema).iter_errors({**file, "policies": [{"name": "No rules", "colour": 1}]}))


def test_every_type_of_rule_has_an_example_and_every_example_a_row() -> None:
    guide, found = GUIDE.read_text(), sections()
    types = {rule["type"] for text in found.values() for one in file_in(text)["policies"] for rule in one["rules"]}
    assert types == set(RuleType)
    for control, text in found.items():
        (first, *_) = file_in(text)["policies"][0]["rules"]
        assert f"| {control} | [`{first['type']}`](policies.md#{first['type'].lower()}) |" in guide
        assert len(rows_in(text)) >= 2
