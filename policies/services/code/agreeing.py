"""A file of policies that waits for a second person: one change, of all of it, bound to what it does now."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from core.actor import Actor
from core.db import must_be_in_transaction
from core.errors import ContoError
from people.models import ChangeKind
from people.services import Awaiting, Proposal, propose
from policies.engine.written import file_to_plain, parse_file
from policies.services.code.planning import Compared, Step, compare, compared_still

FILE: Final = "policies"
"""The subject of such a change: one file of an organization waits at a time, and another one takes its place."""
DONE: Final = {Step.CREATE: "created", Step.CHANGE: "changed", Step.RETIRE: "retired"}
OUTDATED: Final = (
    "The policies are not as they were when this file was proposed: it would do something else. "
    "Plan it, and apply it again."
)
"""Why a file is not brought into force although somebody agreed to it."""


def propose_file(
    organization_id: UUID,
    found: Compared,
    *,
    retires_others: bool,
    note: str,
    actor: Actor,
    now: datetime,
) -> Awaiting:
    """Let a file wait that was compared behind the gate; what only tightens in it waits as well; a step."""
    must_be_in_transaction()
    every = zip(found.plan.policies, found.stored_ids, strict=True)
    told = [(one, stored) for one, stored in every if one.step is not Step.NOTHING]
    proposal = Proposal(
        kind=ChangeKind.POLICIES,
        subject_id=FILE,
        title=_title(found),
        content={
            "file": file_to_plain(found.file),
            "retire_others": retires_others,
            "note": note,
            "effect": found.effect,
            "policies": [{**one.effect(), "id": stored} for one, stored in told],
            "subjects": list(found.subjects),
        },
        loosens=[f"{one.name}: {detail}" for one, _ in told for detail in one.loosens],
    )
    return propose(organization_id, proposal, actor=actor, now=now)


def compare_again(
    organization_id: UUID, content: Mapping[str, Any], *, ahead: Compared | None = None, now: datetime
) -> Compared:
    """Return the file of a change beside what is stored now; raises as a plan does.

    `ahead` is the same content compared before the gate was taken, and is taken over where nothing has changed since.
    """
    if ahead is None:
        file = parse_file(content["file"])
        return compare(organization_id, file, retires_others=content["retire_others"], now=now)
    return compared_still(ahead, organization_id, retires_others=content["retire_others"], now=now)


def compare_ahead(organization_id: UUID, content: Mapping[str, Any], *, now: datetime) -> Compared | None:
    """Return the file of a change beside what is stored, before the gate is taken; None where that is refused.

    Whoever stands behind the gate says why, in its turn.
    """
    try:
        return compare_again(organization_id, content, now=now)
    except ContoError:
        return None


def does_as_proposed(found: Compared, content: Mapping[str, Any]) -> bool:
    """Say whether the file would still do exactly what it would have done when it was proposed."""
    return bool(found.effect == content["effect"])


def _title(found: Compared) -> str:
    counts = {step: sum(one.step is step for one in found.plan.policies) for step in DONE}
    parts = [f"{number} {DONE[step]}" for step, number in counts.items() if number]
    return f"Apply a file of policies: {', '.join(parts)}"
