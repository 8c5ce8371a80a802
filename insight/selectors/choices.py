"""What spend can be filtered by: agents, categories, labels and policies that an organization has or had."""

from dataclasses import dataclass
from typing import Final, cast
from uuid import UUID

from approvals.selectors.lists import agents_to_choose
from core.db import rows
from core.ids import Prefix, ids_in, to_public
from insight.selectors.directory import paid_categories

MOST: Final = 200
"""Offered of each; what an address names beside them is found all the same."""

LABELS: Final = """
select label from agents_agent, unnest(labels) as label
where organization_id = %(organization)s and (retired_at is null or label = %(asked)s)
group by label order by label = %(asked)s desc, label limit %(most)s
"""
POLICIES: Final = """
select id, name, retired_at is not null from policies_policy
where organization_id = %(organization)s and (retired_at is null or id = any(%(asked)s::uuid[]))
order by id = any(%(asked)s::uuid[]) desc, name, id limit %(most)s
"""


@dataclass(frozen=True, slots=True)
class Choices:
    """Values and words of each list, as a form offers them."""

    agents: list[tuple[str, str]]
    categories: list[tuple[str, str]]
    labels: list[tuple[str, str]]
    policies: list[tuple[str, str]]


def choices_of(organization_id: UUID, *, agent: str, category: str, label: str, policy: str) -> Choices:
    """Return what can be chosen, with what is chosen: a retired agent, a label only such ones have, any category."""
    categories = {*paid_categories(organization_id, limit=MOST), *([category] if category else [])}
    return Choices(
        agents_to_choose(organization_id, agent),
        [(one, one) for one in sorted(categories)],
        [(one, one) for one in _labels(organization_id, label)],
        _policies(organization_id, policy),
    )


def _labels(organization_id: UUID, asked: str) -> list[str]:
    params = {"organization": organization_id, "asked": asked, "most": MOST}
    return [label for (label,) in cast(list[tuple[str]], rows(LABELS, params))]


def _policies(organization_id: UUID, asked: str) -> list[tuple[str, str]]:
    params = {"organization": organization_id, "asked": ids_in(Prefix.POLICY, [asked]), "most": MOST}
    found = cast(list[tuple[UUID, str, bool]], rows(POLICIES, params))
    named = [(to_public(Prefix.POLICY, one), f"{name} (retired)" if is_gone else name) for one, name, is_gone in found]
    return sorted(named, key=lambda one: (one[1].lower(), one[0]))
