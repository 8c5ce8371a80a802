"""The world as it was at each moment: versions, assignments, labels, standings, pegs and freezes, from the history."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, cast
from uuid import UUID

from approvals.replay.past import Asked
from audit.catalogue import Action
from audit.selectors.past import Told, told_in_order
from core.db import rows
from core.ids import Prefix, to_public
from policies.engine.rules import PolicyInForce, Rule
from policies.engine.stored import payment_from_plain
from policies.engine.types import Mode, Payment, Standing
from policies.selectors import compiled

TOLD: Final = (
    Action.ORGANIZATION_CREATED, Action.ORGANIZATION_CHANGED, Action.ORGANIZATION_FROZEN, Action.ORGANIZATION_THAWED,
    Action.AGENT_CREATED, Action.AGENT_CHANGED, Action.AGENT_FROZEN, Action.AGENT_THAWED,
    Action.POLICY_CREATED, Action.POLICY_CHANGED, Action.POLICY_PUBLISHED, Action.POLICY_RETIRED,
    Action.POLICY_ASSIGNED, Action.POLICY_UNASSIGNED,
    Action.COUNTERPARTY_CREATED, Action.COUNTERPARTY_CHANGED, Action.COUNTERPARTY_STANDING_CHANGED,
    Action.COUNTERPARTY_MERGED, Action.PEG_CHANGED,
)  # fmt: skip
"""What a decision may rest on."""
VERSIONS: Final = """
select policy_id, number, id, document::text from policies_policyversion where organization_id = %(organization)s::uuid
"""


class AsWas:
    """The world of one organization; time runs forwards only: asked about a moment, it has become that moment's.

    What was told at the very moment of an ask has not happened yet: the ask may have been first.
    """

    def __init__(self, organization_id: UUID, time_zone: str, *, until: datetime) -> None:
        self.organization = to_public(Prefix.ORGANIZATION, organization_id)
        self.time_zone = time_zone
        self.told: Iterator[Told] = told_in_order(organization_id, TOLD, until=until)
        self.next = next(self.told, None)
        self.known: dict[str, dict[str, Any]] = defaultdict(dict)
        """What history has said of each subject so far, the latest word for each field."""
        self.pegs: dict[str, str] = {}
        self.last: list[Told] = []
        self.left: dict[str, str] = {}
        """Who everybody that was merged so far is by now."""
        self.merged: list[tuple[str, str]] = []
        found = cast(list[tuple[UUID, int, UUID, str]], rows(VERSIONS, {"organization": organization_id}))
        self.versions = {(to_public(Prefix.POLICY, policy), number): rest for policy, number, *rest in found}

    def rules(self) -> Iterator[Rule]:
        """Yield every rule that was ever published."""
        for version, document in self.versions.values():
            yield from compiled(cast(UUID, version), cast(str, document))

    def policies_at(self, agent_id: UUID, now: datetime) -> tuple[PolicyInForce, ...]:
        """Return what was in force for an agent at a moment."""
        self.advance(now)
        agent = to_public(Prefix.AGENT, agent_id)
        labels = self.known[agent].get("labels", ())
        names = sorted(name for name in self.known if name.startswith(f"{Prefix.POLICY.value}_"))
        return tuple(one for name in names if self._binds(name, agent, labels) for one in self._in_force(name))

    def payment_of(self, asked: Asked) -> Payment:
        """Return the payment with the standing and the peg of that moment; who the payee is was resolved at the ask."""
        payment = payment_from_plain(asked.payment)
        standing = payment.standing
        if payment.counterparty is not None:
            standing = Standing(self.known[payment.counterparty].get("standing", "unknown"))
        counts_as = self.pegs.get(payment.currency, payment.currency)
        return replace(payment, standing=standing, counting_currency=counts_as)

    def present(self, payee: str) -> str:
        """Return who a payee is at the moment that was asked about last."""
        return self.left.get(payee, payee)

    def merges(self) -> list[tuple[str, str]]:
        """Return who was merged into whom since it was asked last."""
        found, self.merged = self.merged, []
        return found

    def frozen_at(self, asked: Asked) -> tuple[str, ...]:
        """Return the freezes of that moment."""
        agent = self.known[to_public(Prefix.AGENT, asked.agent_id)]
        flags = (("agent_frozen", agent), ("organization_frozen", self.known[self.organization]))
        return tuple(code for code, known in flags if known.get("frozen"))

    def advance(self, now: datetime) -> None:
        """Hear of everything that was told before `now`."""
        while self.next is not None and self.next.at < now:
            self._hear(self.next)
            self.last = [*self.last[-9:], self.next]
            self.next = next(self.told, None)

    def _hear(self, told: Told) -> None:
        after = told.after or {}
        if told.action == Action.COUNTERPARTY_MERGED:
            self._merge(told.subject_id, after["merged_into"])
        elif told.action == Action.PEG_CHANGED:
            self.pegs.pop(told.subject_id, None)
            if after.get("pegged_to"):
                self.pegs[told.subject_id] = after["pegged_to"]
        elif told.action in (Action.POLICY_ASSIGNED, Action.POLICY_UNASSIGNED):
            self.known[told.subject_id]["targets"] = after
        else:
            self.known[told.subject_id].update(after)
            self.time_zone = self.known[self.organization].get("time_zone", self.time_zone)

    def _merge(self, merged: str, kept: str) -> None:
        self.merged.append((merged, kept))
        self.left |= {one: kept for one, left in self.left.items() if left == merged} | {merged: kept}

    def _binds(self, policy: str, agent: str, labels: Iterable[str]) -> bool:
        targets = self.known[policy].get("targets", {})
        return bool(
            targets.get("organization")
            or agent in targets.get("agents", ())
            or not set(labels).isdisjoint(targets.get("labels", ()))
        )

    def _in_force(self, policy: str) -> Iterator[PolicyInForce]:
        known = self.known[policy]
        slots: list[tuple[int, Mode]] = [(known[mode.value], mode) for mode in Mode if known.get(mode.value)]
        for number, mode in sorted(slots):
            version, document = cast(tuple[UUID, str], tuple(self.versions[policy, number]))
            yield PolicyInForce(
                policy,
                known["name"],
                to_public(Prefix.VERSION, version),
                number,
                mode,
                compiled(version, document),
            )
