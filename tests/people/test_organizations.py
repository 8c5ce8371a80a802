"""Organizations: created with an owner, set up, frozen and thawed; each change raises the epoch and is told."""

from datetime import timedelta
from decimal import Decimal

import pytest

from audit.models import Event
from core.actor import SYSTEM
from core.errors import Conflict, Invalid, NotFound
from core.ids import Prefix, new_id, to_public
from people.models import Member, Organization, Person
from people.services import (
    NewPerson,
    OrganizationSettings,
    change_settings,
    create_organization,
    freeze_organization,
    raise_epoch,
    thaw_organization,
)
from tests.factories import NOW, actor_for, make_member, make_organization, make_person
from tests.people.history import told

pytestmark = pytest.mark.django_db

SETTINGS = OrganizationSettings("Acme Ltd", "EUR", "Europe/Berlin", 600, Decimal("250.00"))


def stored(organization: Organization) -> Organization:
    return Organization.objects.get(pk=organization.pk)


def test_an_organization_begins_with_its_owner() -> None:
    organization = create_organization(
        name="Acme", owner=NewPerson("Oona@Example.com ", "Oona"), time_zone="Europe/Berlin", actor=SYSTEM, now=NOW
    )
    member = Member.objects.get(organization=organization)
    assert member.roles == ["owner"]
    assert member.person.email == "oona@example.com"
    assert not member.person.has_usable_password()
    actions = Event.objects.filter(organization_id=organization.id).values_list("action", flat=True)
    assert set(actions) == {"organization.created", "person.created", "member.added"}


def test_an_owner_with_an_account_keeps_it_and_its_password() -> None:
    oona = make_person("Oona", password="as long as it was before")
    create_organization(name="Acme", owner=NewPerson(oona.email, "Somebody", "another password"), actor=SYSTEM, now=NOW)
    kept = Person.objects.get(email=oona.email)
    assert kept.name == "Oona"
    assert kept.password == oona.password


def test_the_same_owner_does_not_get_the_same_organization_twice() -> None:
    owner = NewPerson("oona@example.com", "Oona")
    create_organization(name="Acme", owner=owner, actor=SYSTEM, now=NOW)
    with pytest.raises(Conflict, match="already owns"):
        create_organization(name="Acme", owner=owner, actor=SYSTEM, now=NOW)
    assert Organization.objects.count() == 1


def test_settings_are_stored_and_told_with_before_and_after() -> None:
    oona = make_member("Oona", make_organization(), ["owner"])
    change_settings(organization_id=oona.organization_id, settings=SETTINGS, actor=actor_for(oona), now=NOW)
    changed = stored(oona.organization)
    assert (changed.name, changed.currency, changed.time_zone) == ("Acme Ltd", "EUR", "Europe/Berlin")
    assert (changed.approval_ttl_seconds, changed.confirmation_amount) == (600, Decimal(250))
    assert changed.epoch == 2
    change = told("organization.changed")
    assert change.event.subject_id == to_public(Prefix.ORGANIZATION, oona.organization_id)
    assert change.before["currency"] == "USD"
    assert change.after["confirmation_amount"] == "250"
    assert (change.event.actor_id, change.event.request_id, change.event.address) == (
        to_public(Prefix.PERSON, oona.person_id),
        "req_test",
        "192.0.2.7",
    )


def test_the_same_settings_change_nothing() -> None:
    oona = make_member("Oona", make_organization(), ["owner"])
    for _ in range(2):
        change_settings(organization_id=oona.organization_id, settings=SETTINGS, actor=actor_for(oona), now=NOW)
    assert Event.objects.filter(action="organization.changed").count() == 1
    assert stored(oona.organization).epoch == 2


def test_a_freeze_is_stored_with_its_reason_and_raises_the_epoch() -> None:
    olu = make_member("Olu", make_organization(), ["operator"])
    freeze_organization(organization_id=olu.organization_id, reason=" looping agent ", actor=actor_for(olu), now=NOW)
    frozen = stored(olu.organization)
    assert (frozen.frozen_at, frozen.frozen_reason, frozen.epoch) == (NOW, "looping agent", 2)
    assert told("organization.frozen").after["reason"] == "looping agent"


def test_a_second_freeze_keeps_the_first_ones_moment_and_reason() -> None:
    olu = make_member("Olu", make_organization(), ["operator"])
    later = NOW + timedelta(minutes=5)
    freeze_organization(organization_id=olu.organization_id, reason="first", actor=actor_for(olu), now=NOW)
    freeze_organization(organization_id=olu.organization_id, reason="second", actor=actor_for(olu), now=later)
    assert (stored(olu.organization).frozen_at, stored(olu.organization).frozen_reason) == (NOW, "first")
    assert Event.objects.filter(action="organization.frozen").count() == 1


def test_a_thaw_needs_a_reason_too_and_ends_the_freeze() -> None:
    ada = make_member("Ada", make_organization(), ["admin"])
    freeze_organization(organization_id=ada.organization_id, reason="audit", actor=actor_for(ada), now=NOW)
    with pytest.raises(Invalid, match="Say why"):
        thaw_organization(organization_id=ada.organization_id, reason=" ", actor=actor_for(ada), now=NOW)
    thaw_organization(organization_id=ada.organization_id, reason="audit is over", actor=actor_for(ada), now=NOW)
    thawed = stored(ada.organization)
    assert (thawed.frozen_at, thawed.frozen_reason, thawed.epoch) == (None, "", 3)
    change = told("organization.thawed")
    assert change.before == {"name": "Acme", "frozen": True, "reason": "audit"}
    assert change.after == {"name": "Acme", "frozen": False, "reason": "audit is over"}


def test_thawing_what_is_not_frozen_changes_nothing() -> None:
    ada = make_member("Ada", make_organization(), ["admin"])
    thaw_organization(organization_id=ada.organization_id, reason="to be sure", actor=actor_for(ada), now=NOW)
    assert not Event.objects.exists()
    assert stored(ada.organization).epoch == 1


@pytest.mark.parametrize("reason", ["", "  ", "x" * 501])
def test_a_freeze_without_a_reason_or_with_a_novel_is_refused(reason: str) -> None:
    olu = make_member("Olu", make_organization(), ["operator"])
    with pytest.raises(Invalid):
        freeze_organization(organization_id=olu.organization_id, reason=reason, actor=actor_for(olu), now=NOW)
    assert stored(olu.organization).frozen_at is None


def test_there_is_no_freezing_what_does_not_exist() -> None:
    with pytest.raises(NotFound):
        freeze_organization(organization_id=new_id(NOW), reason="why not", actor=SYSTEM, now=NOW)


@pytest.mark.django_db(transaction=True)
def test_the_epoch_is_raised_only_inside_a_transaction() -> None:
    with pytest.raises(RuntimeError, match="outside a use case"):
        raise_epoch(new_id(NOW))
