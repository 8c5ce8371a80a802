"""What a merge of two counterparties would do, before somebody does it."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final
from uuid import UUID

from agents.models import SealedCredential
from agents.selectors import credentials_bound_to
from approvals.models import ApprovalRequest
from policies.engine.evaluate import PolicyInForce
from policies.selectors import policies_judging_only, policies_naming
from spend.selectors.counterparties import CounterpartyView, counterparty_of
from spend.selectors.families import stricter
from spend.selectors.holds import paid_to

MOST_COUNTED: Final = 99
"""Waiting requests that are counted: more is said as "99+"."""

Paid = Sequence[tuple[str, Decimal, int]]


@dataclass(frozen=True, slots=True)
class Merging:
    """Two counterparties side by side, and what is left of both.

    `in_the_way` judge payments to the duplicate only; `credentials` are bound to it alone.
    """

    kept: CounterpartyView
    duplicate: CounterpartyView
    standing: str
    country: str
    paid: Paid
    paid_duplicate: Paid
    waiting: int
    policies: tuple[PolicyInForce, ...]
    in_the_way: tuple[PolicyInForce, ...]
    credentials: tuple[SealedCredential, ...]

    @property
    def has_two_countries(self) -> bool:
        """Whether somebody has to say first which country is right."""
        return bool(self.kept.country and self.duplicate.country and self.kept.country != self.duplicate.country)

    @property
    def is_possible(self) -> bool:
        """Whether nothing that can be seen now stands in the way."""
        is_one = self.kept.id == self.duplicate.id
        is_merged = bool(self.kept.merged_into or self.duplicate.merged_into)
        return not (is_one or is_merged or self.in_the_way or self.has_two_countries)


def merging(organization_id: UUID, kept_id: UUID, duplicate_id: UUID) -> Merging:
    """Return what the merge would do; raises `NotFound` where the organization lacks one of them."""
    kept, duplicate = (counterparty_of(organization_id, one) for one in (kept_id, duplicate_id))
    waiting = ApprovalRequest.objects.filter(
        organization_id=organization_id, closed_at__isnull=True, authorization__counterparty_id=duplicate_id
    )
    return Merging(
        kept=kept,
        duplicate=duplicate,
        standing=stricter(kept.standing, duplicate.standing),
        country=kept.country or duplicate.country,
        paid=paid_to(organization_id, kept_id),
        paid_duplicate=paid_to(organization_id, duplicate_id),
        waiting=waiting[: MOST_COUNTED + 1].count(),
        policies=policies_naming(organization_id, [kept.public_id, *kept.identifiers]),
        in_the_way=policies_judging_only(organization_id, duplicate.public_id, without=kept.public_id),
        credentials=credentials_bound_to(organization_id, duplicate_id, without=kept_id),
    )
