"""Merging: a step that makes two counterparties one, and gives nobody room or standing that neither had.

What was decided keeps the counterparty it was decided with: no hold, record or authorization is rewritten, however many
they are. Who was merged leads to the one that is left, and counters of that one are opened again with both.
"""

from datetime import datetime
from typing import Final
from uuid import UUID

from audit.catalogue import Action
from audit.services import append
from core.actor import Actor
from core.db import must_be_in_transaction, rows
from core.errors import Conflict, Invalid, NotFound
from people.services import raise_epoch, void_change_of
from spend.models import Counterparty, Identifier
from spend.selectors.families import stricter
from spend.services.fields import MOST_IDENTIFIERS, counterparty_facts, public_id_of

MOST_MERGED: Final = 100
"""Counterparties that one other stands for: every question about it asks for all of them."""

LEAVE_GAPS: Final = """
update spend_counter set has_gap = true
where organization_id = %(organization)s and subject <> 'pot' and not has_gap
  and (counterparty = %(kept)s::text or condition->'counterparties' ? %(kept)s::text)
"""
"""Until they are opened again these answer nothing. Pots count what was drawn from them: that stays."""
LEAD_ON: Final = "update spend_counterparty set merged_into_id = %(kept)s where merged_into_id = %(merged)s"


def merge_into(*, organization_id: UUID, kept_id: UUID, merged_id: UUID, actor: Actor, now: datetime) -> None:
    """Merge one counterparty into another; a step. The caller holds the organization's gate exclusively.

    Identifiers move; the stricter standing counts; a country is taken over where the other has none. Raises `NotFound`,
    `Invalid` (`merge_with_itself`, `too_many_identifiers`, `too_many_merged`), `Conflict` (`counterparty_merged`,
    `countries_differ`).
    """
    must_be_in_transaction()
    kept, merged = _both(organization_id, kept_id, merged_id)
    before, gone = _facts(kept), _facts(merged)
    _refuse(kept, merged, before, gone)
    Identifier.objects.filter(counterparty=merged).update(counterparty=kept)
    kept.standing = stricter(kept.standing, merged.standing)
    kept.country = kept.country or merged.country
    kept.first_seen_at = min(kept.first_seen_at, merged.first_seen_at)
    kept.save(update_fields=["standing", "country", "first_seen_at"])
    merged.merged_into, merged.merged_at = kept, now
    merged.save(update_fields=["merged_into", "merged_at"])
    names = {"organization": organization_id, "kept": kept.pk, "merged": merged.pk}
    rows(LEAD_ON, names)
    rows(LEAVE_GAPS, names)
    raise_epoch(organization_id)
    after = {**_facts(kept), "merged": public_id_of(merged)}
    for action, one, was, became in (
        (Action.COUNTERPARTY_MERGED, merged, gone, {**_facts(merged), "merged_into": public_id_of(kept)}),
        (Action.COUNTERPARTY_CHANGED, kept, before, after),
    ):
        void_change_of(organization_id, public_id_of(one), actor=actor, now=now)
        append(
            organization_id=organization_id,
            actor=actor,
            action=action,
            subject_kind="counterparty",
            subject_id=public_id_of(one),
            before=was,
            after=became,
            now=now,
        )


def refuse_merge(organization_id: UUID, kept_id: UUID, merged_id: UUID) -> None:
    """Raise where `merge_into` would now; a step for whoever only proposes it."""
    must_be_in_transaction()
    kept, merged = _both(organization_id, kept_id, merged_id)
    _refuse(kept, merged, _facts(kept), _facts(merged))


def _both(organization_id: UUID, kept_id: UUID, merged_id: UUID) -> tuple[Counterparty, Counterparty]:
    found = Counterparty.objects.filter(organization_id=organization_id, pk__in=[kept_id, merged_id])
    rows_by_id = {one.pk: one for one in found.select_for_update(of=("self",)).order_by("pk")}
    try:
        return rows_by_id[kept_id], rows_by_id[merged_id]
    except KeyError:
        raise NotFound() from None


def _facts(counterparty: Counterparty) -> dict[str, object]:
    found = Identifier.objects.filter(counterparty=counterparty)
    return counterparty_facts(counterparty, [str(one) for one in found])


def _refuse(kept: Counterparty, merged: Counterparty, before: dict[str, object], gone: dict[str, object]) -> None:
    if kept.pk == merged.pk:
        raise Invalid("merge_with_itself", "Choose another counterparty: this is the same one.", field="duplicate")
    for one in (kept, merged):
        if one.merged_into is not None:
            detail = f"{one.name} was merged into {one.merged_into.name} already."
            raise Conflict("counterparty_merged", detail, counterparty=public_id_of(one.merged_into))
    if kept.country and merged.country and kept.country != merged.country:
        detail = f"One is in {kept.country}, the other in {merged.country}: say first which is right."
        raise Conflict("countries_differ", detail)
    identifiers = (*_listed(before), *_listed(gone))
    if len(identifiers) > MOST_IDENTIFIERS:
        detail = f"A counterparty has at most {MOST_IDENTIFIERS} identifiers; together they have {len(identifiers)}."
        raise Invalid("too_many_identifiers", detail, field="duplicate")
    if Counterparty.objects.filter(merged_into__in=[kept, merged]).count() >= MOST_MERGED:
        detail = f"At most {MOST_MERGED} counterparties are merged into one."
        raise Invalid("too_many_merged", detail, field="duplicate")


def _listed(facts: dict[str, object]) -> list[str]:
    identifiers = facts["identifiers"]
    assert isinstance(identifiers, list), "facts list identifiers"
    return identifiers
