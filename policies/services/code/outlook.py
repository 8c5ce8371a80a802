"""The organization as it would be once a file is applied, and what lint says of the file with an eye on that."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from agents.models import Agent
from core.span import ANY_PAYMENT
from people.models import Member, Organization
from policies.engine.document import Document
from policies.engine.lint import Finding, Level, in_order, lint
from policies.engine.rules import Rule
from policies.models import Policy
from policies.selectors import Assigned, Beside, enforced_policies, reviewers
from policies.services.code.matching import Wanted, resolved
from policies.services.code.words import MODES
from policies.services.findings import Around, findings_among, left_without_policy
from policies.services.in_force import SHADOWS_ITSELF, strangers_in
from policies.services.others import Others, known_agents, others_of
from policies.services.targets import AssignTo

MOST_COMPARED: Final = 50_000
"""Pairs of rules of two policies that are looked at for a contradiction: a few policies of everybody have hundreds."""
EVERYTHING: Final = "policies"
"""The path of what is said of all policies together."""


@dataclass(frozen=True, slots=True)
class Now:
    """What a file comes upon, read once: the organization, who reviews, its agents, and what is enforced."""

    organization: Organization
    people: tuple[Member, ...]
    agents: tuple[tuple[UUID, str, tuple[str, ...], UUID | None], ...]
    enforced: tuple[Assigned, ...]
    others: Others
    names: Mapping[UUID, str]


def read_now(organization_id: UUID, ids: Collection[UUID]) -> Now:
    """Read what a file comes upon that names, or takes away, these agents; a few reads, however many there are."""
    agents = Agent.objects.filter(organization_id=organization_id, retired_at=None).order_by("name", "pk")
    named = known_agents(organization_id, ids)
    enforced = enforced_policies(organization_id)
    called = [name for name, _ in named.values()]
    alike = {name for name in called if called.count(name) > 1} if len(set(called)) < len(called) else set()
    return Now(
        Organization.objects.get(pk=organization_id),
        reviewers(organization_id),
        tuple(
            (agent, name, tuple(labels), owner)
            for agent, name, labels, owner in agents.values_list("pk", "name", "labels", "owner_id")
        ),
        enforced,
        others_of(enforced, named),
        {agent: name for agent, (name, _) in named.items() if name not in alike},
    )


@dataclass(slots=True)
class _Bound:
    """One policy as it would be, and for whom; the agents that it would have in common with others, as bits."""

    policy_id: UUID | None
    name: str
    rules: tuple[Rule, ...]
    targets: AssignTo
    beside: int = 0
    owners: set[UUID] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Outlook:
    """What lint says of each policy of a file, in the file's order, and of all of them together."""

    of_each: tuple[tuple[Finding, ...], ...]
    of_all: tuple[Finding, ...]


def outlook(now: Now, wanted: Sequence[Wanted], to_retire: Iterable[Policy], at: datetime) -> Outlook:
    """Return what lint says of a file on the state that there would be once it is applied at this moment."""
    mine = [_Bound(one.policy_id, one.written.name, one.written.rules, one.binds) for one in wanted]
    gone = {one.policy_id for one in mine} | {one.pk for one in to_retire}
    stay = [_staying(one) for one in now.enforced if one.policy_id not in gone]
    bound = [*mine, *stay]
    left = _meet(now, bound, len(mine))
    compared = _Compared()
    found = tuple(
        tuple(_findings(now, one, each, tuple(compared.beside(each, bound)), at))
        for one, each in zip(wanted, mine, strict=True)
    )
    return Outlook(found, (*left_without_policy(left, EVERYTHING), *compared.findings()))


def _staying(one: Assigned) -> _Bound:
    targets = AssignTo(one.is_for_all, tuple(one.labels), tuple(one.agents))
    return _Bound(one.policy_id, one.name, one.compiled().rules, targets)


def _meet(now: Now, bound: Sequence[_Bound], number: int) -> list[str]:
    """Note which policies meet at some agent for the first `number` of them; return whose last policy goes."""
    enforced = _Index([(one.targets, 1 << place) for place, one in enumerate(bound) if one.rules])
    shown = _Index([(one.targets, 1 << place) for place, one in enumerate(bound[:number])])
    before = _Index([(_staying(one).targets, 1) for one in now.enforced])
    together: dict[tuple[int, int], set[UUID]] = {}
    left: list[str] = []
    for agent, name, labels, owner in now.agents:
        met = enforced.of(agent, labels)
        together.setdefault((shown.of(agent, labels), met), set()).update([owner] if owner else [])
        if not met and before.of(agent, labels):
            left.append(name)
    for (places, met), owners in together.items():
        for place in _places(places):
            bound[place].beside |= met & ~(1 << place)
            bound[place].owners |= owners
    return left


class _Index:
    """Bits of policies by whom they are for."""

    def __init__(self, members: Iterable[tuple[AssignTo, int]]) -> None:
        self.for_all = 0
        self.for_label: dict[str, int] = {}
        self.for_agent: dict[UUID, int] = {}
        for targets, bit in members:
            self.for_all |= bit if targets.organization else 0
            for label in targets.labels:
                self.for_label[label] = self.for_label.get(label, 0) | bit
            for agent in targets.agents:
                self.for_agent[agent] = self.for_agent.get(agent, 0) | bit

    def of(self, agent: UUID, labels: Iterable[str]) -> int:
        """Return the bits of those that are for an agent with these labels."""
        found = self.for_all | self.for_agent.get(agent, 0)
        for label in labels:
            found |= self.for_label.get(label, 0)
        return found


def _places(bits: int) -> Iterator[int]:
    while bits:
        lowest = bits & -bits
        yield lowest.bit_length() - 1
        bits ^= lowest


@dataclass(slots=True)
class _Compared:
    """How many pairs of rules were looked at; beyond the most of them no policy is compared with others."""

    number: int = 0
    is_cut: bool = False

    def beside(self, one: _Bound, bound: Sequence[_Bound]) -> Iterator[Beside]:
        """Yield the policies that would be enforced for some of the same agents."""
        own = sum(rule.when == ANY_PAYMENT for rule in one.rules)
        for place in _places(one.beside):
            other = bound[place]
            self.number += own * len(other.rules)
            if self.number > MOST_COMPARED:
                self.is_cut = True
                return
            yield Beside(other.name, other.rules)

    def findings(self) -> Iterator[Finding]:
        """Say that not everything was compared."""
        if self.is_cut:
            detail = f"More than {MOST_COMPARED:,} pairs of rules apply to the same agents: not all were compared."
            yield Finding(Level.WARNING, "contradictions_unsought", EVERYTHING, detail)


def _findings(now: Now, one: Wanted, bound: _Bound, beside: tuple[Beside, ...], at: datetime) -> Iterator[Finding]:
    around = Around(now.people, frozenset(bound.owners), now.organization.currency, beside)
    documents = {mode: resolved(one, mode, at) for mode in MODES if getattr(one.written, mode)}
    for mode, document in documents.items():
        found = [*lint(document), *findings_among(document, around), *_strangers(document, now.people)]
        for finding in in_order(found):
            yield replace(finding, path=f"{one.path}.{finding.path.replace('rules', mode, 1)}")
    if len(documents) > 1 and documents["rules"] == documents["shadow"]:
        yield Finding(Level.ERROR, "version_is_enforced", f"{one.path}.shadow", SHADOWS_ITSELF)


def _strangers(document: Document, people: Sequence[Member]) -> Iterator[Finding]:
    for path, detail in strangers_in(document, people):
        yield Finding(Level.ERROR, "reviewer_unknown", path, detail)
