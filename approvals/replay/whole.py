"""Books of a whole history: counters of everything that any published rule ever looks at, counted from the beginning.

The product opens a counter when a rule first looks at it, with everything that its span holds. To do so here would mean
to keep every payment there was; what is kept instead are the sums that they would be asked for.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from approvals.replay.books import ONE, Books, Counter, Entry, forget_in, post
from audit.catalogue import Action
from audit.selectors.past import told_in_order
from core.span import CounterKey, Measure, Subject
from policies.engine.counting import Look, looks
from policies.engine.judging import is_covered
from policies.engine.rules import ApprovalThreshold, Rule, SpendLimit, Velocity
from policies.engine.types import CounterMove, Payment

ZONES: Final = (Action.ORGANIZATION_CREATED, Action.ORGANIZATION_CHANGED)
MERGES: Final = (Action.COUNTERPARTY_MERGED,)


@dataclass(frozen=True, slots=True)
class Ahead:
    """What of a history must be known before it is followed: who becomes whom, and in which zones days are counted."""

    becomes: Mapping[str, Sequence[str]]
    time_zones: Sequence[str]


def ahead(organization_id: UUID, time_zone: str, *, until: datetime) -> Ahead:
    """Return what is to come; `time_zone` is the one of now."""
    zones = [(told.after or {}).get("time_zone", "") for told in told_in_order(organization_id, ZONES, until=until)]
    becomes: dict[str, list[str]] = defaultdict(list)
    members: dict[str, set[str]] = defaultdict(set)
    for told in told_in_order(organization_id, MERGES, until=until):
        kept = told.after["merged_into"]
        gone = members.pop(told.subject_id, set()) | {told.subject_id}
        for one in gone:
            becomes[one].append(kept)
        members[kept] |= gone
    return Ahead(dict(becomes), tuple(dict.fromkeys([time_zone, *filter(None, zones)])))


class WholeBooks(Books):
    """Books in which every counter is whole at any moment, whatever rule looks at it, and when.

    A pot is none of these: it counts what was drawn from it, as in all books.
    """

    def __init__(self, rules: Iterable[Rule], to_come: Ahead) -> None:
        super().__init__(lambda _: {})
        counting = (rule for rule in rules if isinstance(rule, SpendLimit | Velocity | ApprovalThreshold))
        self.rules = tuple({_shape(rule): rule for rule in counting}.values())
        self.to_come = to_come
        self.waiting: dict[tuple[str, str], dict[str, Counter]] = defaultdict(dict)
        """By payee and who it becomes: what that one's counters get once it does."""
        self.members: dict[str, set[str]] = defaultdict(set)

    def post(self, entry: Entry, moves: Iterable[CounterMove]) -> None:
        """Draw from the pots; `note` does the rest."""
        super().post(entry, [move for move in moves if move.key.subject is Subject.POT])

    def post_money(self, entry: Entry, keys: Iterable[CounterKey]) -> None:
        """Draw from the pots; `note` does the rest."""
        super().post_money(entry, [key for key in keys if key.subject is Subject.POT])

    def note(self, entry: Entry, payment: Payment, *, is_ask: bool) -> None:
        """Count an entry wherever a rule might ask for it, also under the names that its payee will have."""
        counted = self._count(entry, payment, self.counters, is_ask=is_ask, without=set())
        for kept in self.to_come.becomes.get(payment.counterparty or "", ()):
            then, counters = replace(payment, counterparty=kept), self.waiting[payment.counterparty or "", kept]
            counted |= self._count(entry, then, counters, is_ask=is_ask, without=counted)

    def merge(self, merged: str, kept: str) -> None:
        """Let the counters of the one that is left have what was counted for those that it stands for."""
        gone = self.members.pop(merged, set()) | {merged}
        self.members[kept] |= gone
        for one in gone:
            for digest, counter in self.waiting.pop((one, kept), {}).items():
                present = self.counters.setdefault(digest, counter)
                if present is not counter:
                    present.absorb(counter)

    def forget_before(self, now: datetime) -> None:
        """Let go of counters whose window is over, those that wait for a merge too."""
        super().forget_before(now)
        for counters in self.waiting.values():
            forget_in(counters, now)

    def _count(
        self, entry: Entry, payment: Payment, counters: dict[str, Counter], *, is_ask: bool, without: set[str]
    ) -> set[str]:
        keys = {key.digest: key for key in self._keys(payment) if is_ask or key.measure is Measure.AMOUNT}
        for digest in keys.keys() - without:
            counter = counters.setdefault(digest, Counter(keys[digest]))
            post(entry, counter, entry.total if keys[digest].measure is Measure.AMOUNT else ONE)
        return set(keys)

    def _keys(self, payment: Payment) -> Iterator[CounterKey]:
        for rule in self.rules:
            if is_covered(rule, payment):
                for zone in self.to_come.time_zones:
                    yield from _looked_at(rule, payment, zone)


def _looked_at(rule: Rule, payment: Payment, zone: str) -> list[CounterKey]:
    try:
        return [look.key for look in looks(rule, "", payment, zone) if isinstance(look, Look)]
    except Exception:  # noqa: BLE001  the same error denies when the rule judges
        return []


def _shape(rule: SpendLimit | Velocity | ApprovalThreshold) -> object:
    """Return what rules with the same counters have in common: everything but how much they allow."""
    match rule:
        case SpendLimit():
            caps = (rule.hourly, rule.daily, rule.weekly, rule.monthly, rule.total)
            covered = tuple(tuple(currency for currency, _ in amounts) for amounts in caps)
            return rule.when, rule.per, rule.window, rule.time_zone, covered
        case Velocity():
            return rule.when, rule.per, rule.period_minutes
        case ApprovalThreshold():
            return rule.when, rule.cumulative, rule.time_zone, tuple(currency for currency, _ in rule.above)
