"""The world as it was at each moment: versions, assignments, labels, standings, pegs and freezes, from the history."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, cast
from uuid import UUID

from approvals.replay.books import ONE, Books, Counter, Entry
from approvals.replay.past import Asked
from audit.catalogue import Action
from audit.selectors.past import Told, told_in_order
from core.db import rows
from core.ids import Prefix, to_public
from core.span import CounterKey, Measure, Subject, bucket_of
from policies.engine.rules import PolicyInForce
from policies.engine.stored import payment_from_plain
from policies.engine.types import Mode, Payment, Standing
from policies.selectors import compiled

TOLD: Final = (
    Action.ORGANIZATION_CREATED, Action.ORGANIZATION_CHANGED, Action.ORGANIZATION_FROZEN, Action.ORGANIZATION_THAWED,
    Action.AGENT_CREATED, Action.AGENT_CHANGED, Action.AGENT_FROZEN, Action.AGENT_THAWED,
    Action.POLICY_CREATED, Action.POLICY_CHANGED, Action.POLICY_PUBLISHED, Action.POLICY_RETIRED,
    Action.POLICY_ASSIGNED, Action.POLICY_UNASSIGNED,
    Action.COUNTERPARTY_CREATED, Action.COUNTERPARTY_CHANGED, Action.COUNTERPARTY_STANDING_CHANGED, Action.PEG_CHANGED,
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
        self.changed = False
        found = cast(list[tuple[UUID, int, UUID, str]], rows(VERSIONS, {"organization": organization_id}))
        self.versions = {(to_public(Prefix.POLICY, policy), number): rest for policy, number, *rest in found}

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
        """Return who a payee is."""
        return payee

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
        self.changed = True
        if told.action == Action.PEG_CHANGED:
            self.pegs.pop(told.subject_id, None)
            if after.get("pegged_to"):
                self.pegs[told.subject_id] = after["pegged_to"]
        elif told.action in (Action.POLICY_ASSIGNED, Action.POLICY_UNASSIGNED):
            self.known[told.subject_id]["targets"] = after
        else:
            self.known[told.subject_id].update(after)
            self.time_zone = self.known[self.organization].get("time_zone", self.time_zone)

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


@dataclass(slots=True)
class Noted:
    """An entry with the facts that counters go by."""

    entry: Entry
    payment: Payment
    is_ask: bool

    def counts_in(self, key: CounterKey) -> bool:
        """Say whether a counter counts it, as `spend.selectors.matching` says of rows."""
        payment, start, end = self.payment, key.span.start, key.span.end
        is_kind = self.is_ask if key.measure is Measure.COUNT else payment.counting_currency == key.currency
        is_of = key.subject is not Subject.AGENT_COUNTERPARTY or key.counterparty == (payment.counterparty or "unknown")
        return (
            is_kind
            and is_of
            and payment.agent == key.agent
            and (key.session is None or payment.session == key.session)
            and (start is None or payment.asked_at >= start)
            and (end is None or payment.asked_at < end)
            and key.condition.covers(
                category=payment.category,
                rail=payment.rail,
                counterparty=payment.counterparty,
                currency=payment.currency,
                counting_currency=payment.counting_currency,
                amount=payment.amount,
            )
        )


class WholeBooks(Books):
    """Books that open a counter as the product does: with everything its span holds, whatever rule looked then."""

    def __init__(self, world: AsWas) -> None:
        super().__init__(lambda _: {}, keeps_all=True)
        self.world = world
        self.noted: dict[str, list[Noted]] = defaultdict(list)

    def open(self, keys: Iterable[CounterKey]) -> None:
        """Begin to count; where the rules have changed, begin anew: nobody counted meanwhile for what is back."""
        if self.world.changed:
            self.world.changed = False
            pots = {digest: one for digest, one in self.counters.items() if one.key.subject is Subject.POT}
            self.counters = pots
        for key in keys:
            if key.digest not in self.counters:
                self.counters[key.digest] = self._opened(key)

    def note(self, entry: Entry, payment: Payment, *, is_ask: bool) -> None:
        """Keep an entry for counters that are opened later."""
        self.noted[payment.agent].append(Noted(entry, payment, is_ask))

    def _opened(self, key: CounterKey) -> Counter:
        counter, rolling = Counter(key), key.rolling_seconds
        for one in self.noted[key.agent or ""] if key.subject is not Subject.POT else ():
            if one.counts_in(key):
                bucket = None if rolling is None else bucket_of(one.payment.asked_at, rolling)
                counter.add(one.entry.total if key.measure is Measure.AMOUNT else ONE, bucket)
                one.entry.postings.append((counter, bucket))
        return counter
