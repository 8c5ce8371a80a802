"""A policy in force that a file lacks is drift, too: a plan says so, and nothing is retired for it."""

from pathlib import Path

import pytest

from core.ids import Prefix, to_public
from policies.engine.texts import write_yaml
from policies.services import create_policy
from tests.factories import NOW, Cast, actor_for, make_cast
from tests.policies.samples import make_policy, reload
from tests.policies.test_as_code import applied, file_of, planned, research, run

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> Cast:
    return make_cast()


def test_a_policy_in_force_that_a_file_lacks_is_drift_and_a_draft_is_none(people: Cast, tmp_path: Path) -> None:
    people.organization.name = "Acme"
    people.organization.save()
    applied(people, research())
    path = tmp_path / "policies.yaml"
    path.write_text(write_yaml(file_of(research())))
    create_policy(organization_id=people.organization.pk, name="Idle", actor=actor_for(people.olu), now=NOW)
    assert not planned(people, research()).has_drifted
    assert run("plan", str(path))[1] == 0
    other = make_policy(people.organization, actor_for(people.olu), name="By hand")
    plan = planned(people, research())
    assert (plan.has_changes, plan.has_drifted) == (False, True)
    assert plan.unwritten == (to_public(Prefix.POLICY, other.pk),)
    text, code = run("plan", str(path))
    assert f"? {to_public(Prefix.POLICY, other.pk)}: drift: in force, and not in the file" in text
    assert code == 2
    assert not applied(people, research()).has_changes
    assert reload(other.pk).retired_at is None
