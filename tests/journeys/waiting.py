"""Payments that wait for a person, as many as a journey wants."""

from datetime import timedelta

from core.clock import now as clock_now
from core.ids import Prefix, to_public
from spend.payee import PayeeClaim
from tests.approvals.world import World, ask

RULES = (
    {"key": "caps", "type": "SPEND_LIMIT", "daily": {"USD": "90000"}},
    {"key": "large", "type": "APPROVAL_THRESHOLD", "above": {"USD": "50"}},
)


def fill(world: World, number: int) -> list[str]:
    """So many payments that wait, the one that expires first first."""
    asked = clock_now() - timedelta(minutes=number)
    return [
        to_public(
            Prefix.AUTHORIZATION,
            ask(
                world,
                f"{100 + index}",
                payee=PayeeClaim(f"Vendor {index:02}", (f"domain:v{index}.example",)),
                purpose="As agreed",
                now=asked + timedelta(seconds=10 * index),
            ).answer.id,
        )
        for index in range(number)
    ]
