"""Changing counterparties, their identifiers, and bringing them to what the app sends under its own reference."""

import pytest

from core.errors import Conflict, Invalid, NotFound
from people.services import at_once
from spend.models import Counterparty
from spend.selectors.counterparties import CounterpartyView, counterparty_of
from spend.services import changes
from spend.services.changes import CounterpartyChange, Upserted
from tests.factories import NOW, Cast, actor_for, make_cast
from tests.spend.samples import DOMAIN, a_counterparty, epoch_of, told

pytestmark = pytest.mark.django_db
OTHER = "domain:openai.com"


@pytest.fixture
def people() -> Cast:
    return make_cast()


def shown(people: Cast) -> CounterpartyView:
    return counterparty_of(people.organization.pk, Counterparty.objects.get(organization=people.organization).pk)


def change(people: Cast, **fields: object) -> None:
    changes.change_counterparty(
        organization_id=people.organization.pk,
        counterparty_id=shown(people).id,
        change=fields,  # type: ignore[arg-type]
        actor=actor_for(people.olu),
        now=NOW,
    )


def identifier(people: Cast, verb: str, text: str) -> None:
    getattr(changes, f"{verb}_identifier")(
        organization_id=people.organization.pk,
        counterparty_id=shown(people).id,
        identifier=text,
        actor=actor_for(people.olu),
        now=NOW,
    )


def upsert(people: Cast, reference: str = "vendor/1", **fields: object) -> Upserted:
    return at_once(
        changes.upsert_counterparty_by_ref(
            organization_id=people.organization.pk,
            external_ref=reference,
            change=fields,  # type: ignore[arg-type]
            actor=actor_for(people.olu),
            now=NOW,
        )
    )


def test_a_name_changes_without_a_new_epoch(people: Cast) -> None:
    a_counterparty(people.olu)
    before = epoch_of(people.organization)

    change(people, name="Open AI", note="renamed")

    assert (shown(people).name, shown(people).note) == ("Open AI", "renamed")
    assert epoch_of(people.organization) == before
    assert told()[-1] == "counterparty.changed"


def test_a_country_counts_for_decisions(people: Cast) -> None:
    a_counterparty(people.olu)
    before = epoch_of(people.organization)

    change(people, country="DE")

    assert epoch_of(people.organization) == before + 1


def test_a_change_to_the_same_writes_nothing(people: Cast) -> None:
    a_counterparty(people.olu, country="DE")
    before = epoch_of(people.organization)

    change(people, name="OpenAI", country="de", identifiers=["domain:API.openai.com"])

    assert epoch_of(people.organization) == before
    assert told() == ["counterparty.created"]


def test_identifiers_come_and_go(people: Cast) -> None:
    a_counterparty(people.olu)
    before = epoch_of(people.organization)

    identifier(people, "add", "domain:OPENAI.com")
    assert shown(people).identifiers == (DOMAIN, OTHER)
    identifier(people, "add", OTHER)
    identifier(people, "remove", DOMAIN)
    identifier(people, "remove", DOMAIN)

    assert shown(people).identifiers == (OTHER,)
    assert epoch_of(people.organization) == before + 2
    assert told() == ["counterparty.created", "counterparty.changed", "counterparty.changed"]


def test_an_identifier_of_somebody_else_is_refused(people: Cast) -> None:
    a_counterparty(people.olu)
    a_counterparty(people.mallory, identifiers=[OTHER])
    identifier(people, "add", OTHER)
    taken = "domain:taken.example"
    holder = a_counterparty(people.olu, "Holder", identifiers=[taken])

    with pytest.raises(Conflict) as caught:
        changes.add_identifier(
            organization_id=people.organization.pk,
            counterparty_id=Counterparty.objects.get(name="OpenAI", organization=people.organization).pk,
            identifier=taken,
            actor=actor_for(people.olu),
            now=NOW,
        )

    assert caught.value.code == "identifier_taken"
    assert counterparty_of(people.organization.pk, holder).identifiers == (taken,)


def test_there_are_at_most_fifty_identifiers(people: Cast) -> None:
    a_counterparty(people.olu, identifiers=[f"domain:n{number}.com" for number in range(50)])

    with pytest.raises(Invalid) as caught:
        identifier(people, "add", DOMAIN)

    assert caught.value.code == "too_many_identifiers"
    identifier(people, "add", "domain:n7.com")


def test_an_upsert_creates_then_changes_nothing_then_brings_along(people: Cast) -> None:
    first = upsert(people, name="OpenAI", identifiers=[DOMAIN], standing="verified")
    again = upsert(people, name="OpenAI", identifiers=[DOMAIN], standing="verified")

    assert (first.is_new, again.is_new, first.counterparty_id) == (True, False, again.counterparty_id)
    assert told() == ["counterparty.created"]
    upsert(people, name="OpenAI", identifiers=[OTHER], standing="trusted")
    assert (shown(people).identifiers, shown(people).standing) == ((OTHER,), "trusted")
    assert sorted(told()[1:]) == ["counterparty.changed", "counterparty.standing_changed"]


def test_an_upsert_of_nobody_known_needs_a_name(people: Cast) -> None:
    with pytest.raises(Invalid) as caught:
        upsert(people, note="who?")

    assert caught.value.code == "name_invalid"


def test_a_foreign_counterparty_is_not_found(people: Cast) -> None:
    foreign = a_counterparty(people.mallory)

    with pytest.raises(NotFound):
        changes.change_counterparty(
            organization_id=people.organization.pk,
            counterparty_id=foreign,
            change=CounterpartyChange(name="Mine"),
            actor=actor_for(people.olu),
            now=NOW,
        )
