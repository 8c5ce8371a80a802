"""The table of rights against the specification: each right with each role."""

import pytest

from people.roles import ROLE_SENTENCES, SCOPE_SENTENCES, TABLE, Right, Role, Scope, rights_of, roles_with

VIEWER = {"read"}
REVIEWER = {"read", "review"}
OPERATOR = {"read", "manage_agents", "manage_policies", "manage_counterparties", "freeze"}
ADMIN = OPERATOR | REVIEWER | {"manage_members", "manage_settings", "thaw"}
OWNER = ADMIN | {"manage_owners"}
SPECIFIED = {"viewer": VIEWER, "reviewer": REVIEWER, "operator": OPERATOR, "admin": ADMIN, "owner": OWNER}


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("right", list(Right))
def test_each_role_has_exactly_its_rights(role: Role, right: Right) -> None:
    assert (right in rights_of([role])) == (right.value in SPECIFIED[role.value])


def test_roles_add_up() -> None:
    both = rights_of([Role.OPERATOR, Role.REVIEWER])
    assert both == rights_of([Role.OPERATOR]) | rights_of([Role.REVIEWER])
    assert Right.REVIEW in both
    assert Right.MANAGE_AGENTS in both


def test_no_role_and_an_unknown_role_have_no_right() -> None:
    assert rights_of([]) == frozenset()
    assert rights_of(["root"]) == frozenset()


def test_roles_with_a_right_are_those_that_have_it() -> None:
    for right in Right:
        assert roles_with(right) == {role for role in Role if right in rights_of([role])}


def test_every_right_role_and_scope_has_one_sentence() -> None:
    assert [row.right for row in TABLE] == list(Right)
    assert all(row.sentence.endswith(".") for row in TABLE)
    assert set(ROLE_SENTENCES) == set(Role)
    assert set(SCOPE_SENTENCES) == set(Scope)
