"""Who must say yes: the people a review rule asks for, whether they have, and when a yes has to be confirmed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from policies.engine.types import Requirement

DEFAULT_TIMEOUT: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Reviewer:
    """A person who may review, by public id, with the roles held now."""

    person: str
    roles: frozenset[str]


def review_deadline(requirements: Iterable[Requirement], asked_at: datetime) -> datetime:
    """Return until when people may answer: the shortest of the matched rules' time-outs (specification §3)."""
    minutes = [requirement.timeout_minutes for requirement in requirements]
    return asked_at + (timedelta(minutes=min(minutes)) if minutes else DEFAULT_TIMEOUT)


def is_asked(requirement: Requirement, reviewer: Reviewer) -> bool:
    """Say whether this rule counts this person's yes; without roles and people it counts everybody who may review."""
    if not requirement.roles and not requirement.people:
        return True
    return reviewer.person in requirement.people or not reviewer.roles.isdisjoint(requirement.roles)


def missing_approvals(requirement: Requirement, approvals: Sequence[Reviewer]) -> int:
    """Return how many more yeses this rule needs."""
    return max(
        0,
        requirement.approvals - sum(is_asked(requirement, reviewer) for reviewer in approvals),
    )


def is_quorum_met(requirements: Sequence[Requirement], approvals: Sequence[Reviewer]) -> bool:
    """Say whether every rule has the yeses it asks for; one person's yes counts for each rule that asks for them."""
    return all(missing_approvals(requirement, approvals) == 0 for requirement in requirements)


def asks_for_confirmation(amount: Decimal, counts_as: str, *, above: Decimal | None, currency: str) -> bool:
    """Say whether a yes has to be confirmed: above the organization's amount, which is in its `currency`.

    `counts_as` is the currency that the amount counts in. One that cannot be compared is confirmed whatever the amount.
    """
    return above is not None and (counts_as != currency or amount > above)


def requirements_from(stored: object) -> tuple[Requirement, ...]:
    """Return the requirements as they were stored with an approval request."""
    assert isinstance(stored, list), "requirements are stored as a list"
    return tuple(
        Requirement(
            policy=one["policy"],
            rule_key=one["rule_key"],
            approvals=one["approvals"],
            roles=tuple(one["roles"]),
            people=tuple(one["people"]),
            timeout_minutes=one["timeout_minutes"],
        )
        for one in stored
    )
