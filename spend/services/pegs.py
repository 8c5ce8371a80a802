"""Pegs: which stablecoin counts with which currency, 1:1.

A peg counts from its commit on and for new asks only: the currency a hold counts in was resolved at its ask and stored,
so no counter ever mixes what was counted before with what is counted after.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from audit.catalogue import Action
from audit.services import append
from core.actor import Actor
from core.db import hold_gate_exclusively, must_be_in_transaction, use_case
from core.errors import Invalid
from core.money import parse_currency
from people.models import ChangeKind
from people.services import Awaiting, Proposal, needs_second_person, propose, raise_epoch, void_change_of
from spend.models import Peg

PEGS: Final = "pegs"
"""The table of pegs as what a change is about: it changes as a whole."""
MOST_PEGS: Final = 100
"""Pegs per organization: every decision reads the whole table, from the process's memory."""


@use_case
def set_peg(*, organization_id: UUID, currency: str, pegged_to: str, actor: Actor, now: datetime) -> Awaiting | None:
    """Let `currency` count with `pegged_to`; setting what stands already changes nothing.

    Raises `Invalid` (`currency_invalid`, `peg_to_itself`, `peg_chain`, `too_many_pegs`).
    """
    hold_gate_exclusively(organization_id)
    present = _present(organization_id)
    return _change(organization_id, present, {**present, currency: pegged_to}, actor=actor, now=now)


@use_case
def remove_peg(*, organization_id: UUID, currency: str, actor: Actor, now: datetime) -> Awaiting | None:
    """Let `currency` count by itself from now on; removing a peg that is not there changes nothing."""
    hold_gate_exclusively(organization_id)
    present = _present(organization_id)
    wanted = {one: target for one, target in present.items() if one != currency}
    return _change(organization_id, present, wanted, actor=actor, now=now)


@use_case
def replace_pegs(*, organization_id: UUID, pegs: Mapping[str, str], actor: Actor, now: datetime) -> Awaiting | None:
    """Bring the whole table to `pegs` (currency → the one it is pegged to). Raises as `set_peg`."""
    hold_gate_exclusively(organization_id)
    return _change(organization_id, _present(organization_id), pegs, actor=actor, now=now)


def apply_pegs(organization_id: UUID, content: Mapping[str, Any], *, actor: Actor, now: datetime) -> None:
    """Bring the table to what a second person agreed to; a step, behind the organization's gate."""
    must_be_in_transaction()
    _bring_to(organization_id, _present(organization_id), content["pegs"], actor=actor, now=now)


def _change(
    organization_id: UUID, present: Mapping[str, str], wanted: Mapping[str, str], *, actor: Actor, now: datetime
) -> Awaiting | None:
    """Bring the table to `wanted`, or have that wait for a second person: other limits count what is pegged then."""
    _demand_sound(wanted)
    if present != wanted and needs_second_person(organization_id):
        told = _told(present, wanted)
        proposal = Proposal(ChangeKind.PEGS, PEGS, "Change the pegs", {"pegs": dict(wanted)}, told, present)
        return propose(organization_id, proposal, actor=actor, now=now)
    _bring_to(organization_id, present, wanted, actor=actor, now=now)
    return None


def _told(present: Mapping[str, str], wanted: Mapping[str, str]) -> list[str]:
    changed = sorted(one for one in {*present, *wanted} if present.get(one) != wanted.get(one))
    return [
        f"{one} counts with {wanted[one]} from now on." if one in wanted else f"{one} counts by itself from now on."
        for one in changed
    ]


def _present(organization_id: UUID) -> dict[str, str]:
    found = Peg.objects.filter(organization_id=organization_id).order_by("currency")
    return dict(found.values_list("currency", "pegged_to"))


def _bring_to(
    organization_id: UUID, present: Mapping[str, str], wanted: Mapping[str, str], *, actor: Actor, now: datetime
) -> None:
    _demand_sound(wanted)
    changed = sorted(one for one in {*present, *wanted} if present.get(one) != wanted.get(one))
    if not changed:
        return
    pegs = Peg.objects.filter(organization_id=organization_id)
    pegs.filter(currency__in=changed).delete()
    Peg.objects.bulk_create(
        Peg(organization_id=organization_id, currency=one, pegged_to=wanted[one]) for one in changed if one in wanted
    )
    raise_epoch(organization_id)
    void_change_of(organization_id, PEGS, actor=actor, now=now)
    for currency in changed:
        append(
            organization_id=organization_id,
            actor=actor,
            action=Action.PEG_CHANGED,
            subject_kind="peg",
            subject_id=currency,
            before={"name": currency, "pegged_to": present[currency]} if currency in present else None,
            after={"name": currency, "pegged_to": wanted.get(currency)},
            now=now,
        )


def _demand_sound(pegs: Mapping[str, str]) -> None:
    """Raise `Invalid` where a table of pegs is no plain map from stablecoins to other currencies."""
    if len(pegs) > MOST_PEGS:
        raise Invalid("too_many_pegs", f"At most {MOST_PEGS} currencies are pegged.", field="pegs")
    for currency, target in pegs.items():
        parse_currency(currency, field=f"pegs.{currency}")
        parse_currency(target, field=f"pegs.{currency}")
        if currency == target:
            raise Invalid("peg_to_itself", f"{currency} counts with itself already.", field=f"pegs.{currency}")
    for currency, target in pegs.items():
        if target in pegs:
            detail = f"{target} is pegged itself; peg {currency} to {pegs[target]} instead."
            raise Invalid("peg_chain", detail, field=f"pegs.{currency}")
