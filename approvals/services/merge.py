"""Merging duplicate counterparties: what was one payee under two names becomes one."""

from datetime import datetime
from uuid import UUID

from core.actor import Actor
from core.db import hold_gate_exclusively, use_case
from core.errors import Conflict
from core.ids import Prefix, to_public
from people.models import ChangeKind
from people.services import Awaiting, Proposal, needs_second_person, propose
from policies.selectors import policies_judging_only
from spend.selectors.counterparties import counterparty_of
from spend.services.merging import merge_into, refuse_merge


@use_case
def merge_counterparties(
    *, organization_id: UUID, kept_id: UUID, merged_id: UUID, actor: Actor, now: datetime
) -> Awaiting | None:
    """Merge one counterparty into another, behind the organization's gate; decisions under way are made again.

    Raises what `spend.services.merging.merge_into` does, and `Conflict` (`counterparty_named`) where a policy in force
    judges payments to the merged one only: its rule could not count them under the other. Where four eyes are wanted it
    waits for a second person: whatever names the one that is left names the other's identifiers then. What could not be
    made is refused before it waits.
    """
    hold_gate_exclusively(organization_id)
    if needs_second_person(organization_id):
        refuse_merge(organization_id, kept_id, merged_id)
        _refuse_named(organization_id, kept_id, merged_id)
        kept, merged = (counterparty_of(organization_id, one) for one in (kept_id, merged_id))
        proposal = Proposal(
            kind=ChangeKind.COUNTERPARTY,
            subject_id=to_public(Prefix.COUNTERPARTY, kept_id),
            title=f"Merge {merged.name} into {kept.name}",
            content={"merged": to_public(Prefix.COUNTERPARTY, merged_id)},
            loosens=[f"Wherever a list names {kept.name}, it names what identifies {merged.name} as well."],
        )
        return propose(organization_id, proposal, actor=actor, now=now)
    merge_both(organization_id, kept_id, merged_id, actor=actor, now=now)
    return None


def merge_both(organization_id: UUID, kept_id: UUID, merged_id: UUID, *, actor: Actor, now: datetime) -> None:
    """Merge one into the other, behind the gate; a step that raises as `merge_counterparties` does."""
    merge_into(organization_id=organization_id, kept_id=kept_id, merged_id=merged_id, actor=actor, now=now)
    _refuse_named(organization_id, kept_id, merged_id)


def _refuse_named(organization_id: UUID, kept_id: UUID, merged_id: UUID) -> None:
    kept, merged = (to_public(Prefix.COUNTERPARTY, one) for one in (kept_id, merged_id))
    in_the_way = policies_judging_only(organization_id, merged, without=kept)
    if in_the_way:
        names = ", ".join(policy.name for policy in in_the_way)
        detail = (
            f"A rule judges payments to the duplicate only ({names}). Name the other one there first, or merge the "
            "other way round."
        )
        raise Conflict("counterparty_named", detail, policies=[policy.policy for policy in in_the_way])
