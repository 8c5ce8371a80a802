"""Several requests answered at once: what they add up to, and what that does to each limit, before it is done."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, cast
from uuid import UUID

from approvals.lifecycle import NEVER_GIVEN
from approvals.models import Authorization, Review
from approvals.selectors.evidence import Evidence, evidence_of_each, is_still_waiting
from approvals.selectors.inbox import (
    ShownCheck,
    is_to_be_confirmed,
    needs_of,
    obstacle_to,
    refusal_to,
    shown_checks,
    why_of,
)
from approvals.selectors.reviewers import yeses_among
from core.db import rows
from core.errors import NotFound
from core.ids import Prefix, to_public
from people.models import Member
from policies.engine.reasons import sentence
from policies.engine.types import Check, Said
from spend.selectors.alike import Called, Namesake, namesakes_of_each

MOST_AT_ONCE: Final = 50
"""Requests that are answered at once: as many as one page of the queue shows; each is decided by itself."""
POTS: Final = "BUDGET_ALLOCATION"
POSTED: Final = """
select c.key, p.hold_id from spend_counter c left join spend_posting p on p.counter_id = c.id
    and p.hold_id = any(%(holds)s::uuid[])
where c.organization_id = %(organization)s::uuid and c.key = any(%(keys)s::text[])
"""


@dataclass(frozen=True, slots=True)
class Total:
    """What the payments that can be answered add up to in one currency."""

    currency: str
    amount: Decimal
    number: int


@dataclass(frozen=True, slots=True)
class Candidate:
    """One of several that were chosen, with what a yes to it is bound to.

    `why` says why it waits or would be declined, as the queue does. It, `outcome`, `reasons`, `checks`, `digest`, and
    the `standing` of its payee are those of now, empty where it does not wait any more. `refusal` says why this viewer
    cannot answer, empty where they can; `obstacle` why nobody can say yes for now. `namesakes` are other counterparties
    that go by the name of its payee, or look so.
    """

    authorization: Authorization
    public_id: str
    outcome: str
    why: str
    reasons: tuple[str, ...]
    checks: tuple[ShownCheck, ...]
    digest: str
    standing: str
    refusal: str
    obstacle: str
    namesakes: tuple[Namesake, ...]
    is_to_be_confirmed: bool

    @property
    def is_waiting(self) -> bool:
        """Whether people can still answer."""
        return bool(self.digest)

    @property
    def judging(self) -> tuple[ShownCheck, ...]:
        """The checks of rules that judge this payment."""
        return tuple(one for one in self.checks if one.check.outcome is not Said.NOT_APPLICABLE)

    @property
    def asking(self) -> int:
        """How many rules ask for people."""
        return sum(one.check.outcome is Said.REVIEW for one in self.checks)


@dataclass(frozen=True, slots=True)
class Effect:
    """What they do to one limit: used without them, and with all of them. Of a rolling window it is the fullest one."""

    check: Check
    before: Decimal
    after: Decimal
    number: int

    @property
    def adds(self) -> Decimal:
        """What these payments take of it."""
        return self.after - self.before

    @property
    def left(self) -> Decimal:
        """What is left behind them; negative where they go above the limit."""
        assert self.check.limit is not None, "only checks with a limit have an effect"
        return self.check.limit - self.after


@dataclass(frozen=True, slots=True)
class Preview:
    """What would be answered, what would not and why, and the effect of the whole."""

    answerable: Sequence[Candidate]
    others: Sequence[Candidate]
    totals: Sequence[Total]
    effects: Sequence[Effect]

    @property
    def to_confirm(self) -> int:
        """How many are of an amount that is confirmed one by one."""
        return sum(one.is_to_be_confirmed for one in self.answerable)

    @property
    def denied(self) -> Sequence[Candidate]:
        """Those that the policies of now would decline, whatever people say."""
        return [one for one in self.answerable if one.outcome == "deny"]


def preview(member: Member, authorization_ids: Sequence[UUID], *, now: datetime) -> Preview:
    """Return what answering these at once would do; raises `NotFound` where one is not the member's to see.

    Read in sets: what one more payment costs is the look at its own situation.
    """
    shown = _candidates(member, authorization_ids, now)
    answerable = [one for one in shown if one.is_waiting and not one.refusal]
    sums: dict[str, list[Decimal]] = defaultdict(list)
    for one in answerable:
        sums[one.authorization.currency].append(one.authorization.amount)
    return Preview(
        answerable=answerable,
        others=[one for one in shown if one not in answerable],
        totals=[Total(currency, sum(amounts, Decimal(0)), len(amounts)) for currency, amounts in sorted(sums.items())],
        effects=_effects(member.organization_id, answerable),
    )


def _candidates(member: Member, ids: Sequence[UUID], now: datetime) -> list[Candidate]:
    chosen = Authorization.objects.filter(id__in=ids, organization_id=member.organization_id)
    related = chosen.select_related("agent", "counterparty__merged_into", "organization", "approval_request")
    found = {one.id: one for one in related}
    if len(found) < len(set(ids)):
        raise NotFound()
    waiting = [one for one in found.values() if is_still_waiting(one, now)]
    evidence = evidence_of_each(waiting, now=now)
    reviews: dict[UUID, list[Review]] = {one.id: [] for one in waiting}
    given = Review.objects.filter(request__authorization__in=reviews).exclude(closed_as__in=NEVER_GIVEN)
    for one in given.select_related("person", "request").order_by("at", "id"):
        reviews[one.request.authorization_id].append(one)
    yeses = yeses_among(member.organization_id, reviews, {one.id: one.agent.owner_id for one in waiting})
    refusals = {
        one.id: refusal_to(one, reviews[one.id], needs_of(one.approval_request, yeses[one.id]), member, now)
        for one in waiting
    }
    called = namesakes_of_each(member.organization_id, [_called(one) for one in waiting])
    namesakes = dict(zip((one.id for one in waiting), called, strict=True))
    return [_candidate(found[one], evidence.get(one), refusals.get(one, ""), namesakes.get(one, ())) for one in ids]


def _called(authorization: Authorization) -> Called:
    """Return what a payee is called, by who asked and by who knows it: whoever it was merged into."""
    known = authorization.counterparty
    payee = known and (known.merged_into or known)
    return Called((authorization.payee["name"], payee.name if payee else ""), payee.pk if payee else None)


def _candidate(
    authorization: Authorization, evidence: Evidence | None, refusal: str, namesakes: tuple[Namesake, ...]
) -> Candidate:
    decision = evidence.decision if evidence else None
    shown = shown_checks(decision.checks) if decision else ()
    return Candidate(
        authorization=authorization,
        public_id=to_public(Prefix.AUTHORIZATION, authorization.id),
        outcome=decision.outcome.value if decision else "",
        why=why_of(decision.reasons, decision.outcome.value, decision.checks) if decision else "",
        reasons=tuple(sentence(code) for code in decision.reasons) if decision else (),
        checks=tuple(one for one in shown if one.check.mode.value == "enforced"),
        digest=evidence.digest if evidence else "",
        standing=evidence.standing if evidence else "",
        refusal=refusal,
        obstacle=obstacle_to(authorization) if evidence else "",
        namesakes=namesakes,
        is_to_be_confirmed=evidence is not None and is_to_be_confirmed(authorization),
    )


def _effects(organization_id: UUID, answerable: Sequence[Candidate]) -> list[Effect]:
    groups: dict[tuple[str, str, str, str], list[tuple[UUID, Check]]] = defaultdict(list)
    for one in answerable:
        for shown in one.checks:
            check = shown.check
            if check.counter is not None and shown.has_room and check.outcome is not Said.NOT_APPLICABLE:
                key = (check.counter, check.policy, check.rule_key, check.code)
                groups[key].append((one.authorization.id, check))
    posted = _posted(organization_id, [one.authorization.id for one in answerable], sorted({key[0] for key in groups}))
    effects = [_effect(checks, posted.get(key[0])) for key, checks in groups.items()]
    return sorted(effects, key=lambda effect: (effect.left >= 0, effect.check.policy_name, effect.check.rule_key))


def _effect(checks: Sequence[tuple[UUID, Check]], posted: frozenset[UUID] | None) -> Effect:
    """Add up. Their holds are in the counter already, unless it is that of a rule which came later."""
    requested = {one: check.requested or Decimal(0) for one, check in checks}
    not_in_it = {one for one, check in checks if (one not in posted if posted is not None else check.rule == POTS)}
    to_come = sum((requested[one] for one in not_in_it), Decimal(0))
    after = max(
        (check.used or Decimal(0)) + requested[one] + to_come - (requested[one] if one in not_in_it else 0)
        for one, check in checks
    )
    before = max(Decimal(0), after - sum(requested.values(), Decimal(0)))
    return Effect(check=checks[0][1], before=before, after=after, number=len(checks))


def _posted(organization_id: UUID, holds: Sequence[UUID], keys: Sequence[str]) -> Mapping[str, frozenset[UUID]]:
    """Return which of these holds each open counter has in it; one that is not open is not named."""
    found = rows(POSTED, {"organization": organization_id, "holds": list(holds), "keys": list(keys)})
    counters: dict[str, set[UUID]] = {}
    for key, hold in cast(list[tuple[str, UUID | None]], found):
        inside = counters.setdefault(key, set())
        if hold is not None:
            inside.add(hold)
    return {key: frozenset(inside) for key, inside in counters.items()}
