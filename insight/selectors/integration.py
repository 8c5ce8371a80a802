"""The seven checks of an agent's integration, from what it did: proven, violated, not seen yet, or stated by somebody.

Looked at are the last thirty days, and of them the newest asks and records: a check costs no more as history grows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from agents.models import Agent
from agents.selectors import SILENT_AFTER, agent_of, keys_of
from approvals.lifecycle import Status
from approvals.selectors.activity import overdue
from approvals.selectors.ends import End, ends_of
from audit.catalogue import Action
from audit.selectors import Filters, newest
from core.ids import Prefix, to_public
from insight.selectors.checklist import CHECKLIST, Rule
from policies.engine.types import Mode
from policies.selectors import policies_for, synced_policies
from spend.selectors.by_agent import Reported, reported_by

LOOKED_AT: Final = timedelta(days=30)
EVIDENCE_SHOWN: Final = 3
LONG_IN_DOUBT: Final = timedelta(days=1)
WITHOUT_ASKING: Final = frozenset({"unauthorized", "unapproved"})
AGAINST_THE_ANSWER: Final = frozenset({"declined", "voided"})


class Verdict(StrEnum):
    """What is known of one point."""

    PROVEN = "proven"
    VIOLATED = "violated"
    NOT_SEEN_YET = "not_seen_yet"
    STATED = "stated"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One row that a verdict rests on, by its public id."""

    kind: str
    id: str
    text: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Statement:
    """What a person stated that Conto cannot see: the words, who, and when."""

    text: str
    by: str
    at: datetime
    event: str


@dataclass(frozen=True, slots=True)
class Found:
    """What one look at an agent found for one point."""

    verdict: Verdict
    finding: str
    evidence: tuple[Evidence, ...] = ()
    statement: Statement | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """One point of the checklist with what was found for one agent."""

    rule: Rule
    found: Found


@dataclass(frozen=True, slots=True)
class Integration:
    """The seven checks of one agent."""

    agent: Agent
    checks: tuple[Check, ...]

    def count(self, verdict: str) -> int:
        """Return how many points have this verdict."""
        return sum(check.found.verdict == verdict for check in self.checks)


def integration_of(organization_id: UUID, agent_id: UUID, *, now: datetime) -> Integration:
    """Return the seven checks of an agent; raises `NotFound` for a foreign one."""
    agent = agent_of(organization_id, agent_id)
    asked = ends_of(organization_id, agent_id, since=now - LOOKED_AT)
    reported = reported_by(organization_id, agent_id, since=now - LOOKED_AT)
    found = (
        _binding(agent, asked),
        _storage(agent),
        _policies(agent),
        _order(reported),
        _obedience(asked, reported),
        _completeness(asked, now),
        _visibility(agent, asked, now),
    )
    return Integration(agent, tuple(Check(rule, one) for rule, one in zip(CHECKLIST, found, strict=True)))


def _binding(agent: Agent, asked: Sequence[End]) -> Found:
    if agent.external_ref is None and not asked:
        return Found(Verdict.NOT_SEEN_YET, "It is bound to no actor of the app and has not asked for anything.")
    if agent.external_ref is None:
        return Found(
            Verdict.VIOLATED, "It asks for money and is bound to no actor of the app.", _authorizations(asked, "asked")
        )
    mine = Evidence("agent", to_public(Prefix.AGENT, agent.pk), f"bound to {agent.external_ref}", agent.created_at)
    if not asked:
        return Found(Verdict.NOT_SEEN_YET, "It is bound to an actor of the app that has not asked yet.", (mine,))
    return Found(
        Verdict.PROVEN,
        "It is bound to one actor of the app, no other agent can be, and it asks in its own name.",
        (mine, *_authorizations(asked[:1], "asked")),
    )


def _storage(agent: Agent) -> Found:
    subject = to_public(Prefix.AGENT, agent.pk)
    filters = Filters(action=Action.AGENT_STORAGE_STATED, subject=subject)
    said = next(iter(newest(agent.organization_id, filters, limit=1).events), None)
    keys = keys_of(agent.organization_id, agent.pk)
    evidence = tuple(
        Evidence("key", to_public(Prefix.KEY, key.pk), "only a keyed hash is stored here", key.created_at)
        for key in keys[:EVIDENCE_SHOWN]
    )
    if said is None or not isinstance(said.after, dict):
        return Found(
            Verdict.NOT_SEEN_YET,
            "Conto keeps hashes of its keys and seals its credentials. Where the app keeps them, Conto cannot see.",
            evidence,
        )
    statement = Statement(str(said.after["statement"]), said.actor_name, said.at, said.id)
    return Found(Verdict.STATED, "Where the app keeps its keys was stated; Conto cannot see it.", evidence, statement)


def _policies(agent: Agent) -> Found:
    in_force = policies_for(agent.organization_id, agent.pk, tuple(agent.labels), agent.organization.epoch)
    enforced = [policy.policy for policy in in_force if policy.mode is Mode.ENFORCED]
    synced = [policy for policy in synced_policies(agent.organization_id, enforced) if policy.enforced]
    if not synced:
        finding = "No enforced policy that applies to it comes from the app's product by a reference."
        return Found(Verdict.NOT_SEEN_YET, finding)
    by_hand: list[Evidence] = []
    by_app: list[Evidence] = []
    for policy in synced:
        version = policy.enforced
        assert version is not None, "filtered above"
        words = f"version {version.number} published by {version.published_by_name}"
        row = Evidence("policy", to_public(Prefix.POLICY, policy.pk), words, version.published_at)
        (by_app if version.published_by_id.startswith(f"{Prefix.KEY}_") else by_hand).append(row)
    if by_hand:
        finding = "A policy that the app syncs was last published here by hand: product and Conto may differ."
        return Found(Verdict.VIOLATED, finding, tuple(by_hand[:EVIDENCE_SHOWN]))
    return Found(
        Verdict.PROVEN, "What applies to it was published by the app's own key.", tuple(by_app[:EVIDENCE_SHOWN])
    )


def _order(reported: Sequence[Reported]) -> Found:
    wrong = [one for one in reported if WITHOUT_ASKING.intersection(one.flags)]
    if wrong:
        finding = f"{len(wrong)} of its last {len(reported)} payments were made without a yes before."
        return Found(Verdict.VIOLATED, finding, _records(wrong, "paid without a yes"))
    if not reported:
        return Found(Verdict.NOT_SEEN_YET, "It has not recorded a payment yet.")
    return Found(
        Verdict.PROVEN,
        f"Each of its last {len(reported)} payments was authorized before it was made.",
        _records(reported, "authorized before"),
    )


def _obedience(asked: Sequence[End], reported: Sequence[Reported]) -> Found:
    wrong = [one for one in reported if AGAINST_THE_ANSWER.intersection(one.flags)]
    if wrong:
        return Found(
            Verdict.VIOLATED,
            f"{len(wrong)} payments were made although the answer was no, or was given up.",
            _records(wrong, "paid against the answer"),
        )
    declined = [one for one in asked if one.status == Status.DECLINED]
    if not declined:
        return Found(Verdict.NOT_SEEN_YET, "Nothing was declined yet that could have been paid nevertheless.")
    return Found(
        Verdict.PROVEN,
        f"None of the last {len(declined)} declined payments was made.",
        _authorizations(declined, "declined and not paid"),
    )


def _completeness(asked: Sequence[End], now: datetime) -> Found:
    lost = [one for one in asked if one.is_lost]
    stuck = [one for one in asked if one.in_doubt_at is not None and one.status == Status.IN_DOUBT]
    stuck = [one for one in stuck if one.in_doubt_at is not None and now - one.in_doubt_at > LONG_IN_DOUBT]
    recorded = [one for one in asked if one.status == Status.RECORDED]
    if lost or stuck:
        return Found(
            Verdict.VIOLATED,
            f"{len(lost)} approvals ran out without a word, {len(stuck)} are in doubt for over a day; "
            f"{len(recorded)} were recorded.",
            (*_authorizations(lost, "approved, then nothing"), *_authorizations(stuck, "in doubt")),
        )
    if not recorded:
        return Found(Verdict.NOT_SEEN_YET, "No approved payment was recorded yet.")
    return Found(
        Verdict.PROVEN,
        f"All approvals of the last {len(asked)} asks were recorded or given up.",
        _authorizations(recorded, "recorded"),
    )


def _visibility(agent: Agent, asked: Sequence[End], now: datetime) -> Found:
    behind = overdue(agent.organization_id, now=now)
    mine = Evidence("runtime", to_public(Prefix.AGENT, agent.pk), "runtime status", agent.last_seen_at)
    if behind:
        finding = f"The worker is behind with ending what is over ({behind}): what the pages show is old."
        return Found(Verdict.VIOLATED, finding, (mine,))
    if agent.last_seen_at is None or now - agent.last_seen_at >= SILENT_AFTER or not asked:
        return Found(Verdict.NOT_SEEN_YET, "It did not call within a day: there is nothing recent to see.", (mine,))
    return Found(
        Verdict.PROVEN, "Its calls of the last day show in its runtime status and events.", (mine, *_last(asked))
    )


def _last(asked: Sequence[End]) -> tuple[Evidence, ...]:
    return _authorizations(asked[:1], "the last ask")


def _authorizations(found: Sequence[End], words: str) -> tuple[Evidence, ...]:
    return tuple(Evidence("authorization", one.public_id, words, one.asked_at) for one in found[:EVIDENCE_SHOWN])


def _records(found: Sequence[Reported], words: str) -> tuple[Evidence, ...]:
    return tuple(
        Evidence("authorization", to_public(Prefix.AUTHORIZATION, one.authorization_id), words, one.recorded_at)
        if one.authorization_id
        else Evidence("record", one.public_id, words, one.recorded_at)
        for one in found[:EVIDENCE_SHOWN]
    )
