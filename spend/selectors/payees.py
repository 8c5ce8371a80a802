"""Who a payee is, and which pegs apply."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, cast
from uuid import UUID

from core.db import prepared_rows
from core.errors import NotFound
from core.ids import Prefix, from_public, to_public
from spend.payee import PayeeClaim

BLOCKED: Final = "blocked"
PEG_CACHE_SIZE: Final = 256
PAYEES_KEPT: Final = 20_000
"""Payees kept per process; an organization pays far fewer."""

OWNED: Final = "array(select kind || ':' || value from spend_identifier o where o.counterparty_id = c.id order by 1)"
MERGED: Final = "array(select m.id from spend_counterparty m where m.merged_into_id = c.id order by 1)"
RESOLVE: Final = f"""
select i.kind || ':' || i.value, c.id, c.standing, c.country, {OWNED}, {MERGED}
from spend_identifier i join spend_counterparty c on c.id = i.counterparty_id
where i.organization_id = %(organization)s::uuid
  and (i.kind, i.value) in (select * from unnest(%(kinds)s::text[], %(values)s::text[]))
union all
select 'id', c.id, c.standing, c.country, {OWNED}, {MERGED}
from spend_counterparty named join spend_counterparty c on c.id = coalesce(named.merged_into_id, named.id)
where named.organization_id = %(organization)s::uuid and named.id = %(id)s::uuid
"""


@dataclass(frozen=True, slots=True)
class Payee:
    """Who a claim resolved to; `counterparty` None where it is nobody known or the identifiers disagree.

    `identifiers` are all that the counterparty has, sent or not; `merged` are those that were merged into it.
    """

    counterparty: UUID | None
    standing: str
    country: str
    has_mismatch: bool
    is_new: bool
    identifiers: tuple[str, ...] = ()
    merged: tuple[UUID, ...] = ()


UNKNOWN_PAYEE: Final = Payee(None, "unknown", "", has_mismatch=False, is_new=False)


def resolve_payee(organization_id: UUID, claim: PayeeClaim) -> Payee:
    """Return who `claim` names: all strong identifiers sent must resolve to one counterparty (specification §4).

    Identifiers of which some are known and others not, or that name two counterparties, are a mismatch.
    """
    if not claim.identifiers and claim.counterparty is None:
        return UNKNOWN_PAYEE
    pairs = [identifier.split(":", 1) for identifier in claim.identifiers]
    found = cast(
        list[tuple[str, UUID, str, str, list[str], list[UUID]]],
        prepared_rows(
            RESOLVE,
            {
                "organization": organization_id,
                "kinds": [kind for kind, _ in pairs],
                "values": [value for _, value in pairs],
                "id": _own_id(claim.counterparty),
            },
        ),
    )
    sent = len(claim.identifiers) + (claim.counterparty is not None)
    if not found and claim.counterparty is None:
        return Payee(None, "unknown", "", has_mismatch=False, is_new=True)
    if any(row[2] == BLOCKED for row in found):
        # Junk beside the identifier of somebody blocked must not wash them clean.
        return _payee(next(row for row in found if row[2] == BLOCKED), has_mismatch=len(found) < sent)
    if len(found) < sent or len({row[1] for row in found}) > 1:
        return Payee(None, "unknown", "", has_mismatch=True, is_new=False)
    return _payee(found[0], has_mismatch=False)


def _payee(row: tuple[str, UUID, str, str, list[str], list[UUID]], *, has_mismatch: bool) -> Payee:
    _, counterparty, standing, country, owned, merged = row
    return Payee(
        counterparty, standing, country, has_mismatch, is_new=False, identifiers=tuple(owned), merged=tuple(merged)
    )


def payee_in(organization_id: UUID, claim: PayeeClaim, epoch: int) -> Payee:
    """Return what `resolve_payee` does, kept per epoch where somebody was found.

    Whatever changes that raises the epoch.
    """
    try:
        return _known_payee(organization_id, claim, epoch)
    except _NobodyKnown as nobody:
        return nobody.payee


class _NobodyKnown(Exception):
    """Not kept: the payee may become known without a change that decisions rest on."""

    def __init__(self, payee: Payee) -> None:
        super().__init__()
        self.payee = payee


@lru_cache(maxsize=PAYEES_KEPT)
def _known_payee(organization_id: UUID, claim: PayeeClaim, epoch: int) -> Payee:  # noqa: ARG001 - part of the cache's key
    payee = resolve_payee(organization_id, claim)
    if payee.counterparty is None:
        raise _NobodyKnown(payee)
    return payee


def _own_id(public: str | None) -> UUID | None:
    if public is None:
        return None
    try:
        return from_public(Prefix.COUNTERPARTY, public)
    except NotFound:
        return None


@lru_cache(maxsize=PEG_CACHE_SIZE)
def pegs(organization_id: UUID, epoch: int) -> Mapping[str, str]:  # noqa: ARG001 - part of the cache's key
    """Return which currency each pegged one counts as; cached per epoch, which every peg change raises."""
    found = prepared_rows(
        "select currency, pegged_to from spend_peg where organization_id = %(organization)s::uuid",
        {"organization": organization_id},
    )
    return dict(cast(list[tuple[str, str]], found))


def public_counterparty(counterparty: UUID | None) -> str | None:
    """Return the public id, or None for nobody."""
    return None if counterparty is None else to_public(Prefix.COUNTERPARTY, counterparty)
