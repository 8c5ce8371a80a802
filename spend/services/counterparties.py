"""Counterparties: remembered when first seen."""

from datetime import datetime
from uuid import UUID

from django.db import IntegrityError

from audit.catalogue import Action
from audit.services import append
from core.actor import Actor
from core.db import use_case
from core.ids import Prefix, new_id, to_public
from spend.models import NAME_LENGTH, Counterparty, Identifier
from spend.payee import PayeeClaim


def register_counterparty(organization_id: UUID, claim: PayeeClaim, *, actor: Actor, now: datetime) -> None:
    """Remember a payee seen for the first time under its one identifier, with standing `unknown`.

    Several identifiers are never tied together on an app's word: whoever could claim a known domain beside an
    address of their own would be paid under somebody else's standing. Does nothing where somebody was faster.
    """
    try:
        _register(organization_id, claim, actor, now)
    except IntegrityError:
        return


@use_case
def _register(organization_id: UUID, claim: PayeeClaim, actor: Actor, now: datetime) -> None:
    (identifier,) = claim.identifiers
    kind, value = identifier.split(":", 1)
    counterparty = Counterparty.objects.create(
        id=new_id(now),
        organization_id=organization_id,
        name=claim.name or value[:NAME_LENGTH],
        country=claim.country or "",
        first_seen_at=now,
    )
    Identifier.objects.create(
        organization_id=organization_id,
        counterparty=counterparty,
        kind=kind,
        value=value,
    )
    append(
        organization_id=organization_id,
        actor=actor,
        action=Action.COUNTERPARTY_CREATED,
        subject_kind="counterparty",
        subject_id=to_public(Prefix.COUNTERPARTY, counterparty.id),
        after={
            "name": counterparty.name,
            "identifier": identifier,
            "standing": "unknown",
        },
        now=now,
    )
