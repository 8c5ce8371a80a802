"""Who agreed to a change that waits, and whether they are enough: one of them is certainly not who proposed it."""

from datetime import datetime
from uuid import UUID

from audit.catalogue import Action
from core.actor import ACTOR_NAME_LENGTH, Actor
from core.db import must_be_in_transaction
from core.errors import Conflict
from core.ids import new_id
from people.models import Agreement, ChangeKind, Member, PendingChange
from people.services.four_eyes import RIGHTS, tell_change


def agree_to(change: PendingChange, person_id: UUID, *, actor: Actor, now: datetime) -> None:
    """Store what somebody who may do so agrees to: a locked change, exactly as it was shown; a step.

    Raises `Conflict` (`already_agreed`).
    """
    must_be_in_transaction()
    if Agreement.objects.filter(change=change, person_id=person_id, withdrawn_at=None).exists():
        raise Conflict("already_agreed", "You agreed to this already. Somebody else must agree as well.")
    Agreement.objects.create(
        id=new_id(now),
        change=change,
        person_id=person_id,
        name=actor.name[:ACTOR_NAME_LENGTH],
        digest=change.digest,
        at=now,
    )


def those_who_agree(change: PendingChange) -> list[Agreement]:
    """Return the agreements that count now: members and roles are read again behind the gate that the caller holds."""
    given = change.agreements.filter(withdrawn_at=None, digest=change.digest).order_by("at", "id")
    members = Member.objects.filter(organization_id=change.organization_id, person__is_active=True)
    right = RIGHTS[ChangeKind(change.kind)]
    able = {one.person_id for one in members.filter(person__in=given.values("person")) if one.may(right)}
    return [one for one in given if one.person_id in able]


def withdraw_agreements(member: Member, *, actor: Actor, now: datetime) -> None:
    """Let no longer count what a member agreed to and could not agree to today; a step behind the gate.

    Whoever comes back agrees anew: meanwhile nobody was there to be asked.
    """
    must_be_in_transaction()
    waiting = PendingChange.objects.filter(organization_id=member.organization_id, closed_at=None)
    given = Agreement.objects.filter(change__in=waiting, person_id=member.person_id, withdrawn_at=None)
    for one in given.select_related("change").order_by("id"):
        if member.may(RIGHTS[ChangeKind(one.change.kind)]):
            continue
        one.withdrawn_at = now
        one.save(update_fields=["withdrawn_at"])
        tell_change(Action.CHANGE_AGREEMENT_WITHDRAWN, one.change, agreed_by=[one], actor=actor, now=now)
