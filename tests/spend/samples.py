"""What the tests of counterparties begin with."""

from typing import Any, cast
from uuid import UUID

from core.db import rows
from core.ids import Prefix, to_public
from people.models import Member, Organization
from people.services import at_once
from spend.services.changes import CounterpartyChange, create_counterparty
from tests.factories import NOW, actor_for

DOMAIN = "domain:api.openai.com"


def a_counterparty(member: Member, name: str = "OpenAI", *, external_ref: str | None = None, **fields: Any) -> UUID:
    """A counterparty of the member's organization, with one domain unless told otherwise."""
    change = cast(CounterpartyChange, {"name": name, "identifiers": [DOMAIN]} | fields)
    return at_once(
        create_counterparty(
            organization_id=member.organization_id,
            change=change,
            external_ref=external_ref,
            actor=actor_for(member),
            now=NOW,
        )
    )


def public(counterparty_id: UUID) -> str:
    """`cpt_…`."""
    return to_public(Prefix.COUNTERPARTY, counterparty_id)


def epoch_of(organization: Organization) -> int:
    """The organization's epoch as stored."""
    return Organization.objects.values_list("epoch", flat=True).get(pk=organization.pk)


def told() -> list[str]:
    """What the history tells, the oldest first."""
    return [str(action) for (action,) in rows("select action from audit_event order by xmin::text::bigint, id")]
