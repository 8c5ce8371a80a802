"""What the organization makes of a counterparty counts from the commit on."""

import pytest

from audit.models import Event
from core.errors import Invalid, NotFound
from spend.services.changes import set_standing
from tests.approvals.world import OPENAI, ask, counterparty, make_world
from tests.factories import NOW, Cast, actor_for, make_cast
from tests.spend.samples import a_counterparty, epoch_of, public

pytestmark = pytest.mark.django_db
TRUSTED_ONLY = {"key": "known", "type": "COUNTERPARTY", "require": "trusted"}


@pytest.fixture
def people() -> Cast:
    return make_cast()


def stand(people: Cast, counterparty_id: object, standing: str, **more: object) -> None:
    set_standing(
        organization_id=people.organization.pk,
        counterparty_id=counterparty_id,  # type: ignore[arg-type]
        standing=standing,
        actor=actor_for(people.olu),
        now=NOW,
        **more,  # type: ignore[arg-type]
    )


def test_a_standing_is_stored_with_its_reason_and_raises_the_epoch(people: Cast) -> None:
    found = a_counterparty(people.olu)
    before = epoch_of(people.organization)

    stand(people, found, "blocked", reason="invoices twice")

    assert epoch_of(people.organization) == before + 1
    event = Event.objects.get(action="counterparty.standing_changed")
    assert event.subject_id == public(found)
    assert event.before == {"name": "OpenAI", "standing": "unknown"}
    assert event.after == {"name": "OpenAI", "standing": "blocked", "reason": "invoices twice"}


def test_the_standing_it_has_changes_nothing(people: Cast) -> None:
    found = a_counterparty(people.olu)
    before = epoch_of(people.organization)

    stand(people, found, "unknown")

    assert epoch_of(people.organization) == before
    assert not Event.objects.filter(action="counterparty.standing_changed").exists()


def test_an_unknown_word_and_a_foreign_counterparty_are_refused(people: Cast) -> None:
    with pytest.raises(Invalid):
        stand(people, a_counterparty(people.olu), "loved")
    with pytest.raises(NotFound):
        stand(people, a_counterparty(people.mallory), "trusted")


def test_the_next_ask_is_decided_by_it() -> None:
    world = make_world(TRUSTED_ONLY)
    assert ask(world, payee=OPENAI).answer.status == "declined"

    stand(world.cast, counterparty(world).pk, "trusted")
    assert ask(world, payee=OPENAI).answer.status == "approved"

    stand(world.cast, counterparty(world).pk, "blocked")
    assert ask(world, payee=OPENAI).answer.status == "declined"
