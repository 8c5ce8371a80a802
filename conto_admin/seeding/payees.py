"""The demo's counterparties: those entered at the start, and what Olu makes of the others later."""

from collections.abc import Iterable
from datetime import datetime

from conto_admin.seeding.company import Company
from conto_admin.seeding.market import PEGS, TRUSTED, Payee
from spend.selectors.payees import resolve_payee
from spend.services.changes import create_counterparty, set_standing
from spend.services.pegs import replace_pegs


def enter(company: Company, payees: Iterable[Payee], now: datetime) -> None:
    """Enter payees that are known before anybody is paid, and which stablecoin counts with which currency."""
    for payee in payees:
        create_counterparty(
            organization_id=company.organization_id,
            change={
                "name": payee.name,
                "country": payee.country,
                "identifiers": list(payee.claim.identifiers),
                "standing": "trusted" if payee in TRUSTED else "verified",
            },
            actor=company.actor("olu"),
            now=now,
        )
    replace_pegs(organization_id=company.organization_id, pegs=PEGS, actor=company.actor("olu"), now=now)


def judge(company: Company, payee: Payee, standing: str, reason: str, now: datetime) -> None:
    """Set the standing of a payee that was remembered when it was first asked for."""
    known = resolve_payee(company.organization_id, payee.claim).counterparty
    if known is None:
        return
    set_standing(
        organization_id=company.organization_id,
        counterparty_id=known,
        standing=standing,
        reason=reason,
        actor=company.actor("olu"),
        now=now,
    )
