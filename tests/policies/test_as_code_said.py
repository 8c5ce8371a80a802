"""What a plan says beside the words of rules: holidays that are renewed, another order, and whom a name means."""

from datetime import timedelta

import pytest

from core.ids import Prefix, to_public
from policies.engine.written import parse_file
from policies.services.code import plan_file
from tests.factories import Cast, actor_for, make_cast
from tests.policies.samples import daily_limit, make_policy, reload
from tests.policies.test_as_code import LATER, applied, file_of, planned, research, stored

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> Cast:
    return make_cast()


def test_renewed_holidays_are_said_and_loosen_beside_what_tightens(people: Cast) -> None:
    off = {"key": "off", "type": "BLACKOUT_PERIOD", "holidays": {"country": "DE"}}
    applied(people, research(rules=[daily_limit("500"), off], assigned_to={"organization": True}))
    file = parse_file(file_of(research(rules=[daily_limit("400"), off])))
    much_later = LATER + timedelta(days=3 * 366)
    plan = plan_file(people.organization.pk, file, retires_others=False, now=much_later)
    assert plan.loosens == ("The public holidays of further years become known; beyond the known ones it denied.",)
    assert len(plan.policies[0].changes) == 2


def test_rules_in_another_order_loosen_nothing(people: Cast) -> None:
    other = {"key": "each", "type": "SPEND_LIMIT", "per_transaction": {"USD": "5"}}
    applied(people, research(rules=[daily_limit(), other]))
    plan = planned(people, research(rules=[other, daily_limit()]))
    assert (plan.policies[0].changes, plan.loosens) == (
        ("The same rules stand in another order, which changes no answer.",),
        (),
    )


def test_a_policy_called_by_the_id_of_another_is_not_taken_for_it(people: Cast) -> None:
    mine = make_policy(people.organization, actor_for(people.olu), daily_limit())
    its_id = to_public(Prefix.POLICY, mine.pk)
    applied(people, {"ref": its_id, "name": "Called so", "rules": [daily_limit("100")]})
    entry = {"id": its_id, "name": mine.name, "rules": [daily_limit("7")]}
    applied(people, entry)
    numbers = [one.enforced and one.enforced.number for one in (reload(mine.pk), stored(people, its_id))]
    assert numbers == [2, 1]
