"""What the pages show of rules: sentences, conditions, reviewers, and what a draft changes."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.http import HttpRequest

from core.ids import ID_LIKE, Prefix, to_public
from policies.engine.document import Document, rule_to_plain
from policies.engine.explain import rule_sentence
from policies.engine.lint import Finding, lint
from policies.engine.rules import Rule, RuleType
from policies.engine.wording import SHOWN
from policies.forms import RULE_FORMS, Directory
from policies.forms.picks import country_choices, region_names
from policies.models import Policy, PolicyVersion
from policies.selectors import Targets, reviewers
from policies.selectors.names import agent_names, person_names

NAMED: Final = re.compile(
    rf"(?<!\()\b({Prefix.COUNTERPARTY.value}|{Prefix.AGENT.value}|{Prefix.PERSON.value})_[0-9a-z]{{26}}\b", re.ASCII
)
"""Public ids of what has a name; in brackets they stand behind it already."""
COUNTRY: Final = re.compile(r"\b[A-Z]{2}\b", re.ASCII)
PLACE: Final = re.compile(r"\b([A-Z]{2})(?:-([A-Z0-9]{1,3}))?\b", re.ASCII)
A_PLACE: Final = r"[A-Z]{2}(?:-[A-Z0-9]{1,3})?"
OF_PLACES: Final = re.compile(
    rf"\bpublic holidays of {A_PLACE}"
    rf"|\bHolidays(?:, country)?: (?:not set|{A_PLACE}) becomes (?:not set|{A_PLACE})\."
    r"|\bto counterparties in [A-Z]{2}(?:(?:, | or )[A-Z]{2})*\b"
    r"|\b(?:Allowed|Blocked): (?:(?:[A-Z]{2}|and|added|removed|becomes|not|set),?(?: |(?=\.)))+\.",
    re.ASCII,
)
"""What sentences say of places: elsewhere two capitals may be anything, such as a part of somebody's name."""


@dataclass(frozen=True, slots=True)
class RuleLine:
    """One rule on a page."""

    key: str
    title: str
    icon: str
    sentence: str
    conditions: tuple[str, ...]
    reviewers: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Chip:
    """A rule type that a policy holds, or one of those to whom it applies."""

    title: str
    icon: str
    spoken: str = ""
    """What the icon says, before the title, to who does not see it."""


def rule_lines(rules: Sequence[Rule], names: Mapping[str, str]) -> list[RuleLine]:
    """Return the rules of one document; `names` are those of reviewers and counterparties, by public id."""
    findings = lint(Document(tuple(rules)))
    return [rule_line(rule, names, _about(place, findings)) for place, rule in enumerate(rules)]


def rule_line(rule: Rule, names: Mapping[str, str], findings: tuple[Finding, ...] = ()) -> RuleLine:
    """Return one rule as a page shows it."""
    form = RULE_FORMS[rule.type]
    return RuleLine(
        key=rule.key,
        title=form.title,
        icon=form.icon,
        sentence=sentence_of(rule, names),
        conditions=tuple(named(one, names) for one in conditions(rule)),
        reviewers=reviewing(rule, names),
        findings=findings,
    )


def conditions(rule: Rule) -> tuple[str, ...]:
    """Return the lists of a rule's `when` of which its sentence names the first ones only."""
    when = rule_to_plain(rule).get("when")
    if not isinstance(when, dict):
        return ()
    long = {name: members for name, members in when.items() if len(members) > SHOWN}
    return tuple(f"{name.replace('_', ' ')}: {', '.join(map(str, members))}" for name, members in long.items())


def reviewing(rule: Rule, people: Mapping[str, str]) -> str:
    """Return who is asked where the rule says review, if it names anybody."""
    roles = [f"anybody with the role {role}" for role in rule.review.roles]
    names = [people.get(person, "somebody who may not review any more") for person in rule.review.people]
    return ", ".join([*roles, *names])


def findings_of_whole(rules: Sequence[Rule]) -> list[Finding]:
    """Return what lint says of the policy and of none of its rules."""
    return [finding for finding in lint(Document(tuple(rules))) if not finding.path.startswith("rules[")]


def finding_lines(rules: Sequence[Rule], findings: Sequence[Finding]) -> list[tuple[str, Finding]]:
    """Return findings, each with the title and the key of the rule that it is about, if it is about one."""
    titles = {f"rules[{place}]": f"{RULE_FORMS[rule.type].title}: {rule.key}" for place, rule in enumerate(rules)}
    return [(titles.get(one.path.partition(".")[0], ""), one) for one in findings]


def type_chips(rules: Sequence[Rule]) -> list[Chip]:
    """Return the types of rules, each once, in the order in which a person is offered them."""
    held = {rule.type for rule in rules}
    return [Chip(form.title, form.icon) for kind, form in RULE_FORMS.items() if kind in held]


def reviewer_names(organization_id: UUID) -> dict[str, str]:
    """Return who may review: public id and name."""
    return {to_public(Prefix.PERSON, one.person_id): str(one.person) for one in reviewers(organization_id)}


def names_in(request: HttpRequest, *several: Sequence[Rule]) -> dict[str, str]:
    """Return the names of who may review and of all that these rules name, by public id."""
    member = getattr(request, "member", None)
    assert member is not None, "only members see policies"
    written = (str(rule_to_plain(rule)) for rules in several for rule in rules)
    return reviewer_names(member.organization_id) | names_for(request, written)


def names_for(request: HttpRequest, texts: Iterable[str]) -> dict[str, str]:
    """Return the names of the counterparties, agents and people whose public ids stand in these texts."""
    member, directory = getattr(request, "member", None), directory_of(request)
    assert member is not None, "only members see policies"
    ids: dict[str, set[str]] = {}
    for text in texts:
        for found in NAMED.finditer(text):
            ids.setdefault(found[1], set()).add(found[0])
    payees = ids.get(Prefix.COUNTERPARTY.value)
    return told_apart(
        {
            **(directory.names(payees) if directory and payees else {}),
            **agent_names(member.organization_id, ids.get(Prefix.AGENT.value, ())),
            **person_names(member.organization_id, ids.get(Prefix.PERSON.value, ())),
        }
    )


def told_apart(names: Mapping[str, str]) -> dict[str, str]:
    """Return the names with the id behind those that several have; a name that looks like an id stands for nobody."""
    number = Counter(names.values())
    return {
        public_id: name if number[name] == 1 else f"{name} ({public_id})"
        for public_id, name in names.items()
        if not ID_LIKE.search(name)
    }


def sentence_of(rule: Rule, names: Mapping[str, str]) -> str:
    """Return what a rule says, with names in place of ids and codes of countries."""
    return in_words(rule_sentence(rule), rule.type, names)


def in_words(text: str, kind: RuleType, names: Mapping[str, str]) -> str:
    """Return a sentence about a rule with names in place of ids, and of countries where the rule is of them."""
    if kind is RuleType.GEOGRAPHIC:
        text = COUNTRY.sub(lambda found: dict(country_choices()).get(found[0], found[0]), text)
    return told(text, names)


def told(text: str, names: Mapping[str, str]) -> str:
    """Return a stored sentence as the rules are told now: with names in place of ids, and of places for their codes."""
    return named(OF_PLACES.sub(lambda found: PLACE.sub(_place, found[0]), text), names)


def _place(found: re.Match[str]) -> str:
    return place_name(found[1], found[2])


def place_name(country: str, subdivision: str | None) -> str:
    """Return what a country, or a state or region of it, is called: `Germany`, `Berlin (Germany)`."""
    called = dict(country_choices()).get(country, country)
    part = region_names().get(f"{country}-{subdivision}")
    return f"{part} ({called})" if part else f"{called} ({subdivision})" if subdivision else called


def named(text: str, names: Mapping[str, str]) -> str:
    """Return a sentence with names in place of ids."""
    return NAMED.sub(lambda found: names.get(found[0], found[0]), text)


def directory_of(request: HttpRequest) -> Directory | None:
    """Return what is known of the organization's payments (`conto_admin.middleware.KnowsPayments`)."""
    return getattr(request, "directory", None)


def document_text(version: PolicyVersion) -> str:
    """Return the document of a version as people read JSON."""
    return json.dumps(version.document, indent=2, ensure_ascii=False)


def status_of(policy: Policy) -> str:
    """Return the one status of a policy that its badge shows."""
    if policy.retired_at is not None:
        return "retired"
    return "enforced" if policy.enforced_id else "shadow" if policy.shadow_id else "draft"


def target_chips(targets: Targets) -> list[Chip]:
    """Return to whom a policy applies, as chips: everybody, labels, agents."""
    everybody = [Chip("Every agent", "users")] if targets.organization else []
    labels = [Chip(label, "tag", "Label ") for label in targets.labels]
    return [*everybody, *labels, *(Chip(name, "robot") for _, name in targets.agents)]


def targets_in_words(targets: Targets) -> list[str]:
    """Return to whom a policy applies, a few words for each target."""
    everybody = ["Every agent"] if targets.organization else []
    return [*everybody, *(f"Label {label}" for label in targets.labels), *(name for _, name in targets.agents)]


def _about(place: int, findings: Sequence[Finding]) -> tuple[Finding, ...]:
    return tuple(one for one in findings if one.path.partition(".")[0] == f"rules[{place}]")
