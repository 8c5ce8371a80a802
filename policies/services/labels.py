"""What labels bring: agents know no policies, and settings name this for them."""

from collections.abc import Collection
from uuid import UUID

from policies.selectors import enforced_policies
from policies.services.others import Known, others_of


def loosened_by_labels(organization_id: UUID, agent_id: UUID, known: Known, gained: Collection[str]) -> list[str]:
    """Return, as sentences, by which of the gained labels an agent may spend what it may not now.

    `known` is the agent as it is. It is judged as whom a policy is newly assigned to: where no enforced policy judges
    all that it asks for already, one that comes with a label may let it spend.
    """
    enforced = enforced_policies(organization_id)
    if others_of(enforced, {agent_id: known}).do_judge(agent_id, beside=None):
        return []
    brought = [label for label in sorted(gained) if any(label in one.labels for one in enforced)]
    return [
        f"The agent gains the label {label}, and with it a policy, where no rule judges every payment of it yet."
        for label in brought
    ]
