"""What is stored and a comparison of a file rests on, so that one that was thought ahead is known to hold still."""

from dataclasses import dataclass
from uuid import UUID

from django.db.models import Model

from policies.engine.written import PolicyFile
from policies.services.code.matching import Stored, read_stored
from policies.services.code.outlook import Now, read_now


@dataclass(frozen=True, slots=True)
class Found:
    """Everything that is stored and that a comparison rests on, and nothing else: it is a function of this."""

    stored: Stored
    present: Now

    def holds_in(self, other: "Found") -> bool:
        """Say whether the other is the same, value for value: then a comparison with this is one with the other."""
        return self.values() == other.values()

    def values(self) -> tuple[object, ...]:
        """Return all that it holds as what can be told apart."""
        stored, present = self.stored, self.present
        tables = (*stored.policies, present.organization, *present.people)
        named = [None if one is None else one.pk for one in stored.named]
        # Versions never change, so which ones they are says what is in them.
        versions = {policy_id: one.pk for policy_id, one in stored.latest.items()}
        rest = (present.agents, present.enforced, present.others, present.names)
        return ([*map(_row, tables)], stored.targets, named, versions, stored.agents, *rest)


def find(organization_id: UUID, file: PolicyFile) -> Found:
    """Read what comparing a file rests on; some reads, however many policies there are."""
    stored = read_stored(organization_id, file)
    bound = {agent for one in stored.named if one for agent, _ in stored.targets[one.pk].agents}
    return Found(stored, read_now(organization_id, {*bound, *stored.agents.values()}))


def _row(instance: Model) -> tuple[object, ...]:
    """Return what a row holds: two instances of one row are equal whatever they hold."""
    return tuple(getattr(instance, field.attname) for field in instance._meta.concrete_fields)  # noqa: SLF001 - public in all but name (Django documents it)
