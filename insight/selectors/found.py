"""What somebody looks for by name or by id: agents, policies, counterparties, authorizations of one organization."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final
from uuid import UUID

from core.db import rows
from core.errors import NotFound
from core.ids import Prefix, from_public, to_public
from core.money import amount_text

PER_KIND: Final = 6
"""More would hide the next kind below the edge; who needs all of them has the list and its filter."""
LONGEST_SEARCH: Final = 100
SHORTEST_SEARCH: Final = 2
"""One letter is in nearly every name."""


class Kind(StrEnum):
    """What a find is."""

    AGENT = "agent"
    POLICY = "policy"
    COUNTERPARTY = "counterparty"
    AUTHORIZATION = "authorization"


PREFIXES: Final = {
    Kind.AGENT: Prefix.AGENT,
    Kind.POLICY: Prefix.POLICY,
    Kind.COUNTERPARTY: Prefix.COUNTERPARTY,
    Kind.AUTHORIZATION: Prefix.AUTHORIZATION,
}


@dataclass(frozen=True, slots=True)
class Find:
    """One thing that was found: what it is, its public id and name, and what tells it from its neighbours."""

    kind: Kind
    public_id: str
    name: str
    detail: str = ""


BY_ID: Final = {
    Kind.AGENT: "select name, '' from agents_agent where organization_id = %(organization)s and id = %(id)s",
    Kind.POLICY: "select name, '' from policies_policy where organization_id = %(organization)s and id = %(id)s",
    Kind.COUNTERPARTY: (
        "select name, standing from spend_counterparty where organization_id = %(organization)s and id = %(id)s"
    ),
    Kind.AUTHORIZATION: """
        select asked.amount, asked.currency,
               concat_ws(' · ', agent.name, coalesce(payee.name, asked.payee->>'name'))
          from approvals_authorization asked
          join agents_agent agent on agent.id = asked.agent_id
          left join spend_counterparty payee on payee.id = asked.counterparty_id
         where asked.organization_id = %(organization)s and asked.id = %(id)s""",
}

# Names that begin so come first, the retired last; one statement for the three kinds.
BY_NAME: Final = """
(select 'agent', id, name, coalesce(external_ref, ''), retired_at is not null
   from agents_agent
  where organization_id = %(organization)s and (name ilike %(part)s or external_ref ilike %(part)s)
  order by retired_at is not null, name ilike %(start)s desc, lower(name), id limit %(most)s)
union all
(select 'policy', id, name, coalesce(external_ref, ''), retired_at is not null
   from policies_policy
  where organization_id = %(organization)s and (name ilike %(part)s or external_ref ilike %(part)s)
  order by retired_at is not null, name ilike %(start)s desc, lower(name), id limit %(most)s)
union all
(select 'counterparty', payee.id, payee.name,
        coalesce((select value from spend_identifier where counterparty_id = payee.id
                   order by value ilike %(part)s desc, id limit 1), ''), false
   from spend_counterparty payee
  where organization_id = %(organization)s and merged_into_id is null
    and (name ilike %(part)s or external_ref ilike %(part)s or payee.id in (
         select counterparty_id from spend_identifier
          where organization_id = %(organization)s and value ilike %(part)s))
  order by name ilike %(start)s desc, lower(name), payee.id limit %(most)s)
"""


def find(organization_id: UUID, text: str) -> list[Find]:
    """Return what an organization has under a public id, or with `text` in its name, reference or identifier.

    Never more than `PER_KIND` of a kind; nothing for less than two letters or more than a hundred.
    """
    wanted = text.strip()
    if not SHORTEST_SEARCH <= len(wanted) <= LONGEST_SEARCH or "\0" in wanted:
        return []
    return _by_id(organization_id, wanted.lower()) or _by_name(organization_id, wanted)


def _by_id(organization_id: UUID, public_id: str) -> list[Find]:
    kind = next((kind for kind, prefix in PREFIXES.items() if public_id.startswith(f"{prefix.value}_")), None)
    if kind is None:
        return []
    try:
        row_id = from_public(PREFIXES[kind], public_id)
    except NotFound:
        return []
    found = rows(BY_ID[kind], {"organization": organization_id, "id": row_id})
    return [Find(kind, public_id, *_named(row)) for row in found]


def _named(row: tuple[object, ...]) -> tuple[str, str]:
    *head, detail = row
    first, *currency = head
    name = f"{amount_text(first)} {currency[0]}" if isinstance(first, Decimal) else str(first)
    return name, str(detail)


def _by_name(organization_id: UUID, text: str) -> list[Find]:
    literal = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    values = {"organization": organization_id, "part": f"%{literal}%", "start": f"{literal}%", "most": PER_KIND}
    return [_find(*row) for row in rows(BY_NAME, values)]


def _find(kind: object, row_id: object, name: object, reference: object, is_retired: object) -> Find:
    assert isinstance(row_id, UUID), "ids are UUIDs"
    what = Kind(str(kind))
    said = [str(reference)] if reference else []
    if is_retired:
        said.append("retired")
    return Find(what, to_public(PREFIXES[what], row_id), str(name), " · ".join(said))
