"""Creating counterparties, and registering those that an ask names for the first time."""

import pytest

from audit.models import Event
from core.errors import Conflict, Invalid
from spend.models import Counterparty, Identifier
from spend.payee import PayeeClaim
from spend.selectors.counterparties import counterparty_of
from spend.services.changes import CounterpartyChange, create_counterparty
from spend.services.counterparties import register_counterparty
from tests.factories import NOW, Cast, actor_for, make_cast
from tests.spend.samples import DOMAIN, a_counterparty, epoch_of, public

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> Cast:
    return make_cast()


def test_a_counterparty_is_stored_normalised_and_told(people: Cast) -> None:
    before = epoch_of(people.organization)
    found = a_counterparty(
        people.olu,
        "  OpenAI  ",
        identifiers=["domain:API.OpenAI.com.", "address:0x" + "AB" * 20, "account:de89 3704 0044", DOMAIN],
        country="us",
        note="LLM",
        external_ref="vendor/1",
        standing="verified",
    )

    shown = counterparty_of(people.organization.pk, found)
    assert (shown.name, shown.country, shown.note, shown.standing) == ("OpenAI", "US", "LLM", "verified")
    assert shown.identifiers == ("account:DE8937040044", "address:0x" + "ab" * 20, DOMAIN)
    assert (shown.external_ref, shown.first_seen_at) == ("vendor/1", NOW)
    assert epoch_of(people.organization) == before + 1
    event = Event.objects.get(action="counterparty.created")
    assert (event.subject_id, event.actor_name) == (public(found), "Olu")
    assert isinstance(event.after, dict)
    assert event.after["identifiers"] == list(shown.identifiers)


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"name": " "}, "name_invalid", "name"),
        ({"name": "a\x07b"}, "name_invalid", "name"),
        ({"country": "XX"}, "country_invalid", "country"),
        ({"country": "USA"}, "country_invalid", "country"),
        ({"note": "x" * 501}, "note_invalid", "note"),
        ({"standing": "loved"}, "standing_invalid", "standing"),
        ({"identifiers": [DOMAIN, "api.openai.com"]}, "identifier_invalid", "identifiers[1]"),
        ({"identifiers": ["phone:1"]}, "identifier_invalid", "identifiers[0]"),
        ({"identifiers": ["domain:https://x.com/"]}, "identifier_invalid", "identifiers[0]"),
        ({"identifiers": [f"domain:n{n}.com" for n in range(51)]}, "too_many_identifiers", "identifiers"),
    ],
)
def test_what_cannot_be_meant_is_refused(people: Cast, fields: dict[str, object], code: str, field: str) -> None:
    with pytest.raises(Invalid) as caught:
        a_counterparty(people.olu, **fields)  # type: ignore[arg-type]

    assert (caught.value.code, caught.value.field) == (code, field)
    assert not Counterparty.objects.exists()


def test_a_counterparty_needs_a_name(people: Cast) -> None:
    with pytest.raises(Invalid, match="needs a name"):
        create_counterparty(
            organization_id=people.organization.pk, change=CounterpartyChange(), actor=actor_for(people.olu), now=NOW
        )


def test_an_identifier_names_one_counterparty_only(people: Cast) -> None:
    first = a_counterparty(people.olu)

    with pytest.raises(Conflict) as caught:
        a_counterparty(people.olu, "Impostor")

    assert (caught.value.code, caught.value.facts) == ("identifier_taken", {"counterparty": public(first)})
    assert Counterparty.objects.get().pk == first


def test_another_organization_may_know_the_same_identifier(people: Cast) -> None:
    a_counterparty(people.olu, external_ref="vendor/1")
    a_counterparty(people.mallory, external_ref="vendor/1")

    assert Identifier.objects.count() == 2


def test_a_reference_is_unique(people: Cast) -> None:
    a_counterparty(people.olu, external_ref="vendor/1")

    with pytest.raises(Conflict) as caught:
        a_counterparty(people.olu, "Other", identifiers=[], external_ref="vendor/1")

    assert (caught.value.code, caught.value.field) == ("reference_taken", "external_ref")


def test_registering_a_payee_that_is_known_changes_nothing(people: Cast) -> None:
    found = a_counterparty(people.olu, standing="trusted")
    claim = PayeeClaim("Free money", (DOMAIN,))

    register_counterparty(people.organization.pk, claim, actor=actor_for(people.olu), now=NOW)

    assert Counterparty.objects.get().pk == found
    assert Event.objects.filter(action="counterparty.created").count() == 1
