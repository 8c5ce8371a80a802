"""The history over HTTP: a back end reads its own organization's, with the scope, page by page."""

import json
from datetime import timedelta
from typing import Any
from urllib.parse import quote
from uuid import UUID

import pytest
from django.test import Client

from audit.catalogue import Action
from audit.models import Event, Leaf
from audit.seal import leaf_hash
from audit.services.sealing import seal
from core.canonical import canonical_json
from core.ids import Prefix, to_public
from core.paging import encode_place
from people.models import Member
from people.services import issue_organization_key
from tests.audit.logbook import ADA, AGENT, tell
from tests.factories import NOW, Cast, actor_for, make_cast

pytestmark = pytest.mark.django_db


def key_of(member: Member, *scopes: str) -> Client:
    """A client that calls with a fresh organization key."""
    issued = issue_organization_key(
        organization_id=member.organization_id,
        name="Back end",
        scopes=scopes,
        expires_at=None,
        by=member.person,
        actor=actor_for(member),
        now=NOW - timedelta(days=1),
    )
    return Client(headers={"Authorization": f"Bearer {issued.secret}"})


@pytest.fixture
def people() -> Cast:
    return make_cast()


@pytest.fixture
def app(people: Cast) -> Client:
    return key_of(people.ada, "read")


def read(client: Client, query: str = "") -> Any:
    response = client.get(f"/api/v1/audit-events?{query}")
    assert response.status_code == 200, response.content
    return json.loads(response.content)


def numbered(organization_id: UUID, count: int) -> None:
    for step in range(count):
        tell(organization_id, after={"step": step}, now=NOW + timedelta(seconds=step))


def steps(answer: Any) -> list[int | None]:
    return [event["after"].get("step") for event in answer["data"]]


def test_an_event_as_it_is_answered(app: Client, people: Cast) -> None:
    tell(people.organization.pk, Action.AGENT_FROZEN, before={"frozen": False}, after={"frozen": True})
    answer = read(app, "action=agent.frozen")
    event = Event.objects.get(action="agent.frozen")
    assert answer == {
        "data": [
            {
                "id": to_public(Prefix.EVENT, event.pk),
                "organization_id": to_public(Prefix.ORGANIZATION, people.organization.pk),
                "at": "2026-11-22T12:00:00.000000Z",
                "action": "agent.frozen",
                "actor": {"kind": "person", "id": ADA.id, "name": "Ada"},
                "subject": {"kind": "agent", "id": AGENT},
                "before": {"frozen": False},
                "after": {"frozen": True},
                "request_id": "req_1",
                "address": "192.0.2.7",
                "leaf_index": None,
            }
        ],
        "next_cursor": None,
    }


def test_a_caller_can_hash_the_leaf_of_an_event_itself(app: Client, people: Cast) -> None:
    tell(people.organization.pk, after={"café": "crème"})
    seal(people.organization.pk, now=NOW)
    event = read(app, f"subject={AGENT}")["data"][0]
    index = event.pop("leaf_index")
    stored = Leaf.objects.get(organization_id=people.organization.pk, index=index)
    assert leaf_hash(canonical_json(event)) == bytes(stored.hash)


def test_pages_newest_first_without_gap_or_repetition(app: Client, people: Cast) -> None:
    numbered(people.organization.pk, 7)
    seen, query = [], f"subject={AGENT}&limit=3"
    answer = read(app, query)
    seen += steps(answer)
    tell(people.organization.pk, after={"step": 99}, now=NOW + timedelta(minutes=1))
    while answer["next_cursor"]:
        answer = read(app, f"{query}&cursor={answer['next_cursor']}")
        seen += steps(answer)
    assert seen == [6, 5, 4, 3, 2, 1, 0]


def test_events_of_one_moment_are_all_paged(app: Client, people: Cast) -> None:
    for step in range(5):
        tell(people.organization.pk, after={"step": step}, now=NOW)
    first = read(app, f"subject={AGENT}&limit=3")
    second = read(app, f"subject={AGENT}&limit=3&cursor={first['next_cursor']}")
    assert set(steps(first) + steps(second)) == {0, 1, 2, 3, 4}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("action=agent", [3, 2, 0]),
        ("action=agent.frozen", [2]),
        ("action=agen", []),
        ("subject=agt_other", [3]),
        ("actor=per_mo", [1]),
        (f"since={quote((NOW + timedelta(seconds=2)).isoformat())}", [3, 2]),
        (f"until={quote((NOW + timedelta(seconds=1)).isoformat())}&action=agent", [0]),
        ("since=2026-11-22T13:00:01%2B01:00&until=2026-11-22T12:00:02Z", [1]),
        ("action=agent&actor=per_mo", []),
    ],
)
def test_filters(app: Client, people: Cast, query: str, expected: list[int]) -> None:
    organization_id = people.organization.pk
    mo = ADA.__class__(ADA.kind, "per_mo", "Mo", None)
    tell(organization_id, after={"step": 0}, now=NOW)
    tell(organization_id, Action.PEG_CHANGED, actor=mo, after={"step": 1}, now=NOW + timedelta(seconds=1))
    tell(organization_id, Action.AGENT_FROZEN, after={"step": 2}, now=NOW + timedelta(seconds=2))
    tell(organization_id, subject="agt_other", after={"step": 3}, now=NOW + timedelta(seconds=3))
    assert steps(read(app, query)) == expected


def at_place(moment: str) -> str:
    """A query that goes on behind a moment as the caller wrote it."""
    return f"cursor={encode_place(moment, UUID(int=0))}"


def test_a_cursor_is_the_same_place_whatever_its_offset(app: Client, people: Cast) -> None:
    numbered(people.organization.pk, 3)
    for moment in ("2026-11-22T12:00:02+00:00", "2026-11-23T11:00:02+23:00", "2026-11-21T12:01:02-23:59"):
        assert steps(read(app, f"subject={AGENT}&{at_place(moment)}")) == [1, 0]


@pytest.mark.parametrize(
    "moment", ["2026-11-22T12:00:00", "0001-01-01T00:00:00+23:00", "9999-12-31T23:59:59-23:00", "yesterday"]
)
def test_a_cursor_at_no_moment_that_there_is_is_refused(app: Client, moment: str) -> None:
    response = app.get(f"/api/v1/audit-events?{at_place(moment)}")
    assert (response.status_code, response.json()["code"]) == (422, "cursor_invalid")


@pytest.mark.parametrize(
    ("query", "code", "field"),
    [
        ("cursor=nonsense", "cursor_invalid", "cursor"),
        ("cursor=newer.nonsense", "cursor_invalid", "cursor"),
        ("limit=0", "limit_invalid", "limit"),
        ("limit=201", "limit_invalid", "limit"),
        ("since=yesterday", "moment_invalid", "since"),
        ("until=2026-11-22T12:00:00", "moment_invalid", "until"),
        ("actor=%00", "filter_invalid", "actor"),
    ],
)
def test_what_cannot_be_read_is_refused(app: Client, query: str, code: str, field: str) -> None:
    response = app.get(f"/api/v1/audit-events?{query}")
    assert response.status_code == 422
    assert (response.json()["code"], response.json()["field"]) == (code, field)


def test_another_organization_sees_nothing_of_it(people: Cast) -> None:
    numbered(people.organization.pk, 2)
    assert read(key_of(people.mallory, "read"), f"subject={AGENT}")["data"] == []


def test_without_the_scope_nothing_is_read(people: Cast) -> None:
    response = key_of(people.ada, "policies").get("/api/v1/audit-events")
    assert (response.status_code, response.json()["code"]) == (403, "scope_missing")


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer conto_org_nothing"}])
def test_without_a_key_nothing_is_read(header: dict[str, str]) -> None:
    assert Client(headers=header).get("/api/v1/audit-events").status_code == 401


def test_the_history_is_read_only(app: Client) -> None:
    assert app.post("/api/v1/audit-events", "{}", content_type="application/json").status_code == 405
