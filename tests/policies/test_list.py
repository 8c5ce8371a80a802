"""The list of policies: paged by name, exported as filtered."""

import csv
from io import StringIO
from uuid import UUID

import pytest
from django.test import Client

from core.lists import page_of
from core.paging import encode_place
from policies.forms.listing import PolicyFilterForm
from policies.models import Policy
from policies.selectors.lists import listed_policies
from tests.factories import Cast, actor_for, make_cast
from tests.policies.samples import make_policy

pytestmark = pytest.mark.django_db

BY_NAME = PolicyFilterForm.ORDERS["name"]


@pytest.fixture
def people() -> Cast:
    cast = make_cast()
    for name in ("Twin", "=Sum()", "Twin", "Zoo", "Alps", "Twin", "Basel"):
        make_policy(cast.organization, actor_for(cast.olu), name=name)
    return cast


def test_pages_lead_forth_and_back_and_the_export_has_all_of_them(
    people: Cast, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.lists.LARGEST_PAGE", 3)
    found = listed_policies(people.organization.pk)
    forth = [page_of(found, BY_NAME, limit=3)]
    while forth[-1].next_cursor:
        forth.append(page_of(found, BY_NAME, cursor=forth[-1].next_cursor, limit=3))
    back = [forth[-1]]
    while back[-1].previous_cursor:
        back.append(page_of(found, BY_NAME, cursor=back[-1].previous_cursor, limit=3))
    client.force_login(people.vera.person)
    exported = b"".join(client.get("/policies/export/")).decode()

    names = [one.name for page in forth for one in page.rows]
    assert [len(one.rows) for one in forth] == [3, 3, 1]
    assert [one.rows for one in reversed(back)] == [one.rows for one in forth]
    assert sorted(names) == sorted(Policy.objects.values_list("name", flat=True))
    lines = list(csv.DictReader(StringIO(exported)))
    assert [line["name"].removeprefix("'") for line in lines] == names
    assert {line["mode"] for line in lines} == {"Enforced"}


def test_the_page_leads_on_and_says_what_it_does_not_understand(people: Cast, client: Client) -> None:
    client.force_login(people.vera.person)
    first = page_of(listed_policies(people.organization.pk), BY_NAME, limit=3)

    html = client.get(f"/policies/?cursor={first.next_cursor}").content.decode()
    assert "Zoo" in html
    assert "Alps" not in html
    assert "cursor=back." in html
    html = client.get("/policies/?show=nonsense").content.decode()
    assert "Zoo" not in html
    assert "cannot be understood" in html
    assert client.get("/policies/export/?show=nonsense").status_code == 422
    for wrong in ("nonsense", encode_place("Pa\0y", UUID(int=0))):
        assert client.get(f"/policies/?cursor={wrong}").status_code == 422
    only = b"".join(client.get("/policies/export/?q=zoo")).decode()
    assert len(only.splitlines()) == 2
