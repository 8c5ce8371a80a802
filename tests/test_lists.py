"""What every list of the console does: its address filters, sorts and pages it, and its file has what is filtered."""

import csv
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from html import unescape
from io import StringIO
from typing import Any, Final

import pytest
from django.http import StreamingHttpResponse
from django.test import Client

from agents.models import AgentKey, SealedCredential
from audit.catalogue import Action
from core.ids import Prefix, new_id, to_public
from core.paging import DEFAULT_PAGE
from people.models import Member, OrganizationKey, PendingChange, Person
from policies.models import Policy, PolicyVersion
from spend.models import Peg
from tests.agents.samples import an_agent
from tests.audit.logbook import tell
from tests.factories import NOW, Cast, actor_for, make_cast
from tests.policies.samples import make_policy

pytestmark = pytest.mark.django_db

MANY: Final = DEFAULT_PAGE + 10
FORMULA: Final = "=cmd()"
"""What one of the rows is called, or a part of it."""


@dataclass(frozen=True)
class Listed:
    """One list: how its rows come to be, and a filter that lets some of them through."""

    address: str
    make: Callable[[Cast], str | None]
    """Makes `MANY` rows, numbered in their names; returns the id that the address lacks."""
    some: str
    number_of_some: int
    is_paged: bool = True
    file: str = "export/"


def name(number: int) -> str:
    return f"{FORMULA} {number:03}" if number == 7 else f"Row {number:03}"


def members(cast: Cast) -> None:
    for number in range(MANY):
        person = Person.objects.create(
            id=new_id(NOW), name=name(number), email=f"row{number}@example.com", created_at=NOW, password="!"
        )
        roles = ["reviewer" if number % 2 else "operator"]
        Member.objects.create(
            id=new_id(NOW), organization=cast.organization, person=person, roles=roles, created_at=NOW
        )


def organization_keys(cast: Cast) -> None:
    for number in range(MANY):
        OrganizationKey.objects.create(
            id=new_id(NOW), organization=cast.organization, name=name(number), secret_hash=str(number), scopes=["read"],
            created_by=cast.oona.person, created_at=NOW, revoked_at=NOW if number % 2 else None,
        )  # fmt: skip


def runtime_keys(cast: Cast) -> str:
    agent = an_agent(cast.olu)
    for number in range(MANY):
        AgentKey.objects.create(
            id=new_id(NOW), organization=cast.organization, agent=agent, name=name(number), secret_hash=str(number),
            created_at=NOW, revoked_at=NOW if number % 2 else None,
        )  # fmt: skip
    return to_public(Prefix.AGENT, agent.pk)


def credentials(cast: Cast) -> str:
    agent = an_agent(cast.olu)
    for number in range(MANY):
        is_revoked = bool(number % 2)
        SealedCredential.objects.create(
            id=new_id(NOW), organization=cast.organization, agent=agent, name=name(number), kind="api_key",
            sealed=b"" if is_revoked else b"sealed", wrapped_key=b"" if is_revoked else b"key",
            kek="" if is_revoked else "test", rails=["card"], created_at=NOW, revoked_at=NOW if is_revoked else None,
        )  # fmt: skip
    return to_public(Prefix.AGENT, agent.pk)


def pegs(cast: Cast) -> None:
    for number in range(MANY):
        Peg.objects.create(
            organization=cast.organization, currency=f"C{number:03}", pegged_to="EUR" if number % 2 else "USD"
        )


def policies(cast: Cast) -> None:
    for number in range(MANY):
        Policy.objects.create(
            id=new_id(NOW), organization=cast.organization, name=name(number), created_at=NOW,
            description="even" if number % 2 == 0 else "odd",
        )  # fmt: skip


def versions(cast: Cast) -> str:
    policy = make_policy(cast.organization, actor_for(cast.olu), name="Many")
    first = PolicyVersion.objects.get(policy=policy)
    for number in range(2, MANY + 1):
        PolicyVersion.objects.create(
            id=new_id(NOW), organization=cast.organization, policy=policy, number=number, document=first.document,
            digest=first.digest, note="even" if number % 2 == 0 else FORMULA, published_at=NOW, published_by_id="x",
            published_by_name="Olu",
        )  # fmt: skip
    return to_public(Prefix.POLICY, policy.pk)


def changes(cast: Cast) -> None:
    for number in range(MANY):
        PendingChange.objects.create(
            id=new_id(NOW), organization=cast.organization, kind="policy", subject_id=f"pol_{number}",
            title=name(number), content={}, digest="d", loosens=[], proposed_by_kind="person",
            proposed_by_id="x", proposed_by_name="Olu", created_at=NOW, expires_at=NOW + timedelta(days=1),
            closed_at=NOW, closed_as="rejected" if number % 2 else "voided",
        )  # fmt: skip


def events(cast: Cast) -> None:
    for number in range(MANY):
        action = Action.AGENT_FROZEN if number % 2 == 0 else Action.AGENT_THAWED
        tell(cast.organization.pk, action, subject=FORMULA, now=NOW + timedelta(seconds=number))


LISTS: Final = (
    Listed("/settings/members/", members, "role=operator", MANY // 2 + 1),
    Listed("/settings/keys/", organization_keys, "status=active", MANY // 2),
    Listed("/agents/{}/keys/", runtime_keys, "status=active", MANY // 2),
    Listed("/agents/{}/credentials/", credentials, "status=active", MANY // 2),
    Listed("/counterparties/pegs/", pegs, "q=usd", MANY // 2, is_paged=False),
    Listed("/policies/", policies, "q=even", MANY // 2),
    Listed("/policies/{}/versions/", versions, "q=even", MANY // 2),
    Listed("/approvals/changes/", changes, "status=voided", MANY // 2),
    Listed("/audit/", events, "action=agent.frozen", MANY // 2, file="table/"),
)

each_list = pytest.mark.parametrize("one", LISTS, ids=[one.address for one in LISTS])


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def seen_by(member: Member) -> Client:
    client = Client()
    client.force_login(member.person)
    return client


def rows_on(answer: Any) -> list[str]:
    """What the rows of the first list of a page say."""
    html = answer.content.decode()
    body = re.search(r'<table class="table table-stack".*?<tbody>(.*?)</tbody>', html, re.DOTALL)
    return [re.sub(r"<[^>]*>", "", row) for row in re.findall(r"<tr\b.*?</tr>", body[1], re.DOTALL)] if body else []


def link(answer: Any, rel: str) -> str:
    found = re.search(rf'rel="{rel}" href="([^"]+)"', answer.content.decode())
    return unescape(found[1]) if found else ""


def lines_of(answer: Any) -> list[dict[str, str]]:
    assert isinstance(answer, StreamingHttpResponse)
    return list(csv.DictReader(StringIO(b"".join(answer).decode())))


@each_list
def test_it_is_paged_forth_and_back(one: Listed, cast: Cast) -> None:
    address, client = one.address.format(one.make(cast)), seen_by(cast.oona)
    first = client.get(address)

    if not one.is_paged:
        assert len(rows_on(first)) == MANY
        return
    assert len(rows_on(first)) == DEFAULT_PAGE
    assert not link(first, "prev")
    second = client.get(address + link(first, "next"))
    assert not link(second, "next")
    assert 0 < len(rows_on(second)) < DEFAULT_PAGE
    assert set(rows_on(first)) & set(rows_on(second)) == set()
    assert rows_on(client.get(address + link(second, "prev"))) == rows_on(first)
    refused = client.get(f"{address}?cursor=nonsense&{one.some}")
    assert refused.status_code == 422
    assert f'href="{address}?{one.some}">To the beginning' in unescape(refused.content.decode())


@each_list
def test_the_file_has_exactly_what_is_filtered_in_the_same_order(one: Listed, cast: Cast) -> None:
    address, client = one.address.format(one.make(cast)), seen_by(cast.vera)
    every, some = lines_of(client.get(f"{address}{one.file}")), lines_of(client.get(f"{address}{one.file}?{one.some}"))
    orders = re.findall(r'<option value="([^"]+)"', client.get(address).content.decode().partition('name="sort"')[2])
    turned = lines_of(client.get(f"{address}{one.file}?sort={orders[1]}"))

    assert len(every) >= MANY
    assert len(some) == one.number_of_some
    assert [line for line in every if line in some] == some
    assert turned != every
    assert sorted(map(str, turned)) == sorted(map(str, every))
    assert f"{one.file}?{one.some}" in unescape(client.get(f"{address}?{one.some}").content.decode())
    cells = {cell for line in every for cell in line.values()}
    assert not [cell for cell in cells if cell.startswith(FORMULA)]


@each_list
def test_nothing_found_and_nothing_understood_are_said_and_lead_on(one: Listed, cast: Cast) -> None:
    address, client = one.address.format(one.make(cast)), seen_by(cast.vera)

    nothing = client.get(f"{address}?q=nowhere-to-be-found")
    assert rows_on(nothing) == []
    assert "matches" in nothing.content.decode()
    assert f'href="{address}"' in nothing.content.decode()
    for wrong in ("sort=nonsense", f"q={'x' * 300}"):
        page = client.get(f"{address}?{wrong}")
        assert rows_on(page) == []
        assert "cannot be understood" in page.content.decode()
        assert client.get(f"{address}{one.file}?{wrong}").status_code == 422


@each_list
def test_nothing_of_another_organization_is_in_it(one: Listed, cast: Cast) -> None:
    public_id = one.make(cast)
    if public_id is None:
        found = lines_of(seen_by(cast.mallory).get(f"{one.address}{one.file}"))
        assert len(found) == (1 if one.make is members else 0)
    else:
        assert seen_by(cast.mallory).get(f"{one.address.format(public_id)}{one.file}").status_code == 404
