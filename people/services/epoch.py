"""The locks around an organization, and the epoch in which its decisions are thought."""

from uuid import UUID

from core.db import hold_gate_exclusively, must_be_in_transaction, rows
from core.errors import NotFound


def raise_epoch(organization_id: UUID) -> None:
    """Make every decision that was thought before this commit start again; a step.

    The caller holds the gate exclusively, of the organization or of the one agent it changes.
    """
    must_be_in_transaction()
    rows("update people_organization set epoch = epoch + 1 where id = %s", [organization_id])


def lock_organization(organization_id: UUID) -> None:
    """Let no other change of the organization's members, invitations or keys run until the commit; a step.

    Payments go on. Raises `NotFound` where there is no such organization.
    """
    must_be_in_transaction()
    if not rows("select id from people_organization where id = %s for update", [organization_id]):
        raise NotFound()


def stop_and_lock_organization(organization_id: UUID) -> None:
    """As `lock_organization`, and let no payment or review run either; a step.

    Who reviews re-reads the membership behind the gate: a removed member decides nothing any more.
    """
    hold_gate_exclusively(organization_id)
    lock_organization(organization_id)
