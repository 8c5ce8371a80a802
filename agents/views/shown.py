"""Runtime keys and sealed credentials as pages show them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from agents.forms import KINDS, RAIL_NAMES, RotationForm
from agents.models import AgentKey, SealedCredential
from agents.selectors import key_status
from core.ids import Prefix, to_public


@dataclass(frozen=True, slots=True)
class KeyLine:
    """One runtime key of an agent."""

    key: AgentKey
    public_id: str
    status: str
    successor: str
    rotation: RotationForm | None

    @property
    def is_in_force(self) -> bool:
        """Whether calls with it are still answered."""
        return self.status not in ("revoked", "expired")


@dataclass(frozen=True, slots=True)
class CredentialLine:
    """One sealed credential of an agent."""

    credential: SealedCredential
    public_id: str
    kind: str
    status: str
    counterparties: tuple[str, ...]
    rails: tuple[str, ...]

    @property
    def is_in_force(self) -> bool:
        """Whether there is still something to release."""
        return self.status == "active"


def key_line(key: AgentKey, *, now: datetime) -> KeyLine:
    """Return a runtime key as lists show it."""
    status = key_status(key, now=now)
    public_id = to_public(Prefix.KEY, key.pk)
    successor: UUID | None = key.successor_id
    is_rotatable = successor is None and status not in ("revoked", "expired")
    return KeyLine(
        key,
        public_id,
        status,
        "" if successor is None else to_public(Prefix.KEY, successor),
        RotationForm(auto_id=f"{public_id}-%s") if is_rotatable else None,
    )


def credential_line(credential: SealedCredential) -> CredentialLine:
    """Return a sealed credential as lists show it."""
    return CredentialLine(
        credential,
        to_public(Prefix.CREDENTIAL, credential.pk),
        dict(KINDS).get(credential.kind, credential.kind),
        "active" if credential.revoked_at is None else "revoked",
        tuple(to_public(Prefix.COUNTERPARTY, one) for one in credential.counterparties),
        tuple(RAIL_NAMES.get(rail, rail) for rail in credential.rails),
    )


L = TypeVar("L", KeyLine, CredentialLine)


def in_force_first(lines: Sequence[L]) -> list[L]:
    """Return the lines in their order, those that count before those that have ended."""
    return sorted(lines, key=lambda line: not line.is_in_force)
