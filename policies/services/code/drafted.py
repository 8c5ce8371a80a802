"""What a file would enforce, policy by policy, as a backtest asks it of history."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from core.ids import new_id
from policies.engine.document import Document
from policies.engine.rules import Rule
from policies.engine.written import PolicyFile
from policies.selectors import Targets
from policies.services.calendars import with_holidays_between
from policies.services.code.matching import Wanted
from policies.services.code.planning import Step, compare


@dataclass(frozen=True, slots=True)
class Drafted:
    """The rules that a policy would enforce, and for whom; a new policy has an id of the moment."""

    label: str
    name: str
    policy_id: UUID
    rules: tuple[Rule, ...]
    targets: Targets


def drafted_by(organization_id: UUID, file: PolicyFile, *, since: datetime, now: datetime) -> tuple[Drafted, ...]:
    """Return each policy that applying the file would change and that enforces anything; nothing is stored.

    The public holidays of its rules are known since then.
    """
    found = compare(organization_id, file, retires_others=False, now=now)
    return tuple(
        Drafted(
            planned.label,
            planned.name,
            one.policy.pk if one.policy else new_id(now),
            with_holidays_between(Document(one.written.rules), since, now).rules,
            _targets(one),
        )
        for one, planned in zip(found.wanted, found.plan.policies, strict=True)
        if planned.step is not Step.NOTHING and one.written.rules
    )


def _targets(one: Wanted) -> Targets:
    if one.targets is None:
        return one.present
    agents = tuple((agent, "") for agent in one.targets.agents)
    return Targets(one.targets.organization, one.targets.labels, agents)
