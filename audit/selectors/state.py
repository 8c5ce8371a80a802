"""How far the log of an organization is sealed and verified: a few indexed reads, for the log page."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from audit.models import Checkpoint, Leaf, Pending, Verification


@dataclass(frozen=True, slots=True)
class SealState:
    """The end of the log: what is sealed, what waits, and how the last full check ended."""

    size: int
    sealed_at: datetime | None
    checkpoint: str
    unsealed: int
    oldest_unsealed_at: datetime | None
    verified_size: int
    verified_at: datetime | None
    faults: int
    is_complete: bool
    """Whether the last checkpoint covers the last leaf; a log that ends elsewhere was tampered with."""

    @property
    def status(self) -> str:
        """`broken`, `unsealed` (nothing is sealed yet) or `sealed`."""
        if self.faults or not self.is_complete:
            return "broken"
        return "sealed" if self.size else "unsealed"


def seal_state(organization_id: UUID) -> SealState:
    """Return the state of one organization's log."""
    last = Checkpoint.objects.filter(organization_id=organization_id).order_by("-size").first()
    end = (
        Leaf.objects.filter(organization_id=organization_id).order_by("-index").values_list("index", flat=True).first()
    )
    waiting = Pending.objects.filter(organization_id=organization_id)
    check = Verification.objects.filter(organization_id=organization_id).order_by("-at").first()
    size = last.size if last else 0
    return SealState(
        size=size,
        sealed_at=last.at if last else None,
        checkpoint=last.text if last else "",
        unsealed=waiting.count(),
        oldest_unsealed_at=waiting.order_by("event_id").values_list("event__at", flat=True).first(),
        verified_size=check.size if check else 0,
        verified_at=check.at if check else None,
        faults=check.faults if check else 0,
        is_complete=size == (end + 1 if end is not None else 0),
    )
