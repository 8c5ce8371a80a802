"""Appending events: with the state they tell of or not at all, and nothing in them is lost or refused."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import transaction
from hypothesis import given
from hypothesis import strategies as st

from audit.catalogue import SENTENCES, Action, sentence
from audit.models import Event, Pending
from audit.seal import event_bytes, event_form
from audit.services import NewEvent, append, event_clause, events_json
from audit.services.writing import append_all
from core.actor import SYSTEM, Actor, ActorKind
from core.canonical import canonical_json
from core.db import rows, use_case
from tests.audit.logbook import ADA, tell
from tests.factories import NOW

pytestmark = pytest.mark.django_db


@dataclass(frozen=True)
class Limit:
    """Something with money in it."""

    amount: Decimal
    until: datetime


def new_event(after: object = None, action: Action = Action.AGENT_CHANGED, actor: Actor = ADA) -> NewEvent:
    return NewEvent(
        organization_id=uuid4(),
        actor=actor,
        action=action,
        subject_kind="agent",
        subject_id="agt_1",
        after=after,
        now=NOW,
    )


def test_an_event_holds_who_did_what_to_what_when_and_from_where() -> None:
    organization_id = uuid4()
    tell(organization_id, Action.AGENT_FROZEN, before={"frozen": False}, after={"frozen": True, "reason": "odd"})
    event = Event.objects.get(organization_id=organization_id)
    assert (event.action, event.at) == ("agent.frozen", NOW)
    assert (event.actor_kind, event.actor_id, event.actor_name) == ("person", ADA.id, "Ada")
    assert (event.request_id, event.address) == ("req_1", "192.0.2.7")
    assert (event.before, event.after) == ({"frozen": False}, {"frozen": True, "reason": "odd"})
    assert Pending.objects.filter(event=event, organization_id=organization_id).exists()


def test_money_and_moments_become_text() -> None:
    organization_id = uuid4()
    tell(organization_id, after=Limit(Decimal("12.50"), datetime(2026, 12, 1, tzinfo=UTC)))
    assert Event.objects.get(organization_id=organization_id).after == {
        "amount": "12.5",
        "until": "2026-12-01T00:00:00.000000Z",
    }


def test_a_float_is_refused() -> None:
    with pytest.raises(TypeError, match="no canonical form for float"):
        tell(uuid4(), after={"amount": 0.1})


def test_an_event_without_a_transaction_is_refused(transactional_db: None) -> None:
    with pytest.raises(RuntimeError, match="outside a use case's transaction"):
        append(
            organization_id=uuid4(),
            actor=SYSTEM,
            action=Action.AGENT_CHANGED,
            subject_kind="agent",
            subject_id="agt_1",
            now=NOW,
        )


def test_an_event_goes_with_its_transaction(transactional_db: None) -> None:
    @use_case
    def fail_afterwards() -> None:
        append_all([new_event()])
        raise LookupError

    with pytest.raises(LookupError):
        fail_afterwards()
    assert not Event.objects.exists()
    assert not Pending.objects.exists()


def test_several_events_keep_their_order() -> None:
    told = [new_event({"step": step}) for step in range(20)]
    with transaction.atomic():
        append_all(told)
    assert list(Event.objects.order_by("id").values_list("after__step", flat=True)) == list(range(20))


def test_events_of_one_moment_keep_the_order_in_which_they_were_told() -> None:
    for step in range(20):
        tell(uuid4(), after={"step": step})
    assert list(Event.objects.order_by("at", "id").values_list("after__step", flat=True)) == list(range(20))


def test_too_long_names_are_cut_not_refused() -> None:
    actor = Actor(ActorKind.AGENT, "a" * 99, "n" * 999, None, request_id="r" * 99, address="1" * 99)
    with transaction.atomic():
        append_all([new_event(actor=actor)])
    event = Event.objects.get()
    assert [len(text) for text in (event.actor_id, event.actor_name, event.request_id, event.address)] == [
        60,
        200,
        60,
        64,
    ]


@pytest.mark.parametrize(
    ("word", "stored"),
    [
        ("a\0b", "a\N{REPLACEMENT CHARACTER}b"),
        ("a\ud800b", "a?b"),
        ("\\u0000", "\\u0000"),
        ("\0\ud800", "\N{REPLACEMENT CHARACTER}?"),
    ],
)
def test_what_an_agent_wrote_never_breaks_its_event(word: str, stored: str) -> None:
    with transaction.atomic():
        append_all([new_event({"purpose": word, word: [word]})])
    assert Event.objects.get().after == {"purpose": stored, stored: [stored]}


WORDS = st.text(st.characters(exclude_categories=()), max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=10,
)


@given(VALUES)
def test_any_value_is_stored_so_that_its_bytes_come_back(value: object) -> None:
    text = events_json([new_event(value)])
    ((stored,),) = rows("select (%s::jsonb)->0->'after'", [text])
    assert isinstance(stored, str)
    assert json.loads(stored) == json.loads(text)[0]["after"]


@given(VALUES)
def test_the_sealer_writes_the_canonical_bytes(value: object) -> None:
    (row,) = json.loads(events_json([new_event(value)]))
    event = Event(**row | {"id": uuid4(), "organization_id": uuid4(), "at": NOW})
    assert event_bytes(event) == canonical_json(event_form(event))


@pytest.mark.parametrize(("condition", "written"), [("true", 2), ("false", 0)])
def test_the_clause_writes_only_where_the_statement_before_it_did(condition: str, written: int) -> None:
    sql = f"with done as (select 1 where {condition}), {event_clause('done')} select count(*) from audit_written"
    with transaction.atomic():
        assert rows(sql, {"events": events_json([new_event(), new_event()])}) == [(written,)]
    assert Event.objects.count() == Pending.objects.count() == written


def test_every_action_has_a_sentence() -> None:
    assert set(SENTENCES) == set(Action)
    for action in Action:
        told = sentence(action, actor="Ada", subject="Research")
        assert "{" not in told
        assert "Ada" in told or "Research" in told


def test_an_unknown_action_is_shown_as_it_is_stored() -> None:
    assert sentence("agent.cloned", actor="Ada", subject="Research") == "Ada: agent.cloned Research"
