"""Who may do what: the one table of rights and roles, and the scopes of keys, behind checks, pages and docs."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final


class Role(StrEnum):
    """What a member is in an organization; roles add up."""

    VIEWER = "viewer"
    REVIEWER = "reviewer"
    OPERATOR = "operator"
    ADMIN = "admin"
    OWNER = "owner"


class Right(StrEnum):
    """What a member may do."""

    READ = "read"
    REVIEW = "review"
    MANAGE_AGENTS = "manage_agents"
    MANAGE_POLICIES = "manage_policies"
    MANAGE_COUNTERPARTIES = "manage_counterparties"
    FREEZE = "freeze"
    THAW = "thaw"
    MANAGE_MEMBERS = "manage_members"
    MANAGE_SETTINGS = "manage_settings"
    MANAGE_OWNERS = "manage_owners"


@dataclass(frozen=True, slots=True)
class Row:
    """One right, what it lets a member do in words, and the roles that have it."""

    right: Right
    sentence: str
    roles: frozenset[Role]


EVERYBODY: Final = frozenset(Role)
REVIEWERS: Final = frozenset({Role.REVIEWER, Role.ADMIN, Role.OWNER})
OPERATORS: Final = frozenset({Role.OPERATOR, Role.ADMIN, Role.OWNER})
ADMINS: Final = frozenset({Role.ADMIN, Role.OWNER})
OWNERS: Final = frozenset({Role.OWNER})

TABLE: Final = (
    Row(Right.READ, "See every page of the organization and its history.", EVERYBODY),
    Row(Right.REVIEW, "Approve or reject payments that wait for a person.", REVIEWERS),
    Row(
        Right.MANAGE_AGENTS,
        "Create and change agents, their keys and sealed credentials; void what they asked for, report what they paid.",
        OPERATORS,
    ),
    Row(Right.MANAGE_POLICIES, "Write, publish, assign and retire policies.", OPERATORS),
    Row(Right.MANAGE_COUNTERPARTIES, "Create counterparties and change their standing.", OPERATORS),
    Row(Right.FREEZE, "Stop an agent or the whole organization at once.", OPERATORS),
    Row(Right.THAW, "Let a frozen agent or the frozen organization go on.", ADMINS),
    Row(Right.MANAGE_MEMBERS, "Invite people, change their roles, remove them.", ADMINS),
    Row(Right.MANAGE_SETTINGS, "Change the organization's settings, issue and revoke organization keys.", ADMINS),
    Row(Right.MANAGE_OWNERS, "Make somebody an owner, change or remove an owner.", OWNERS),
)

ROLE_SENTENCES: Final = {
    Role.VIEWER: "Reads everything.",
    Role.REVIEWER: "Reads, and approves or rejects payments.",
    Role.OPERATOR: "Reads, and looks after agents, keys, counterparties and policies; may freeze; does not review.",
    Role.ADMIN: "Operator and reviewer at once; also members, settings and thawing.",
    Role.OWNER: "Admin who may also make and remove owners.",
}


SETS_KEPT: Final = 64
"""Sets of roles whose rights are remembered: everybody who looks is asked for some at every look."""


def rights_of(roles: Iterable[str]) -> frozenset[Right]:
    """Return every right that at least one of `roles` has; an unknown role has none."""
    return _rights_of(frozenset(roles))


@lru_cache(maxsize=SETS_KEPT)
def _rights_of(held: frozenset[str]) -> frozenset[Right]:
    return frozenset(row.right for row in TABLE if row.roles.intersection(held))


def roles_with(right: str) -> frozenset[Role]:
    """Return the roles that have `right`."""
    return frozenset(role for row in TABLE if row.right == right for role in row.roles)


class Scope(StrEnum):
    """What an organization key may be used for."""

    READ = "read"
    PROVISION = "provision"
    POLICIES = "policies"
    RELEASE = "release"


SCOPE_SENTENCES: Final = {
    Scope.READ: "Look at agents, policies, budgets, counterparties, authorizations and history.",
    Scope.PROVISION: "Create and change agents, their keys and sealed credentials, and counterparties.",
    Scope.POLICIES: "Write, publish, assign and retire policies.",
    Scope.RELEASE: "Have sealed credentials released against approved authorizations: the executor's key.",
}
