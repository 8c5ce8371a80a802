"""What reviewers see: how many wait, and one request with everything that a yes or no rests on."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.db.models import Count, Q, QuerySet

from approvals.lifecycle import NEVER_GIVEN, ReviewEnd, Status
from approvals.models import ApprovalRequest, Authorization, Review
from approvals.routing import Reviewer, asks_for_confirmation, is_asked, missing_approvals, requirements_from
from approvals.selectors.evidence import evidence_of_each, is_still_waiting
from approvals.selectors.reviewers import yeses_given
from core.errors import NotFound
from core.ids import Prefix, to_public
from core.money import amount_text
from people.models import Member
from people.roles import Right, rights_of
from policies.engine.explain import check_sentence
from policies.engine.reasons import sentence
from policies.engine.stored import check_from_plain
from policies.engine.types import Check, Requirement, Said
from spend.selectors.families import family_of
from spend.selectors.holds import HoldState, RecordState, hold_of, paid_to, records_of

LAST_PAYMENTS: Final = 5
EARLIER_ASKS: Final = 50
"""Asks among which payments are looked for, the newest first."""
PAID: Final = (Status.RECORDED, Status.APPROVED, Status.IN_DOUBT)
LONGEST_IN_A_ROW: Final = 9
"""Digits and point, as in 999999.99."""


@dataclass(frozen=True, slots=True)
class ShownCheck:
    """A check with its sentence."""

    check: Check
    sentence: str

    @property
    def has_room(self) -> bool:
        """Whether it counts against a limit that a bar can show."""
        return self.check.limit is not None and self.check.used is not None

    @property
    def is_telling(self) -> bool:
        """Whether it asks, denies or counts; one that only allows is no news."""
        return self.check.outcome is not Said.ALLOW or self.has_room

    @property
    def left(self) -> Decimal | None:
        """What is left once this payment is in; negative where it goes above the limit."""
        check = self.check
        if check.limit is None or check.used is None or check.requested is None:
            return None
        return check.limit - check.used - check.requested

    @property
    def has_long_figures(self) -> bool:
        """Whether one of its amounts is so long that four of them do not fit into a row."""
        figures = (self.check.limit, self.check.used, self.check.requested, self.left)
        return any(len(amount_text(abs(one))) > LONGEST_IN_A_ROW for one in figures if one is not None)


@dataclass(frozen=True, slots=True)
class Need:
    """What one rule still asks of people."""

    requirement: Requirement
    missing: int


@dataclass(frozen=True, slots=True)
class Earlier:
    """What an agent asked for the same payee before: its last payments, what was recorded first.

    `asks` is how many of its asks were looked at, `declined` how many of these were declined.
    """

    payments: tuple[Authorization, ...]
    asks: int
    declined: int


@dataclass(frozen=True, slots=True)
class Detail:
    """One authorization with what stands around it.

    `checks` are those of now while people decide, else those it was decided by. `digest` is the evidence shown.
    `refusal` says why this viewer cannot answer, empty where they can; `obstacle` why nobody can say yes for now.
    `reviews` leaves out what was taken back.
    `as_asked` are the checks of the first decision where there is a second. `family` is the counterparty with those
    that were merged into it, empty where nobody knows it.
    """

    authorization: Authorization
    public_id: str
    agent_id: str
    outcome: str
    reasons: tuple[str, ...]
    checks: tuple[ShownCheck, ...]
    shadow_checks: tuple[ShownCheck, ...]
    as_asked: tuple[ShownCheck, ...]
    digest: str
    hold: HoldState | None
    records: tuple[RecordState, ...]
    request: ApprovalRequest | None
    reviews: Sequence[Review]
    needs: tuple[Need, ...]
    refusal: str
    obstacle: str
    is_to_be_confirmed: bool
    paid: tuple[tuple[str, Decimal, int], ...]
    family: tuple[UUID, ...]
    earlier: Earlier

    @property
    def judging(self) -> tuple[ShownCheck, ...]:
        """The checks of rules that judge this payment."""
        return tuple(one for one in self.checks if one.check.outcome is not Said.NOT_APPLICABLE)

    @property
    def plain(self) -> tuple[ShownCheck, ...]:
        """The checks of rules that allow it and count nothing."""
        return tuple(one for one in self.judging if not one.is_telling)

    @property
    def asking(self) -> int:
        """How many rules ask for people."""
        return sum(one.check.outcome is Said.REVIEW for one in self.checks)

    @property
    def aside(self) -> tuple[ShownCheck, ...]:
        """The checks of rules that this payment does not concern."""
        return tuple(one for one in self.checks if one.check.outcome is Said.NOT_APPLICABLE)

    @property
    def is_waiting(self) -> bool:
        """Whether people can still answer."""
        return bool(self.digest)

    @property
    def missing(self) -> int:
        """How many more approvals it needs at least: one person's counts for each rule that asks for them."""
        return max((need.missing for need in self.needs), default=0)


COUNTED_YES: Final = Q(
    approval_request__reviews__verdict="approve", approval_request__reviews__closed_as=ReviewEnd.COUNTED
)


def waiting(organization_id: UUID, *, now: datetime) -> QuerySet[Authorization]:
    """Return what waits for people, the ones that expire first first."""
    return (
        Authorization.objects.filter(organization_id=organization_id, status=Status.PENDING_REVIEW, expires_at__gt=now)
        .select_related("agent", "counterparty", "approval_request")
        .annotate(yeses=Count("approval_request__reviews", filter=COUNTED_YES))
        .order_by("expires_at", "id")
    )


def why_here(authorization: Authorization) -> str:
    """Return in one sentence why an authorization was not simply approved."""
    codes = authorization.reasons
    told = [one for one in authorization.decision["checks"] if codes and one["code"] == codes[0]]
    return why_of(codes, authorization.outcome, [check_from_plain(one) for one in told])


def why_of(codes: Sequence[str], outcome: str, checks: Sequence[Check]) -> str:
    """Return the first reason of a decision in one sentence, with the figures of the check that gave it."""
    if not codes:
        return "Every rule allows it."
    told = (one for one in checks if one.code == codes[0] and one.outcome.value == outcome)
    check = next(told, None)
    return sentence(codes[0]) if check is None else check_sentence(check)


def detail(organization_id: UUID, authorization_id: UUID, *, member: Member, now: datetime) -> Detail:
    """Return one authorization with everything a reviewer or reader needs; raises `NotFound`."""
    authorization = (
        Authorization.objects.filter(id=authorization_id, organization_id=organization_id)
        .select_related("agent", "counterparty", "organization", "approval_request")
        .first()
    )
    if authorization is None:
        raise NotFound()
    is_waiting = is_still_waiting(authorization, now)
    evidence = evidence_of_each([authorization], now=now)[authorization.id] if is_waiting else None
    stored = authorization.redecision or authorization.decision
    shown = shown_checks(evidence.decision.checks) if evidence else shown_stored(stored)
    request = getattr(authorization, "approval_request", None)
    reviews = _given(request)
    needs = _needs(request)
    counterparty = authorization.counterparty_id
    family = family_of(organization_id, counterparty) if counterparty else ()
    return Detail(
        authorization=authorization,
        public_id=to_public(Prefix.AUTHORIZATION, authorization.id),
        agent_id=to_public(Prefix.AGENT, authorization.agent_id),
        outcome=evidence.decision.outcome.value if evidence else stored["outcome"],
        reasons=tuple(sentence(code) for code in (evidence.decision.reasons if evidence else stored["reasons"])),
        checks=tuple(one for one in shown if one.check.mode.value == "enforced"),
        shadow_checks=tuple(one for one in shown if one.check.mode.value == "shadow"),
        as_asked=shown_stored(authorization.decision) if authorization.redecision else (),
        digest=evidence.digest if evidence else "",
        hold=hold_of(authorization.id),
        records=records_of(authorization.id),
        request=request,
        reviews=reviews,
        needs=needs,
        refusal=refusal_to(authorization, reviews, needs, member, now) if is_waiting else "",
        obstacle=obstacle_to(authorization) if is_waiting else "",
        is_to_be_confirmed=is_waiting and is_to_be_confirmed(authorization),
        paid=paid_to(organization_id, counterparty) if counterparty else (),
        family=family,
        earlier=_earlier(authorization, family),
    )


def is_to_be_confirmed(authorization: Authorization) -> bool:
    """Say whether the organization wants a yes to this payment confirmed."""
    organization = authorization.organization
    return asks_for_confirmation(
        authorization.amount,
        authorization.counting_currency,
        above=organization.confirmation_amount,
        currency=organization.currency,
    )


def shown_checks(checks: Sequence[Check]) -> tuple[ShownCheck, ...]:
    """Return checks with their sentences, the strictest first."""
    return tuple(ShownCheck(check, check_sentence(check)) for check in sorted(checks, key=_weight))


def shown_stored(decision: Mapping[str, Any]) -> tuple[ShownCheck, ...]:
    """Return the checks of a stored decision, the strictest first."""
    return shown_checks([check_from_plain(one) for one in decision["checks"]])


def _weight(check: Check) -> int:
    return (Said.DENY, Said.REVIEW, Said.ALLOW, Said.NOT_APPLICABLE).index(check.outcome)


def _needs(request: ApprovalRequest | None) -> tuple[Need, ...]:
    if request is None:
        return ()
    return needs_of(request, yeses_given(request))


def needs_of(request: ApprovalRequest, yeses: Sequence[Reviewer]) -> tuple[Need, ...]:
    """Return what each rule still asks of people, these yeses counted."""
    requirements = requirements_from(request.requirements)
    return tuple(Need(requirement, missing_approvals(requirement, yeses)) for requirement in requirements)


def _given(request: ApprovalRequest | None) -> list[Review]:
    """Return the answers given, those on their way included."""
    if request is None:
        return []
    given = request.reviews.exclude(closed_as__in=NEVER_GIVEN)
    return list(given.select_related("person").order_by("at", "id"))


def refusal_to(
    authorization: Authorization, reviews: Sequence[Review], needs: Sequence[Need], member: Member, now: datetime
) -> str:
    """Return why this member cannot answer what waits, in a sentence; empty where they can."""
    if Right.REVIEW not in rights_of(member.roles):
        return "Your roles do not let you review payments."
    if authorization.agent.owner_id == member.person_id:
        return "You own this agent; somebody else has to review its payments."
    if any(review.person_id == member.person_id for review in reviews):
        own = next(review for review in reviews if review.person_id == member.person_id)
        return "You have answered." if own.closed_at is None else "You have answered; other people still have to."
    faster = reviews[-1].person.name if reviews else ""
    if any(review.verdict == "reject" for review in reviews):
        return f"{faster} was faster and has rejected it."
    if reviews and not any(need.missing for need in needs):
        return f"{faster} was faster: all approvals it needs have been given."
    if authorization.approval_request.expires_at <= now:
        return "The time to answer is over; an answer given in time takes effect in a moment."
    if needs and not any(is_asked(need.requirement, _reviewer(member)) for need in needs):
        return "The rule asks other people."
    return ""


def obstacle_to(authorization: Authorization) -> str:
    """Return why nobody can approve what waits for now, in a sentence; empty where nothing is frozen or retired."""
    agent, organization = authorization.agent, authorization.organization
    if agent.retired_at is not None:
        return f"{agent.name} is retired; nothing it asked for is approved any more. It can be rejected."
    frozen = [one.name for one in (organization, agent) if one.frozen_at is not None]
    if not frozen:
        return ""
    return f"{' and '.join(frozen)} {'is' if len(frozen) == 1 else 'are'} frozen. Thaw first, or reject."


def _reviewer(member: Member) -> Reviewer:
    return Reviewer(to_public(Prefix.PERSON, member.person_id), frozenset(member.roles))


def for_the_same_payee(authorization: Authorization, family: Collection[UUID]) -> QuerySet[Authorization]:
    """Return everything asked for its payee, itself included: who was merged is one and the same (decision 0011).

    Where nobody knows the payee, and the family is empty, the identifiers that were sent have to be the same.
    """
    everything = Authorization.objects.filter(organization_id=authorization.organization_id)
    if family:
        return everything.filter(counterparty_id__in=family)
    return everything.filter(counterparty__isnull=True, payee_digest=authorization.payee_digest)


def _earlier(authorization: Authorization, family: Collection[UUID]) -> Earlier:
    """Return what became of what its agent asked for the payee before: one read, however long history is."""
    earlier = for_the_same_payee(authorization, family).filter(
        agent_id=authorization.agent_id, asked_at__lt=authorization.asked_at
    )
    found = list(earlier.defer("decision", "facts").order_by("-asked_at")[:EARLIER_ASKS])
    payments = sorted((one for one in found if one.status in PAID), key=lambda one: one.status != Status.RECORDED)
    declined = sum(one.status == Status.DECLINED for one in found)
    return Earlier(tuple(payments[:LAST_PAYMENTS]), asks=len(found), declined=declined)
