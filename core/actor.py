"""Who acts: the one shape in which a person, an agent, a back end or the system itself enters a use case."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID


class ActorKind(StrEnum):
    """What kind of actor it is."""

    PERSON = "person"
    AGENT = "agent"
    ORGANIZATION_KEY = "organization_key"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, within which organization, by which request.

    `id` is the public id (TypeID), `name` what people call it, `address` the network address it came from.
    """

    kind: ActorKind
    id: str
    name: str
    organization_id: UUID | None
    request_id: str = ""
    address: str = ""


ACTOR_NAME_LENGTH: Final = 200
"""As much of the name as is kept with what was done."""
SYSTEM: Final = Actor(ActorKind.SYSTEM, "system", "Conto", None)
