"""Pages whose filter makes no sense: each says so at the field or by its name, lists nothing, and leads on."""

import pytest
from django.test import Client

from tests.approvals.world import ask, counterparty, make_world

pytestmark = pytest.mark.django_db
DAILY = {"key": "daily", "type": "SPEND_LIMIT", "daily": {"USD": "100"}}
POT = {"key": "pot", "type": "BUDGET_ALLOCATION", "amount": {"USD": "200"}, "period": "month"}
NO_SUCH = "There is no “odd” here. Choose one of the list."
NO_DATE = "This is no date. Write one such as 2026-01-31, or leave it empty."
NO_AGENT = "There is no “agt_odd” here. Choose one of the list."


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/authorizations/?status=odd", NO_SUCH),
        ("/authorizations/?agent=agt_odd", NO_AGENT),
        ("/authorizations/?since=soon", NO_DATE),
        ("/audit/?action=odd", NO_SUCH),
        ("/audit/?until=soon", NO_DATE),
        ("/counterparties/?standing=odd", NO_SUCH),
        ("/counterparties/?sort=odd", NO_SUCH),
        ("/policies/?show=odd", NO_SUCH),
        ("/budgets/?show=odd", NO_SUCH),
        ("/analytics/?since=soon", NO_DATE),
        ("/analytics/?until=0001-01-05", "Write a day from 1970-01-01 to 2999-12-31."),
        ("/analytics/?since=9999-12-31&compare=on", "Write a day from 1970-01-01 to 2999-12-31."),
        ("/analytics/decisions/?none=agent", "This filter cannot be understood"),
        ("/analytics/?period=odd", NO_SUCH),
        ("/analytics/?by=odd", NO_SUCH),
        ("/analytics/?agent=agt_odd", NO_AGENT),
        ("/analytics/?counterparty=odd", "No counterparty here has this name, identifier or id."),
        ("/analytics/?rail=odd", NO_SUCH),
        ("/analytics/?label=odd", NO_SUCH),
        ("/analytics/?policy=odd", NO_SUCH),
        ("/analytics/payments/?rail=odd", NO_SUCH),
        ("/analytics/decisions/?agent=agt_odd", NO_AGENT),
        ("/analytics/review-times/?until=soon", NO_DATE),
        ("/analytics/flagged/?flag=odd", NO_SUCH),
        ("/analytics/flagged/?agent=agt_odd", NO_AGENT),
    ],
)
def test_a_page_says_what_it_does_not_understand_and_lists_nothing(client: Client, path: str, said: str) -> None:
    world = make_world(DAILY, POT)
    ask(world, "10")
    client.force_login(world.cast.vera.person)
    html = client.get(path).content.decode()
    assert "This filter cannot be understood" in html
    assert said in html
    assert counterparty(world).name not in html
    assert "tbody" not in html
    assert 'id="pots"' not in html


@pytest.mark.parametrize(
    "path",
    [
        "/authorizations/export/?status=odd",
        "/audit/table/?until=soon",
        "/counterparties/export/?standing=odd",
        "/policies/export/?show=odd",
        "/analytics/export/?rail=odd",
        "/analytics/payments/export/?counterparty=odd",
        "/analytics/decisions/export/?agent=agt_odd",
        "/analytics/review-times/export/?since=soon",
        "/analytics/flagged/export/?agent=agt_odd",
    ],
)
def test_a_file_is_refused_for_it_could_not_say_so(client: Client, path: str) -> None:
    client.force_login(make_world(DAILY).cast.vera.person)
    assert client.get(path).status_code == 422
