"""Drafts rule by rule: added, changed, removed, restored, thrown away; and the starters."""

import pytest

from core.errors import Conflict, InvalidMany, NotFound
from policies.engine.document import parse
from policies.engine.lint import Level, lint
from policies.engine.types import Mode
from policies.forms.starters import STARTERS, starter
from policies.models import Policy
from policies.services import (
    add_rule,
    create_policy,
    discard_draft,
    publish,
    remove_rule,
    restore_version,
    retire,
    save_rule,
)
from tests.factories import NOW, Cast, actor_for, make_cast
from tests.policies.samples import daily_limit, document, events_of, make_policy, reload

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> Cast:
    return make_cast()


def of(people: Cast, policy: Policy) -> dict[str, object]:
    return {
        "organization_id": people.organization.pk,
        "policy_id": policy.pk,
        "actor": actor_for(people.olu),
        "now": NOW,
    }


def test_the_first_edit_begins_with_what_is_in_force(people: Cast) -> None:
    policy = make_policy(people.organization, actor_for(people.olu), daily_limit(), daily_limit("9", key="other"))
    save_rule(rule=daily_limit("7"), **of(people, policy))  # type: ignore[arg-type]
    assert reload(policy.pk).draft == document(daily_limit("7.00"), daily_limit("9.00", key="other"))


def test_holidays_are_drafted_without_the_dates_of_the_version(people: Cast) -> None:
    rule = {"key": "off", "type": "BLACKOUT_PERIOD", "holidays": {"country": "DE"}}
    policy = make_policy(people.organization, actor_for(people.olu), rule)
    restore_version(number=1, **of(people, policy))  # type: ignore[arg-type]
    assert reload(policy.pk).draft == document(rule)


def test_saving_what_is_drafted_already_tells_nothing(people: Cast) -> None:
    policy = make_policy(people.organization, actor_for(people.olu))
    save_rule(rule=daily_limit("7"), **of(people, policy))  # type: ignore[arg-type]
    told = events_of(policy.pk)
    save_rule(rule=daily_limit("7.0"), **of(people, policy))  # type: ignore[arg-type]
    assert events_of(policy.pk) == told


def test_a_rule_that_is_not_there_is_neither_saved_nor_removed(people: Cast) -> None:
    policy = make_policy(people.organization, actor_for(people.olu))
    with pytest.raises(NotFound):
        save_rule(rule=daily_limit("7", key="other"), **of(people, policy))  # type: ignore[arg-type]
    with pytest.raises(NotFound):
        remove_rule(key="other", **of(people, policy))  # type: ignore[arg-type]
    with pytest.raises(NotFound):
        restore_version(number=2, **of(people, policy))  # type: ignore[arg-type]
    assert reload(policy.pk).draft is None


def test_a_draft_has_only_so_many_rules(people: Cast) -> None:
    policy = make_policy(people.organization, actor_for(people.olu), *(daily_limit(key=f"r{n}") for n in range(50)))
    with pytest.raises(InvalidMany) as refused:
        add_rule(rule=daily_limit(), **of(people, policy))  # type: ignore[arg-type]
    assert refused.value.code == "too_many"


def test_throwing_the_draft_away_is_told_once(people: Cast) -> None:
    policy = make_policy(people.organization, actor_for(people.olu))
    save_rule(rule=daily_limit("7"), **of(people, policy))  # type: ignore[arg-type]
    told = len(events_of(policy.pk))
    discard_draft(**of(people, policy))  # type: ignore[arg-type]
    discard_draft(**of(people, policy))  # type: ignore[arg-type]
    assert len(events_of(policy.pk)) == told + 1
    assert reload(policy.pk).draft is None


def test_a_retired_policy_is_not_edited(people: Cast) -> None:
    policy = make_policy(people.organization, actor_for(people.olu))
    retire(**of(people, policy))  # type: ignore[arg-type]
    with pytest.raises(Conflict):
        save_rule(rule=daily_limit("7"), **of(people, policy))  # type: ignore[arg-type]


@pytest.mark.parametrize("key", [one.key for one in STARTERS if one.key != "empty"])
def test_every_starter_can_be_published_as_it_is(people: Cast, key: str) -> None:
    olu, organization = actor_for(people.olu), people.organization
    begun = starter(key).document("EUR")
    assert not [finding for finding in lint(parse(begun)) if finding.level is Level.ERROR]
    policy_id = create_policy(organization_id=organization.pk, name=key, draft=begun, actor=olu, now=NOW)
    drafted = reload(policy_id).draft
    publish(
        organization_id=organization.pk, policy_id=policy_id, document=drafted, mode=Mode.ENFORCED, actor=olu, now=NOW
    )
    assert reload(policy_id).enforced is not None
