"""SIGKILL of the web server at every boundary of the statements of one request; it is sent again when one serves again.

The real server over real HTTP, by the real clock. What is repeated in front of it is the request, nothing else: the app
sends the same body under the same key or reference, the reviewer presses the same button.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlencode

import pytest
from django.conf import settings
from django.test import Client

from approvals.models import Authorization, Review
from approvals.selectors.books import faults
from approvals.selectors.evidence import present_evidence
from core.clock import now as clock_now
from core.ids import Prefix, to_public
from people.models import Member
from spend.models import Hold, Identifier, SpendRecord
from tests.approvals.world import World, ask, stored
from tests.races.acts import events_of, path_of
from tests.races.killing import Round, lives
from tests.races.served import Answer, MortalConto, Request, by_app, world_of

pytestmark = [pytest.mark.race, pytest.mark.process, pytest.mark.django_db(transaction=True)]

DAILY: Final = {"key": "daily", "type": "SPEND_LIMIT", "daily": {"USD": "100000"}, "per": "agent_counterparty"}
POT: Final = {"key": "pot", "type": "BUDGET_ALLOCATION", "amount": {"USD": "15"}, "period": "session"}
ONCE: Final = {"key": "once", "type": "DUPLICATE", "minutes": 5}
PEOPLE: Final[dict[str, Any]] = {"key": "people", "type": "APPROVAL_THRESHOLD", "above": {"USD": "50"}}


def requests(conto: MortalConto, make: Callable[[Round], Request]) -> Iterator[tuple[Round, Answer]]:
    """Lives of servers that answer one request, each killed one boundary later; none is left out."""

    def life(this: Round) -> Callable[[int | None], Answer | None]:
        request = make(this)
        return lambda killed_at: request.sent_to(conto, killed_at)

    this, before = Round(0), len(conto.deaths())
    for this, answer in lives(life):
        yield this, answer
    assert conto.deaths()[before:] == list(range(1, this.boundary))


def domain(this: Round) -> str:
    return f"shop{this.boundary}.example"


def session(this: Round) -> str:
    return f"run_{this.boundary}"


def by_person(member: Member, path: str, form: Mapping[str, str]) -> Request:
    """A form that a member who is signed in sends off."""
    client, token = Client(), "a" * 32
    client.force_login(member.person)
    session = client.cookies[settings.SESSION_COOKIE_NAME].value
    cookies = f"{settings.SESSION_COOKIE_NAME}={session}; {settings.CSRF_COOKIE_NAME}={token}"
    headers = {"Cookie": cookies, "Content-Type": "application/x-www-form-urlencoded"}
    return Request(path, urlencode({**form, "csrfmiddlewaretoken": token}).encode(), headers)


def approved(world: World, this: Round, amount: str = "10", *, age: timedelta = timedelta()) -> Authorization:
    return stored(ask(world, amount, session=session(this), now=clock_now() - age))


def test_control_without_a_key_who_asks_again_after_a_kill_holds_twice(conto: MortalConto) -> None:
    world = world_of(DAILY)
    body = {"amount": "10", "currency": "USD", "counterparty": {"name": "OpenAI", "domain": "api.openai.com"}}
    request = by_app(world, "authorizations", body)
    answers = [answer.status for _, answer in requests(conto, lambda _: request)]
    assert set(answers) == {201}
    # Each life but the last was killed and asked again, the last was not killed and asked again all the same.
    assert Hold.objects.count() > len(answers) + 1


def test_an_ask_that_expires_what_stands_in_its_way_is_answered_once(conto: MortalConto) -> None:
    world = world_of(DAILY, POT, ONCE)
    overdue: dict[int, Authorization] = {}

    def make(this: Round) -> Request:
        overdue[this.boundary] = approved(world, this, age=timedelta(days=2))
        payee = {"name": "New", "domain": domain(this)}
        body = {"amount": "10", "currency": "USD", "counterparty": payee, "session": session(this)}
        return by_app(world, "authorizations", body, **{"Idempotency-Key": f"order-{this.boundary}"})

    statuses = set[int]()
    for this, answer in requests(conto, make):
        statuses.add(answer.status)
        one = Authorization.objects.get(idempotency_key=f"order-{this.boundary}")
        assert json.loads(answer.body)["id"] == to_public(Prefix.AUTHORIZATION, one.id)
        assert one.status == "approved"
        assert Hold.objects.get(authorization_id=one.id).held == 10
        assert events_of(one.id) == ["authorization.approved"]
        assert path_of(overdue[this.boundary].id) == ["approved", "expired"]
        assert Hold.objects.get(authorization_id=overdue[this.boundary].id).held == 0
        assert Identifier.objects.filter(value=domain(this)).count() == 1
    assert statuses == {200, 201}
    assert Authorization.objects.count() == Hold.objects.count() == 2 * this.boundary > 60
    assert faults() == []


def test_a_record_is_stored_once(conto: MortalConto) -> None:
    world = world_of(DAILY, POT)
    paid: dict[int, Authorization] = {}

    def make(this: Round) -> Request:
        one = paid[this.boundary] = approved(world, this)
        path = f"authorizations/{to_public(Prefix.AUTHORIZATION, one.id)}/record"
        return by_app(world, path, {"amount": "4", "currency": "USD", "reference": f"r{this.boundary}"})

    statuses = set[int]()
    for this, answer in requests(conto, make):
        statuses.add(answer.status)
        one = paid[this.boundary]
        assert path_of(one.id) == ["approved", "recorded"]
        assert sum(str(event).startswith("record.") for event in events_of(one.id)) == 1
        assert SpendRecord.objects.get(authorization_id=one.id).hold.spent == 4
        assert Hold.objects.get(authorization_id=one.id).held == 0
    assert statuses == {200, 201}
    assert SpendRecord.objects.count() == this.boundary > 10
    assert faults() == []


def test_a_yes_in_the_console_is_stored_once(conto: MortalConto) -> None:
    world = world_of(PEOPLE, DAILY)
    waiting: dict[int, Authorization] = {}

    def make(this: Round) -> Request:
        one = waiting[this.boundary] = approved(world, this, "60")
        shown = present_evidence(one.id, organization_id=one.organization_id, now=clock_now())
        path = f"/approvals/{to_public(Prefix.AUTHORIZATION, one.id)}/approve/"
        return by_person(world.cast.rui, path, {"evidence": shown.digest})

    for this, answer in requests(conto, make):
        assert answer.status in (302, 409)
        one = waiting[this.boundary]
        assert events_of(one.id) == ["authorization.pending", "authorization.reviewed"]
        assert Review.objects.get(request__authorization=one).verdict == "approve"
        assert Hold.objects.get(authorization_id=one.id).held == 60
    assert Review.objects.count() == this.boundary > 15
    assert faults() == []
