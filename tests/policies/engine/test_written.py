"""Files of policies: parsed with a path for every fault, written back the same, described by a JSON schema."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Invalid, InvalidMany
from policies.engine.rules import RuleType
from policies.engine.texts import read_text, write_yaml
from policies.engine.written import MOST_POLICIES, file_schema, file_to_plain, parse_file, text
from tests.policies.engine.strategies import Plain, document_plains, law

AGENT = "agt_01kas4t5n0e1wr9m4t7b2c6d0f"


def daily_limit(amount: str = "500.00") -> Plain:
    return {"key": "daily", "type": "SPEND_LIMIT", "daily": {"USD": amount}}


def research(**more: Any) -> Plain:
    return {"ref": "research", "name": "Research agents", "rules": [daily_limit()], **more}


def file_of(*policies: Plain) -> Plain:
    return {"schema": 1, "policies": list(policies)}


LENGTHS = "Must have {} to {} characters and no control characters."
AGENT_FORMS = 'Name an agent by its id (agt_\u2026) or as {"external_ref": "\u2026"}.'
NAMES = "Name the policy by either ref (the app's own name for it) or id."
FAULTS: list[tuple[object, str, str, str | None]] = [
    ([], "file", "type_wrong", "A file of policies is an object."),
    ({"schema": 1}, "policies", "type_wrong", None),
    ({"schema": 2, "policies": []}, "schema", "schema_unknown", "Must be 1."),
    ({**file_of(), "x": 1}, "file.x", "field_unknown", "There is no such field. Known: schema, policies."),
    (file_of(research(colour="red")), "policies[0].colour", "field_unknown", None),
    (file_of(research(name=7)), "policies[0].name", "type_wrong", "Must be a text."),
    (file_of(research(name="\x07")), "policies[0].name", "text_invalid", LENGTHS.format(1, 120)),
    (file_of(research(ref=None)), "policies[0].ref", "type_wrong", "Must be a text."),
    (file_of({"name": "N", "rules": [daily_limit()]}), "policies[0]", "field_missing", NAMES),
    (file_of(research(id="pol_01kas4t5n0e1wr9m4t7b2c6d0f")), "policies[0]", "fields_conflict", NAMES),
    (file_of({"ref": "r", "name": "N"}), "policies[0]", "rules_missing",
     "At least one of these is required: rules, shadow."),
    (file_of(research(rules=[])), "policies[0].rules", "rules_missing",
     "Has at least one rule. A policy without rules is retired."),
    (file_of(research(rules=[daily_limit(), daily_limit()])), "policies[0].rules[1].key", "key_repeated", None),
    (file_of(research(rules=[daily_limit("a lot")])), "policies[0].rules[0].daily.USD", "amount_invalid", None),
    (file_of(research(rules=[{"key": "a", "type": "TIME_WINDOW", "windows": [{"from": "9"}]}])),
     "policies[0].rules[0].windows[0].to", "field_missing", None),
    (file_of(research(), research()), "policies[1].ref", "reference_repeated",
     "Another policy of the file has this ref."),
    (file_of(research(assigned_to={"agents": ["bot"]})), "policies[0].assigned_to.agents[0]", "agent_invalid",
     AGENT_FORMS),
    (file_of(research(assigned_to={"agents": [7]})), "policies[0].assigned_to.agents[0]", "agent_invalid", AGENT_FORMS),
    (file_of(research(assigned_to={"agents": [{"external_ref": ""}]})),
     "policies[0].assigned_to.agents[0].external_ref", "text_invalid", LENGTHS.format(1, 200)),
    (file_of(research(assigned_to={"everyone": True})), "policies[0].assigned_to.everyone", "field_unknown", None),
]  # fmt: skip


@pytest.mark.parametrize(("value", "path", "code", "detail"), FAULTS)
def test_what_cannot_be_read_is_refused_with_its_path(value: object, path: str, code: str, detail: str | None) -> None:
    with pytest.raises(Invalid) as refused:
        parse_file(value)
    error = refused.value
    found = error.errors if isinstance(error, InvalidMany) else [(error.field, error.code, error.detail)]
    (said,) = [fault[2] for fault in found if fault[:2] == (path, code)]
    assert detail in (None, said)


def test_a_text_has_its_length_and_no_control_characters() -> None:
    short, may_be_empty = text(3), text(3, may_be_empty=True)
    assert [short.read(one, "x") for one in ("a", " abc ", "a\nb", "\u00e9")] == ["a", "abc", "a\nb", "\u00e9"]
    assert may_be_empty.read("  ", "x") == ""
    for kind, value, detail in (
        (short, "", LENGTHS.format(1, 3)),
        (short, "abcd", LENGTHS.format(1, 3)),
        (short, "a\x00", LENGTHS.format(1, 3)),
        (may_be_empty, "abcd", LENGTHS.format(0, 3)),
    ):
        with pytest.raises(Invalid) as refused:
            kind.read(value, "x.y")
        error = refused.value
        assert (error.code, error.field, error.detail) == ("text_invalid", "x.y", detail)
    with pytest.raises(Invalid) as refused:
        short.read(b"a", "x.y")
    assert (refused.value.code, refused.value.field, refused.value.detail) == ("type_wrong", "x.y", "Must be a text.")


def test_a_text_says_what_it_is() -> None:
    assert text(3).says == "a text of up to 3 characters"
    assert text(3).write("abc") == "abc"
    assert text(3).schema() == {"type": "string", "minLength": 1, "maxLength": 3}
    assert text(3, may_be_empty=True).schema()["minLength"] == 0


def test_too_many_policies_are_refused() -> None:
    with pytest.raises(InvalidMany) as refused:
        parse_file(file_of(*(research(ref=f"r{number}") for number in range(MOST_POLICIES + 1))))
    assert refused.value.errors[0][:2] == ("policies", "too_many")


def test_texts_are_taken_without_spaces_at_their_ends_and_targets_sorted() -> None:
    targets = {"labels": ["night", " eu "], "agents": [AGENT, {"external_ref": " bot "}, AGENT], "organization": True}
    written = parse_file(file_of(research(name=" Research ", description=" a\nb ", assigned_to=targets)))
    assert file_to_plain(written) == file_of(
        {
            "ref": "research",
            "name": "Research",
            "description": "a\nb",
            "assigned_to": {
                "organization": True,
                "labels": ["eu", "night"],
                "agents": [{"external_ref": "bot"}, AGENT],
            },
            "rules": [daily_limit()],
        }
    )
    assert written.policies[0].label == "research"


@law
@given(document_plains.filter(lambda document: document["rules"]), st.booleans())
def test_any_rules_are_written_and_read_back(document: Plain, is_shadow: bool) -> None:
    entry = research(**({"shadow": document["rules"]} if is_shadow else {"rules": document["rules"]}))
    plain = file_to_plain(parse_file(file_of(entry)))
    assert plain == file_of(entry)
    assert file_to_plain(parse_file(read_text(write_yaml(plain).encode()))) == plain
    assert file_to_plain(parse_file(read_text(json.dumps(plain).encode()))) == plain


def test_the_schema_knows_every_type_of_rule() -> None:
    schema: Any = file_schema()
    titles = {one["title"] for one in schema["$defs"]["rules"]["items"]["oneOf"]}
    assert titles == {kind.value for kind in RuleType}
    assert schema["properties"]["policies"]["items"]["properties"]["shadow"]["$ref"] == "#/$defs/rules"
