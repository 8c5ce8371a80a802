"""An organization that wants four eyes and keeps a policy in a file, and what the tests of files ask of it."""

from typing import Any
from uuid import UUID

from django.test import Client

from core.ids import Prefix, to_public
from people.models import ChangeEnd, Member, Organization, PendingChange
from tests.approvals.second import agree
from tests.factories import Cast, make_cast
from tests.policies.samples import daily_limit
from tests.policies.test_as_code import LATER, applied, research, stored

EVERYBODY = {"organization": True}
LOOSER = research(rules=[daily_limit("900.00")], assigned_to=EVERYBODY)


def in_force() -> Cast:
    """An organization that wants four eyes, with one synced policy in force."""
    people = make_cast()
    applied(people, research(assigned_to=EVERYBODY))
    Organization.objects.filter(pk=people.organization.pk).update(needs_four_eyes=True)
    return people


def yes(people: Cast, change_id: UUID, **more: Any) -> ChangeEnd | None:
    return agree(people, change_id, **{"now": LATER} | more)


def limit(people: Cast, reference: str = "research") -> Any:
    enforced = stored(people, reference).enforced
    assert enforced is not None
    return enforced.document["rules"][0]["daily"]["USD"]


def change(change_id: UUID) -> PendingChange:
    return PendingChange.objects.get(pk=change_id)


def signed_in(member: Member) -> Client:
    client = Client()
    client.force_login(member.person)
    return client


def at(change_id: UUID) -> str:
    return f"/approvals/changes/{to_public(Prefix.CHANGE, change_id)}/"
