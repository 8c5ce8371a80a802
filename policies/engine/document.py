"""The one parser: rule documents (JSON) to frozen rules and back, and the JSON schema of what it takes."""

from dataclasses import dataclass
from typing import Final, cast

from core.errors import Invalid
from policies.engine.rule_shapes import SHAPES
from policies.engine.rules import Rule, RuleType
from policies.engine.values import Faults, below

SCHEMA_VERSION: Final = 1
MAX_RULES: Final = 50
"""A policy longer than this cannot be understood by the person who answers for it."""
WHOLE: Final = "document"
"""The path of the whole document in errors."""


@dataclass(frozen=True, slots=True)
class Document:
    """The rules of one policy version."""

    rules: tuple[Rule, ...]


def parse(value: object) -> Document:
    """Return the rules in `value`, a decoded JSON document; raises `InvalidMany` with the path of every fault."""
    if not isinstance(value, dict):
        raise Invalid("type_wrong", "A rule document is an object.", field=WHOLE)
    faults = Faults()
    for name in sorted(map(str, value.keys() - {"schema", "rules"})):
        faults.add(below(WHOLE, name), "field_unknown", "There is no such field. Known: schema, rules.")
    schema = value.get("schema")
    if isinstance(schema, bool) or schema != SCHEMA_VERSION:
        faults.add("schema", "schema_unknown", f"Must be {SCHEMA_VERSION}.")
    rules = faults.read(read_rules, value.get("rules"), "rules")
    faults.raise_if_any()
    return Document(rules)


def to_plain(document: Document) -> dict[str, object]:
    """Return the document as JSON; what is at its default is left out, sets are sorted, amounts are texts."""
    return {"schema": SCHEMA_VERSION, "rules": [rule_to_plain(rule) for rule in document.rules]}


def rule_to_plain(rule: Rule) -> dict[str, object]:
    """Return one rule as JSON."""
    fields = SHAPES[rule.type].write(rule)
    return {"key": fields.pop("key"), "type": rule.type.value, **fields}


def json_schema() -> dict[str, object]:
    """Return the JSON schema (2020-12) of a rule document."""
    rules = [_rule_schema(kind) for kind in RuleType]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Rule document",
        "type": "object",
        "properties": {
            "schema": {"const": SCHEMA_VERSION},
            "rules": {"type": "array", "maxItems": MAX_RULES, "items": {"oneOf": rules}},
        },
        "required": ["schema", "rules"],
        "additionalProperties": False,
    }


def read_rules(value: object, path: str) -> tuple[Rule, ...]:
    """Return the rules in a list; raises `Invalid` or `InvalidMany` with paths below `path`."""
    if not isinstance(value, list):
        raise Invalid("type_wrong", "Must be a list of rules.", field=path)
    if len(value) > MAX_RULES:
        raise Invalid("too_many", f"A policy has at most {MAX_RULES} rules.", field=path)
    faults = Faults()
    keys: set[object] = set()
    rules = []
    for index, member in enumerate(value):
        rule = faults.read(_read_rule, member, f"{path}[{index}]")
        if rule is None:
            continue
        if rule.key in keys:
            faults.add(f"{path}[{index}].key", "key_repeated", "Another rule of this policy has the same key.")
        keys.add(rule.key)
        rules.append(rule)
    faults.raise_if_any()
    return tuple(rules)


def _read_rule(value: object, path: str) -> Rule:
    if not isinstance(value, dict):
        raise Invalid("type_wrong", "A rule is an object.", field=path)
    name = value.get("type")
    if not isinstance(name, str) or name not in RuleType.__members__:
        listed = ", ".join(RuleType)
        raise Invalid("type_unknown", f"Must be one of: {listed}.", field=below(path, "type"))
    fields = {key: member for key, member in value.items() if key != "type"}
    return cast(Rule, SHAPES[RuleType(name)].read(fields, path))


def _rule_schema(kind: RuleType) -> dict[str, object]:
    schema = SHAPES[kind].schema()
    properties = cast(dict[str, object], schema["properties"])
    required = cast(list[str], schema["required"])
    return {
        **schema,
        "title": kind.value,
        "properties": {"type": {"const": kind.value}, **properties},
        "required": ["type", *required],
    }
