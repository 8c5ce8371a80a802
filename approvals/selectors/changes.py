"""Changes that wait for a second person, as somebody who is to agree must see them."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from django.db.models import Q

from agents.models import Agent
from core.actor import ActorKind
from core.errors import ContoError, NotFound
from core.ids import Prefix, from_public, to_public
from people.models import Agreement, ChangeKind, Member, PendingChange
from people.selectors import agreements_to, change_of
from people.services import RIGHTS
from policies.engine.changes import RuleChange, rule_changes
from policies.engine.document import Document
from policies.engine.lint import Finding
from policies.engine.texts import write_yaml
from policies.models import Policy
from policies.selectors import ids_by_reference, policy_of
from policies.selectors.versions import rules_of_version
from policies.services import (
    Wanted,
    as_targets,
    findings_of_labels,
    findings_of_targets,
    findings_with_history,
    targets_from,
    wanted_from,
)
from policies.services.calendars import without_dates
from policies.services.code import OUTDATED, compare_again, does_as_proposed
from policies.services.targets import AssignTo

Facts = Mapping[str, Any]
LONGEST_SHOWN: Final = 40_000
"""Characters of a file that a page shows; a longer one is offered as a whole beside it, as every one is."""
MOST_FINDINGS: Final = 50


@dataclass(frozen=True, slots=True)
class Compared:
    """What a change would do: rules in words for a policy, and for anything the values before and after."""

    before: Facts
    after: Facts
    rules: tuple[RuleChange, ...] = ()
    findings: tuple[Finding, ...] = ()
    file: "FileShown | None" = None


@dataclass(frozen=True, slots=True)
class PolicyStep:
    """What a file does to one policy: sentences, each with whether it may let more money pass.

    Without an id there is no page of it.
    """

    name: str
    label: str
    policy_id: str | None
    step: str
    told: tuple[tuple[str, bool], ...]

    def renamed(self, rename: Callable[[str], str]) -> "PolicyStep":
        """Return it with other names in its sentences."""
        return replace(self, told=tuple((rename(sentence), is_looser) for sentence, is_looser in self.told))


@dataclass(frozen=True, slots=True)
class FileShown:
    """What a file of policies would do, or did, policy by policy, as it was agreed to.

    `why_not` says why it can no longer be made as it stands here.
    """

    steps: tuple[PolicyStep, ...]
    retires_others: bool
    why_not: str


@dataclass(frozen=True, slots=True)
class ChangeShown:
    """A change and what this viewer may do about it; `written` is the whole file or document, if it brings one."""

    change: PendingChange
    public_id: str
    compared: Compared
    written: str
    agreements: tuple[Agreement, ...]
    is_own: bool
    is_of_own_key: bool
    has_agreed: bool
    has_right: bool

    @property
    def may_agree(self) -> bool:
        """Whether the viewer can be the second person, or one of the two."""
        return self.has_right and not self.is_own and not self.has_agreed

    @property
    def may_take_back(self) -> bool:
        """Whether it is the viewer's own, whatever their roles are by now."""
        return self.is_own or self.is_of_own_key

    @property
    def is_last(self) -> bool:
        """Whether the next who agrees makes the change."""
        return len(self.agreements) + 1 >= self.change.agreements_needed

    @property
    def text(self) -> str:
        """Return what is written, where it is short enough to stand on a page."""
        return self.written if len(self.written) <= LONGEST_SHOWN else ""


class Stands(StrEnum):
    """How a change stands, as somebody sees it: while it waits it matters whom it waits for."""

    FOR_YOU = "for_you"
    FOR_OTHERS = "for_others"
    WAITING = "waiting"
    AGREED = "approved"
    REJECTED = "rejected"
    VOIDED = "voided"
    EXPIRED = "expired"


def standing_of(change: PendingChange, member: Member, *, now: datetime) -> Stands:
    """Return how a change stands for this member."""
    if change.closed_as:
        return Stands(change.closed_as)
    if change.expires_at <= now:
        return Stands.EXPIRED
    if change.is_proposed_by(member.person_id) or _has_agreed(agreements_to(change), member):
        return Stands.FOR_OTHERS
    return Stands.FOR_YOU if member.may(RIGHTS[ChangeKind(change.kind)]) else Stands.WAITING


def change_shown(member: Member, public_id: str, *, now: datetime) -> ChangeShown:
    """Return a change as this member sees it; raises `NotFound`."""
    change = change_of(member.organization_id, public_id)
    is_own, given = change.is_proposed_by(member.person_id), agreements_to(change)
    return ChangeShown(
        change=change,
        public_id=public_id,
        compared=compared(change, now=now),
        written=_written(change),
        agreements=given,
        is_own=is_own,
        is_of_own_key=not is_own and change.proposed_by_person_id == member.person_id,
        has_agreed=_has_agreed(given, member),
        has_right=member.may(RIGHTS[ChangeKind(change.kind)]),
    )


def change_written(organization_id: UUID, public_id: str) -> str:
    """Return the whole file or document that a change would bring, as YAML; raises `NotFound` where it brings none."""
    text = _written(change_of(organization_id, public_id))
    if not text:
        raise NotFound()
    return text


def number_to_agree(member: Member, *, now: datetime) -> int:
    """Return how many changes wait that this member can be the second person of."""
    kinds = [kind.value for kind, right in RIGHTS.items() if member.may(right)]
    if not kinds:
        return 0
    waiting = PendingChange.objects.filter(organization_id=member.organization_id, closed_at=None, expires_at__gt=now)
    own = Q(proposed_by_kind=ActorKind.PERSON, proposed_by_person_id=member.person_id)
    agreed = Agreement.objects.filter(person_id=member.person_id, withdrawn_at=None).values("change")
    return waiting.filter(kind__in=kinds).exclude(own).exclude(pk__in=agreed).count()


def _has_agreed(given: Iterable[Agreement], member: Member) -> bool:
    return any(one.person_id == member.person_id for one in given)


def compared(change: PendingChange, *, now: datetime) -> Compared:
    """Return what the change would do, or would have done, to its subject as that was when it was proposed."""
    before, content = change.before, change.content
    match ChangeKind(change.kind):
        case ChangeKind.POLICY:
            return _of_policy(change, now)
        case ChangeKind.POLICIES:
            return _of_file(change, now)
        case ChangeKind.COUNTERPARTY:
            if "merged" in content:
                return Compared({}, {"merged": content["merged"]})
            return Compared({name: _value(before[name]) for name in content["change"]}, content["change"])
        case ChangeKind.PEGS:
            return Compared(before, content["pegs"])
        case ChangeKind.AGENT:
            return _of_agent(change)
        case ChangeKind.MEMBER | ChangeKind.SETTINGS:
            return Compared(before, content)


def _of_agent(change: PendingChange) -> Compared:
    """Return what it does to the agent, its owners by name, and a warning where it leaves it without any policy."""
    after = dict(change.content["change"])
    before = {name: _value(change.before[name]) for name in after}
    if "owner_id" in after:
        for facts in (before, after):
            facts["owner"] = _name_of(change.organization_id, facts.pop("owner_id"))
    findings: tuple[Finding, ...] = ()
    if "labels" in after and change.closed_at is None:
        agent_id = from_public(Prefix.AGENT, change.subject_id)
        findings = findings_of_labels(change.organization_id, agent_id, tuple(after["labels"]))
    return Compared(before, after, findings=findings)


def _name_of(organization_id: UUID, person_id: object) -> str | None:
    if person_id is None:
        return None
    members = Member.objects.filter(organization_id=organization_id, person_id=str(person_id)).select_related("person")
    return next((one.person.name for one in members), str(person_id))


def _of_policy(change: PendingChange, now: datetime) -> Compared:
    """Return what it does to the version that it came in place of, and what lint says as long as it waits."""
    policy = policy_of(change.organization_id, change.subject_id)
    wanted, stood = wanted_from(change.content), change.before
    targets = targets_from(stood["targets"])
    enforced = without_dates(Document(rules_of_version(policy, stood["enforced"]))).rules
    before = {"name": stood["name"], "assigned_to": _in_words(targets), "retired": stood["is_retired"]}
    after = {**before, "name": wanted.name or stood["name"], "retired": wanted.is_retired}
    if wanted.targets is not None:
        after["assigned_to"] = _in_words(wanted.targets)
    findings = _lint_of(policy, wanted, now) if change.closed_at is None else ()
    if wanted.is_retired:
        return Compared(before, after, rule_changes(enforced, ()), findings)
    if wanted.document is None:
        return Compared(before, after, findings=findings)
    return Compared(before, after, rule_changes(enforced, wanted.document.rules), findings)


def _lint_of(policy: Policy, wanted: Wanted, now: datetime) -> tuple[Finding, ...]:
    bound = None if wanted.targets is None else as_targets(wanted.targets)
    left: tuple[Finding, ...] = ()
    if wanted.is_retired or bound is not None:
        left = findings_of_targets(policy, bound or as_targets(AssignTo()))
    if wanted.is_retired or wanted.document is None:
        return left
    return (*findings_with_history(policy, wanted.document, bound, now=now), *left)


def _of_file(change: PendingChange, now: datetime) -> Compared:
    """Return what a file does: told as it was proposed, and what lint says as long as it waits."""
    organization_id, content = change.organization_id, change.content
    # By its id where there was one: an app may call another policy by what is the id of this one.
    created = ids_by_reference(organization_id, [one["policy"] for one in content["policies"] if one["id"] is None])
    steps = tuple(
        PolicyStep(
            one["name"], one["policy"], one["id"] or created.get(one["policy"]), one["step"], tuple(_marked(one))
        )
        for one in content["policies"]
    )
    why_not, findings = _looked_at_again(change, now) if change.closed_at is None else ("", ())
    return Compared({}, {}, findings=findings, file=FileShown(steps, content["retire_others"], why_not))


def _written(change: PendingChange) -> str:
    """Return all that is agreed to as it was written: sentences name the first members of a list and count the rest."""
    match ChangeKind(change.kind):
        case ChangeKind.POLICIES:
            return write_yaml(change.content["file"])
        case ChangeKind.POLICY:
            document = change.content["document"]
            return "" if document is None else write_yaml(document)
        case _:
            return ""


def _marked(step: Mapping[str, Any]) -> Iterator[tuple[str, bool]]:
    """Yield what becomes of a policy, and beside it what loosens and is not said by that."""
    changes, loosens = step["changes"], step["loosens"]
    yield from ((sentence, any(one in sentence for one in loosens)) for sentence in changes)
    yield from ((one, True) for one in loosens if not any(one in sentence for sentence in changes))


def _looked_at_again(change: PendingChange, now: datetime) -> tuple[str, tuple[Finding, ...]]:
    """Return why a file that waits cannot be made any more, if so, and what lint says of it now."""
    try:
        found = compare_again(change.organization_id, change.content, now=now)
    except ContoError as error:
        return error.detail, ()
    if not does_as_proposed(found, change.content):
        return OUTDATED, ()
    of_each = ((each.name, one) for each in found.plan.policies for one in each.findings)
    named = [replace(one, detail=f"{name}: {one.detail}") for name, one in of_each]
    findings = (*found.plan.findings, *named)
    return (found.plan.errors[0].detail if found.plan.errors else ""), findings[:MOST_FINDINGS]


def _in_words(targets: AssignTo) -> str:
    """Return to whom a policy applies, by names."""
    names = Agent.objects.filter(pk__in=targets.agents).order_by("name", "id").values_list("name", flat=True)
    everybody = ["every agent"] if targets.organization else []
    return ", ".join([*everybody, *(f"label {label}" for label in targets.labels), *names]) or "nobody"


def _value(value: object) -> object:
    """Return a stored value as it stands in a content."""
    if isinstance(value, list | tuple):
        return sorted(map(str, value))
    return value if value is None or isinstance(value, str) else str(value)


def public_id_of(change: PendingChange) -> str:
    """Return `chg_…`."""
    return to_public(Prefix.CHANGE, change.pk)
