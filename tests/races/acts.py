"""What happens to a stored authorization, as plain values that travel between processes, and what came of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from time import monotonic
from typing import Final
from uuid import UUID

from approvals.lifecycle import MOVES, UNDO_TIME, Status
from approvals.models import Authorization, Review
from approvals.selectors.evidence import present_evidence
from approvals.services.booking import Report
from approvals.services.expire import expire_authorization
from approvals.services.finalise import finalise_authorization
from approvals.services.record import record_spend, record_unauthorized
from approvals.services.review import Reviewed, approve, reject, withdraw
from approvals.services.void import mark_in_doubt, void_authorization
from core.actor import Actor, ActorKind
from core.db import rows
from core.errors import Conflict, ContoError
from core.ids import Prefix, to_public
from people.models import Member
from tests.factories import NOW, actor_for
from tests.races.arena import PATIENCE

BACK_END: Final = Actor(ActorKind.ORGANIZATION_KEY, "key_1", "back end", None)


@dataclass(frozen=True)
class Act:
    """One thing done to one authorization, by a member where people do it.

    `approve` and `reject` are an answer and the worker's looks until it has taken effect; `yes` and `no` are the answer
    alone, `undo` takes it back, `finalise` is one look.
    """

    what: str
    authorization_id: UUID
    organization_id: UUID
    member_id: UUID | None = None
    evidence: str = ""
    amount: str = "60"
    currency: str = "USD"
    reference: str | None = None
    refund_of: UUID | None = None
    agent_id: UUID | None = None
    now: datetime = NOW


def act_on(one: Authorization, what: str, member: Member | None = None, *, now: datetime = NOW) -> Act:
    """An act; a yes is given on the evidence of this moment."""
    shown = ""
    if what in ("approve", "yes"):
        shown = present_evidence(one.id, organization_id=one.organization_id, now=now).digest
    return Act(what, one.id, one.organization_id, member.id if member else None, shown, agent_id=one.agent_id, now=now)


def do(act: Act) -> str:
    """Do it; returns what was done, or the code of the error."""
    try:
        return _done(act)
    except ContoError as error:
        return error.code


def _done(act: Act) -> str:
    match act.what:
        case "approve" | "reject":
            return _in_effect(act)
        case "yes" | "no":
            _reviewed(act)
        case "undo":
            _taken_back(act)
        case "finalise":
            is_done = finalise_authorization(act.authorization_id, organization_id=act.organization_id, now=act.now)
            return "finalise" if is_done else "nothing due"
        case "record" | "part" | "refund":
            return _reported(act)
        case "refund of record" | "spend":
            return _reported_alone(act)
        case "expire":
            is_done = expire_authorization(act.authorization_id, organization_id=act.organization_id, now=act.now)
            return "expire" if is_done else "nothing to expire"
        case "void" | "doubt":
            give_up = void_authorization if act.what == "void" else mark_in_doubt
            give_up(
                act.authorization_id,
                organization_id=act.organization_id,
                agent_id=None,
                reason="over",
                actor=BACK_END,
                now=act.now,
            )
    return act.what


def _reviewed(act: Act) -> Reviewed:
    assert act.member_id is not None, "people review"
    member = Member.objects.get(id=act.member_id)
    actor = actor_for(member)
    if act.what in ("reject", "no"):
        return reject(act.authorization_id, member=member, reason="no", actor=actor, now=act.now)
    return approve(
        act.authorization_id, member=member, evidence_digest=act.evidence, reason="", actor=actor, now=act.now
    )


def _in_effect(act: Act) -> str:
    """Answer, unless that has been done, and let the worker look until it is closed.

    Others may be at the authorization meanwhile, or a no on its way.
    """
    try:
        _reviewed(act)
    except Conflict as error:
        if error.code != "already_reviewed":
            raise
    deadline = monotonic() + PATIENCE
    while Review.objects.filter(request__authorization_id=act.authorization_id, closed_at__isnull=True).exists():
        assert monotonic() < deadline, "hung: the review does not take effect"
        finalise_authorization(
            act.authorization_id, organization_id=act.organization_id, now=act.now + UNDO_TIME + UNDO_TIME
        )
    return Authorization.objects.get(id=act.authorization_id).status


def _taken_back(act: Act) -> None:
    assert act.member_id is not None, "people take back"
    member = Member.objects.get(id=act.member_id)
    # One that has taken effect before this looks is refused, as one that does so behind it.
    own = Review.objects.filter(request__authorization_id=act.authorization_id, person_id=member.person_id).latest("at")
    withdraw(own.id, member=member, actor=actor_for(member), now=act.now)


def _reported(act: Act) -> str:
    recorded = record_spend(
        act.authorization_id,
        Report(
            Decimal(act.amount),
            act.currency,
            kind="refund" if act.what == "refund" else "payment",
            reference=act.reference,
            is_final=act.what != "part",
        ),
        organization_id=act.organization_id,
        agent_id=None,
        actor=BACK_END,
        now=act.now,
    )
    return "replay" if recorded.is_replay else " ".join([act.what, *recorded.record.flags])


def _reported_alone(act: Act) -> str:
    assert act.agent_id is not None, "it names its agent"
    kind = "payment" if act.what == "spend" else "refund"
    recorded = record_unauthorized(
        Report(Decimal(act.amount), act.currency, kind=kind, reference=act.reference, refund_of=act.refund_of),
        organization_id=act.organization_id,
        agent_id=act.agent_id,
        actor=BACK_END,
        now=act.now,
    )
    return "replay" if recorded.is_replay else " ".join([act.what, *recorded.record.flags])


def path_of(authorization_id: UUID) -> list[Status]:
    """Return the statuses an authorization went through, as the history tells; every step must be an allowed move."""
    told = rows(
        "select before->>'status', after->>'status' from audit_event"
        " where subject_id = %s and after->>'status' is not null",
        [to_public(Prefix.AUTHORIZATION, authorization_id)],
    )
    steps = {str(before) if before else None: Status(str(after)) for before, after in told}
    assert len(steps) == len(told), f"something was decided twice: {told}"
    path: list[Status] = []
    last: str | None = None
    while last in steps:
        allowed = MOVES[None if last is None else Status(last)]
        assert steps[last] in allowed, f"{last} became {steps[last]}"
        path.append(steps[last])
        last = steps[last].value
    assert len(path) == len(told), f"the history has a gap: {told}"
    assert last == Authorization.objects.get(id=authorization_id).status
    return path


def events_of(authorization_id: UUID) -> list[object]:
    """Return what the history tells of an authorization, in order."""
    told = "select action from audit_event where subject_id = %s order by id"
    return [action for (action,) in rows(told, [to_public(Prefix.AUTHORIZATION, authorization_id)])]


def words(said: Iterable[str]) -> list[str]:
    """What was said, in order."""
    return sorted(said)
