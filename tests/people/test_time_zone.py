"""In which time zone a person sees the moments of a page."""

from datetime import UTC, datetime
from typing import Final

import pytest
from django.test import Client

from people.models import Organization, Person
from people.permissions import ZONE_COOKIE
from tests.factories import make_cast

SIX_IN_SUMMER: Final = datetime(2026, 7, 1, 6, 0, tzinfo=UTC)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("chosen", "browser", "shown"),
    [
        ("", "", "08:00:00 CEST, Europe/Berlin"),
        ("", "Asia/Tokyo", "15:00:00 JST, Asia/Tokyo"),
        ("America/New_York", "Asia/Tokyo", "02:00:00 EDT, America/New_York"),
        ("", "../../etc/passwd", "08:00:00 CEST, Europe/Berlin"),
        ("", "localtime", "08:00:00 CEST, Europe/Berlin"),
    ],
)
def test_it_is_the_one_that_was_chosen_else_the_browsers_else_the_organizations(
    client: Client, chosen: str, browser: str, shown: str
) -> None:
    cast = make_cast(now=SIX_IN_SUMMER)
    Organization.objects.update(time_zone="Europe/Berlin")
    Person.objects.update(time_zone=chosen)
    client.force_login(cast.vera.person)
    client.cookies[ZONE_COOKIE] = browser

    members, account = client.get("/settings/members/"), client.get("/settings/account/")

    assert shown in members.content.decode()
    assert f"Times are shown in {shown.rpartition(', ')[2]} on this" in account.content.decode()
