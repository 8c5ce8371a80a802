"""Files of policies: all of them with their assignments in one document, parsed, written and described."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from core.errors import Invalid, NotFound
from core.ids import Prefix, from_public
from policies.engine.document import SCHEMA_VERSION, Document, json_schema, read_rules, to_plain
from policies.engine.kinds import Many, PublicId
from policies.engine.rules import Rule
from policies.engine.shapes import Parameter, Shape
from policies.engine.values import BOOLEAN, Faults, Leaf, below

MOST_POLICIES: Final = 1_000
"""Written by people; whoever has more of them syncs each from the app that knows it."""
MOST_LABELS: Final = 500
MOST_AGENTS: Final = 500
NAME_LENGTH: Final = 120
DESCRIPTION_LENGTH: Final = 500
REFERENCE_LENGTH: Final = 200
LABEL_LENGTH: Final = 60
FILE: Final = "file"
"""The path of the whole file in errors."""

AgentName = tuple[str, str]
"""`("id", "agt_…")`, or `("external_ref", …)`: the app's own name for an agent is the same everywhere."""


@dataclass(frozen=True, slots=True)
class WrittenTargets:
    """To whom a policy is to apply."""

    organization: bool = False
    labels: tuple[str, ...] = ()
    agents: tuple[AgentName, ...] = ()


@dataclass(frozen=True, slots=True)
class WrittenPolicy:
    """One policy as the file wants it to be; it is known by the app's reference or by its id.

    `rules` are enforced, `shadow` ones only shown; where a list is absent no such version is to be in force.
    Where there are no targets those that are stored stay.
    """

    name: str
    ref: str | None = None
    id: str | None = None
    description: str = ""
    rules: tuple[Rule, ...] = ()
    shadow: tuple[Rule, ...] = ()
    assigned_to: WrittenTargets | None = None

    @property
    def label(self) -> str:
        """What the policy is called in a plan."""
        return self.ref or self.id or self.name


@dataclass(frozen=True, slots=True)
class PolicyFile:
    """The policies of one file."""

    policies: tuple[WrittenPolicy, ...]


def parse_file(value: object) -> PolicyFile:
    """Return the policies in `value`, decoded JSON or YAML; raises `InvalidMany` with the path of every fault."""
    if not isinstance(value, dict):
        raise Invalid("type_wrong", "A file of policies is an object.", field=FILE)
    faults = Faults()
    for name in sorted(map(str, value.keys() - {"schema", "policies"})):
        faults.add(below(FILE, name), "field_unknown", "There is no such field. Known: schema, policies.")
    schema = value.get("schema")
    if isinstance(schema, bool) or schema != SCHEMA_VERSION:
        faults.add("schema", "schema_unknown", f"Must be {SCHEMA_VERSION}.")
    policies = faults.read(POLICIES.read, value.get("policies"), "policies") or ()
    for name in ("ref", "id"):
        _refuse_twice(policies, name, faults)
    faults.raise_if_any()
    return PolicyFile(policies)


def file_to_plain(file: PolicyFile) -> dict[str, object]:
    """Return a file as JSON; what is at its default is left out."""
    return {"schema": SCHEMA_VERSION, "policies": POLICIES.write(file.policies)}


def file_schema() -> dict[str, object]:
    """Return the JSON schema (2020-12) of a file of policies."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Policies of an organization",
        "type": "object",
        "properties": {"schema": {"const": SCHEMA_VERSION}, "policies": POLICIES.schema()},
        "required": ["schema", "policies"],
        "additionalProperties": False,
        "$defs": {"rules": _rules_schema()},
    }


def _refuse_twice(policies: tuple[WrittenPolicy, ...], name: str, faults: Faults) -> None:
    seen: set[str] = set()
    for index, policy in enumerate(policies):
        value = getattr(policy, name)
        if value is not None and value in seen:
            faults.add(
                f"policies[{index}].{name}", "reference_repeated", f"Another policy of the file has this {name}."
            )
        seen.add(value)


# --- Kinds of value ---------------------------------------------------------------------------------------------------


def text(length: int, *, may_be_empty: bool = False) -> Leaf:
    """Return a kind of value: a text of at most `length` characters, without spaces at its ends."""
    least = 0 if may_be_empty else 1

    def read(value: object, path: str) -> str:
        if not isinstance(value, str):
            raise Invalid("type_wrong", "Must be a text.", field=path)
        normal = value.strip()
        if not least <= len(normal) <= length or not normal.replace("\n", " ").isprintable():
            detail = f"Must have {least} to {length} characters and no control characters."
            raise Invalid("text_invalid", detail, field=path)
        return normal

    said = f"a text of up to {length} characters"
    return Leaf(said, read, str, {"type": "string", "minLength": least, "maxLength": length})


def read_agent(value: object, path: str) -> AgentName:
    """Read an agent's id, or the app's own name for it."""
    if isinstance(value, dict) and value.keys() == {"external_ref"}:
        return "external_ref", REFERENCE.read(value["external_ref"], below(path, "external_ref"))
    try:
        from_public(Prefix.AGENT, value if isinstance(value, str) else "")
    except NotFound:
        detail = 'Name an agent by its id (agt_…) or as {"external_ref": "…"}.'
        raise Invalid("agent_invalid", detail, field=path) from None
    return "id", str(value)


def write_agent(value: AgentName) -> object:
    """Write an agent."""
    kind, name = value
    return name if kind == "id" else {"external_ref": name}


def _rules_schema() -> Mapping[str, object]:
    properties: Any = json_schema()["properties"]
    return {**properties["rules"], "minItems": 1}


def _read_some_rules(value: object, path: str) -> tuple[Rule, ...]:
    rules = read_rules(value, path)
    if not rules:
        raise Invalid("rules_missing", "Has at least one rule. A policy without rules is retired.", field=path)
    return rules


def _write_rules(rules: tuple[Rule, ...]) -> object:
    return to_plain(Document(rules))["rules"]


def _check_policy(made: WrittenPolicy, path: str) -> None:
    if (made.ref is None) == (made.id is None):
        detail = "Name the policy by either ref (the app's own name for it) or id."
        raise Invalid("field_missing" if made.ref is None else "fields_conflict", detail, field=path)
    if not made.rules and not made.shadow:
        raise Invalid("rules_missing", "At least one of these is required: rules, shadow.", field=path)


REFERENCE: Final = text(REFERENCE_LENGTH)
RULES: Final = Leaf("rules, as in a rule document", _read_some_rules, _write_rules, {"$ref": "#/$defs/rules"})
AGENT: Final = Leaf(
    "an agent by its id, or as `external_ref`",
    read_agent,
    write_agent,
    {
        "oneOf": [
            {"type": "string", "pattern": f"^{Prefix.AGENT.value}_"},
            {
                "type": "object",
                "properties": {"external_ref": {"type": "string", "minLength": 1, "maxLength": REFERENCE_LENGTH}},
                "required": ["external_ref"],
                "additionalProperties": False,
            },
        ]
    },
)
TARGETS: Final = Shape(
    WrittenTargets,
    "To whom a policy applies.",
    (
        Parameter("organization", BOOLEAN, "Every agent of the organization."),
        Parameter("labels", Many(text(LABEL_LENGTH), least=0, most=MOST_LABELS), "Every agent with one of these."),
        Parameter("agents", Many(AGENT, least=0, most=MOST_AGENTS), "These agents."),
    ),
)
POLICY: Final = Shape(
    WrittenPolicy,
    "One policy.",
    (
        Parameter("ref", REFERENCE, "The app's own name for it, by which it is found again; new policies need one."),
        Parameter("id", PublicId(Prefix.POLICY, "a policy"), "Its id, where it was made in the console."),
        Parameter("name", text(NAME_LENGTH), "What people call it.", is_required=True),
        Parameter("description", text(DESCRIPTION_LENGTH, may_be_empty=True), "What it is for."),
        Parameter("assigned_to", TARGETS, "Left as it is where it is absent; nobody for a new policy."),
        Parameter("rules", RULES, "What is enforced."),
        Parameter("shadow", RULES, "What is only shown beside it; absent, no version is in shadow."),
    ),
    _check_policy,
)
POLICIES: Final = Many(POLICY, least=0, most=MOST_POLICIES, is_set=False)
