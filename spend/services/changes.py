"""Creating and changing counterparties, by hand and by the app's own reference.

Whatever a decision may rest on (standing, identifiers, country) changes behind the organization's gate and raises the
epoch: it counts from the commit on.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypedDict, cast
from uuid import UUID

from audit.catalogue import Action
from audit.services import append
from core.actor import Actor
from core.db import hold_gate_exclusively, use_case
from core.errors import Conflict, Invalid, NotFound
from core.ids import new_id
from people.models import ChangeKind
from people.services import Awaiting, Proposal, needs_second_person, propose, raise_epoch, void_change_of
from spend.models import Counterparty, Identifier
from spend.services.fields import (
    MOST_IDENTIFIERS,
    counterparty_facts,
    country_of,
    identifiers_of,
    name_of,
    note_of,
    public_id_of,
    reference_of,
    standing_of,
)

WORST_FIRST: Final = ("blocked", "unknown", "verified", "trusted")
"""The standings as what they let pass: each one lets pass what the one before does not."""
DECIDING_FIELDS: Final = frozenset({"country", "standing", "identifiers"})


class CounterpartyChange(TypedDict, total=False):
    """The fields to change; those left out stay as they are. `identifiers` is the whole set, as `kind:value`."""

    name: str
    country: str
    note: str
    standing: str
    identifiers: Collection[str]


@dataclass(frozen=True, slots=True)
class Upserted:
    """The counterparty of a reference, and whether this call created it."""

    counterparty_id: UUID
    is_new: bool


@use_case
def create_counterparty(
    *,
    organization_id: UUID,
    change: CounterpartyChange,
    actor: Actor,
    now: datetime,
    external_ref: str | None = None,
) -> UUID | Awaiting:
    """Store a counterparty and return its id; its standing is `unknown` unless `change` says otherwise.

    Where a better standing needs a second person, it is stored as `unknown` and that waits.

    Raises `Invalid` (name, country, note, standing, identifiers, reference) and `Conflict` (`reference_taken`,
    `identifier_taken`).
    """
    reference = None if external_ref is None else reference_of(external_ref)
    hold_gate_exclusively(organization_id)
    inserted = _insert(organization_id, reference, change, actor=actor, now=now)
    return inserted if isinstance(inserted, Awaiting) else inserted.pk


@use_case
def change_counterparty(
    *, organization_id: UUID, counterparty_id: UUID, change: CounterpartyChange, actor: Actor, now: datetime
) -> Awaiting | None:
    """Change the fields of `change`; where they hold what is stored already, nothing is written.

    A better standing, or one more identifier, waits for a second person where four eyes are wanted.

    Raises `NotFound`, `Invalid`, `Conflict` (`identifier_taken`, `counterparty_merged`).
    """
    return _change(_stop_and_lock(organization_id, counterparty_id), change, actor=actor, now=now)


@use_case
def set_standing(
    *, organization_id: UUID, counterparty_id: UUID, standing: str, reason: str = "", actor: Actor, now: datetime
) -> Awaiting | None:
    """Say what the organization makes of a counterparty; it counts for every ask that commits afterwards.

    Setting the standing it has changes nothing. Raises `NotFound`, `Invalid` (`standing_invalid`, `note_invalid`).
    """
    change: CounterpartyChange = {"standing": standing_of(standing)}
    counterparty = _stop_and_lock(organization_id, counterparty_id)
    return _change(counterparty, change, reason=note_of(reason), actor=actor, now=now)


@use_case
def add_identifier(
    *, organization_id: UUID, counterparty_id: UUID, identifier: str, actor: Actor, now: datetime
) -> Awaiting | None:
    """Tie one more identifier (`kind:value`) to a counterparty; adding what it has changes nothing.

    Raises `NotFound`, `Invalid` (`identifier_invalid`, `too_many_identifiers`), `Conflict` (`identifier_taken`).
    """
    counterparty = _stop_and_lock(organization_id, counterparty_id)
    (added,) = identifiers_of([identifier])
    present = _identifiers(counterparty)
    if added not in present and len(present) >= MOST_IDENTIFIERS:
        detail = f"A counterparty has at most {MOST_IDENTIFIERS} identifiers."
        raise Invalid("too_many_identifiers", detail, field="identifier")
    return _change(counterparty, {"identifiers": [*present, added]}, actor=actor, now=now)


@use_case
def remove_identifier(
    *, organization_id: UUID, counterparty_id: UUID, identifier: str, actor: Actor, now: datetime
) -> Awaiting | None:
    """Untie an identifier; who sends it from now on names nobody known. Removing what it lacks changes nothing."""
    counterparty = _stop_and_lock(organization_id, counterparty_id)
    (removed,) = identifiers_of([identifier])
    kept = [one for one in _identifiers(counterparty) if one != removed]
    return _change(counterparty, {"identifiers": kept}, actor=actor, now=now)


@use_case
def upsert_counterparty_by_ref(
    *, organization_id: UUID, external_ref: str, change: CounterpartyChange, actor: Actor, now: datetime
) -> Upserted | Awaiting:
    """Create the counterparty of the app's own reference, or bring it to `change`; the same call twice changes nothing.

    Raises `Invalid` (`name_invalid` also where a new one gets no name), `Conflict` (`identifier_taken`,
    `counterparty_merged`).
    """
    reference = reference_of(external_ref)
    hold_gate_exclusively(organization_id)
    known = Counterparty.objects.filter(organization_id=organization_id, external_ref=reference)
    counterparty = known.select_for_update(of=("self",)).first()
    if counterparty is None:
        inserted = _insert(organization_id, reference, change, actor=actor, now=now)
        return inserted if isinstance(inserted, Awaiting) else Upserted(inserted.pk, is_new=True)
    _refuse_merged(counterparty)
    return _change(counterparty, change, actor=actor, now=now) or Upserted(counterparty.pk, is_new=False)


def apply_to_counterparty(
    organization_id: UUID, counterparty_id: UUID, content: Mapping[str, Any], *, actor: Actor, now: datetime
) -> None:
    """Make a change that a second person agreed to; a step, behind the organization's gate."""
    counterparty = _stop_and_lock(organization_id, counterparty_id)
    _bring_to(counterparty, cast(CounterpartyChange, content["change"]), content["reason"], actor=actor, now=now)


def _stop_and_lock(organization_id: UUID, counterparty_id: UUID) -> Counterparty:
    hold_gate_exclusively(organization_id)
    found = Counterparty.objects.filter(organization_id=organization_id, pk=counterparty_id)
    counterparty = found.select_for_update(of=("self",)).first()
    if counterparty is None:
        raise NotFound()
    _refuse_merged(counterparty)
    return counterparty


def _refuse_merged(counterparty: Counterparty) -> None:
    """Raise `Conflict` (`counterparty_merged`): who was merged does not change any more."""
    if counterparty.merged_into is not None:
        left = counterparty.merged_into
        detail = f"This counterparty was merged into {left.name}; change that one."
        raise Conflict("counterparty_merged", detail, counterparty=public_id_of(left))


def _insert(
    organization_id: UUID, reference: str | None, change: CounterpartyChange, *, actor: Actor, now: datetime
) -> Counterparty | Awaiting:
    if "name" not in change:
        raise Invalid("name_invalid", "A new counterparty needs a name.", field="name")
    counterparty = Counterparty(
        id=new_id(now), organization_id=organization_id, external_ref=reference, first_seen_at=now
    )
    _apply(counterparty, change)
    is_to_wait = _is_better("unknown", counterparty.standing) and needs_second_person(organization_id)
    if is_to_wait:
        counterparty.standing = "unknown"
    identifiers = identifiers_of(change.get("identifiers", ()))
    # Whoever creates one takes the gate, but an ask that registers a payee it sees for the first time does not.
    Counterparty.objects.bulk_create([counterparty], ignore_conflicts=True)
    if not Counterparty.objects.filter(pk=counterparty.pk).exists():
        raise Conflict("reference_taken", "Another counterparty has this reference.", field="external_ref")
    _tie(counterparty, identifiers)
    raise_epoch(organization_id)
    after = counterparty_facts(counterparty, identifiers)
    _append(Action.COUNTERPARTY_CREATED, counterparty, before=None, after=after, actor=actor, now=now)
    if is_to_wait:
        return _proposed(counterparty, change, "", actor=actor, now=now) or counterparty
    return counterparty


def _change(
    counterparty: Counterparty, change: CounterpartyChange, *, reason: str = "", actor: Actor, now: datetime
) -> Awaiting | None:
    """Make a change of a locked counterparty, or have it wait for a second person."""
    if awaiting := _proposed(counterparty, change, reason, actor=actor, now=now):
        return awaiting
    _bring_to(counterparty, change, reason, actor=actor, now=now)
    return None


def _proposed(
    counterparty: Counterparty, change: CounterpartyChange, reason: str, *, actor: Actor, now: datetime
) -> Awaiting | None:
    loosens = []
    standing = standing_of(change.get("standing", counterparty.standing))
    if _is_better(counterparty.standing, standing):
        loosens.append(f"Standing: {counterparty.standing} becomes {standing}.")
    country = country_of(change.get("country", counterparty.country))
    if country != counterparty.country:
        loosens.append(f"Country: {counterparty.country or 'not known'} becomes {country or 'not known'}.")
    present = _identifiers(counterparty)
    wanted = identifiers_of(change["identifiers"]) if "identifiers" in change else present
    added, removed = ([one for one in some if one not in of] for some, of in ((wanted, present), (present, wanted)))
    loosens += [f"{one} names it from now on, wherever a list names the counterparty." for one in added]
    loosens += [
        f"{one} names nobody known any more: what blocks or limits the counterparty misses it." for one in removed
    ]
    if not loosens or not needs_second_person(counterparty.organization_id):
        return None
    proposal = Proposal(
        kind=ChangeKind.COUNTERPARTY,
        subject_id=public_id_of(counterparty),
        title=f"Change {counterparty.name}",
        content={"change": _plain(change), "reason": reason},
        loosens=loosens,
        before={name: present if name == "identifiers" else getattr(counterparty, name) for name in change},
    )
    return propose(counterparty.organization_id, proposal, actor=actor, now=now)


def _plain(change: CounterpartyChange) -> dict[str, object]:
    return {
        name: value if isinstance(value, str) else sorted(cast(Collection[str], value))
        for name, value in change.items()
    }


def _is_better(old: str, new: str) -> bool:
    return WORST_FIRST.index(new) > WORST_FIRST.index(old)


def _bring_to(
    counterparty: Counterparty, change: CounterpartyChange, reason: str, *, actor: Actor, now: datetime
) -> None:
    present = _identifiers(counterparty)
    before = counterparty_facts(counterparty, present)
    _apply(counterparty, change)
    wanted = identifiers_of(change["identifiers"]) if "identifiers" in change else present
    after = counterparty_facts(counterparty, wanted)
    changed = {field for field in after if after[field] != before[field]}
    if not changed:
        return
    counterparty.save(update_fields=["name", "look", "country", "note", "standing"])
    _untie(counterparty, set(present) - set(wanted))
    _tie(counterparty, sorted(set(wanted) - set(present)))
    if changed & DECIDING_FIELDS:
        raise_epoch(counterparty.organization_id)
    if "standing" in changed:
        _append_standing(counterparty, str(before["standing"]), reason=reason, actor=actor, now=now)
    if changed - {"standing"}:
        _append(Action.COUNTERPARTY_CHANGED, counterparty, before=before, after=after, actor=actor, now=now)


def _apply(counterparty: Counterparty, change: CounterpartyChange) -> None:
    if "name" in change:
        counterparty.name = name_of(change["name"])
    if "country" in change:
        counterparty.country = country_of(change["country"])
    if "note" in change:
        counterparty.note = note_of(change["note"])
    if "standing" in change:
        counterparty.standing = standing_of(change["standing"])


def _identifiers(counterparty: Counterparty) -> tuple[str, ...]:
    found = Identifier.objects.filter(counterparty=counterparty).order_by("kind", "value")
    return tuple(f"{kind}:{value}" for kind, value in found.values_list("kind", "value"))


def _tie(counterparty: Counterparty, identifiers: Collection[str]) -> None:
    """Store identifiers; raises `Conflict` (`identifier_taken`) where one names another counterparty already."""
    pairs = [identifier.split(":", 1) for identifier in identifiers]
    organization_id = counterparty.organization_id
    Identifier.objects.bulk_create(
        [
            Identifier(organization_id=organization_id, counterparty=counterparty, kind=kind, value=value)
            for kind, value in pairs
        ],
        ignore_conflicts=True,
    )
    for kind, value in pairs:
        holder = Identifier.objects.select_related("counterparty").get(
            organization_id=organization_id, kind=kind, value=value
        )
        if holder.counterparty_id != counterparty.pk:
            detail = f"{kind}:{value} names {holder.counterparty.name} already; take it away there first."
            raise Conflict(
                "identifier_taken", detail, field="identifiers", counterparty=public_id_of(holder.counterparty)
            )


def _untie(counterparty: Counterparty, identifiers: Collection[str]) -> None:
    for identifier in identifiers:
        kind, value = identifier.split(":", 1)
        Identifier.objects.filter(counterparty=counterparty, kind=kind, value=value).delete()


def _append_standing(counterparty: Counterparty, before: str, *, reason: str, actor: Actor, now: datetime) -> None:
    after = {"name": counterparty.name, "standing": counterparty.standing} | ({"reason": reason} if reason else {})
    old = {"name": counterparty.name, "standing": before}
    _append(Action.COUNTERPARTY_STANDING_CHANGED, counterparty, before=old, after=after, actor=actor, now=now)


def _append(
    action: Action,
    counterparty: Counterparty,
    *,
    before: Mapping[str, object] | None,
    after: Mapping[str, object],
    actor: Actor,
    now: datetime,
) -> None:
    void_change_of(counterparty.organization_id, public_id_of(counterparty), actor=actor, now=now)
    append(
        organization_id=counterparty.organization_id,
        actor=actor,
        action=action,
        subject_kind="counterparty",
        subject_id=public_id_of(counterparty),
        before=before,
        after=after,
        now=now,
    )
