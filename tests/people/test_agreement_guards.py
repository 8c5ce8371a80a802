"""The guards of changes that wait and of agreements to them: raw SQL makes no change that too few agreed to."""

import os
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import psycopg
import pytest
from django.db import DatabaseError, IntegrityError, transaction

from core.db import rows
from core.ids import new_id
from people.models import Agreement, Member, PendingChange
from tests import plugin
from tests.factories import NOW, Cast, make_cast

pytestmark = pytest.mark.django_db

APPROVE = "update people_pendingchange set closed_at = now(), closed_as = 'approved', closed_by_person_id = %s"


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def change_of(cast: Cast, kind: str, person: Member | None) -> PendingChange:
    return PendingChange.objects.create(
        id=new_id(NOW),
        organization=cast.organization,
        kind="policy",
        subject_id="pol_1",
        title="Publish",
        content={"a": 1},
        digest="0" * 64,
        loosens=[],
        proposed_by_kind=kind,
        proposed_by_id="somebody",
        proposed_by_name="Somebody",
        proposed_by_person=person.person if person else None,
        created_at=NOW,
        expires_at=NOW.replace(year=2027),
    )


def agreement(change: PendingChange, who: Member, **more: Any) -> Agreement:
    given = {"id": new_id(NOW), "change": change, "person": who.person, "name": "X", "digest": change.digest, "at": NOW}
    return Agreement.objects.create(**given | more)


def refused(sql: str, *params: object, match: str = "is refused") -> None:
    with pytest.raises(DatabaseError, match=match), transaction.atomic():
        rows(sql, params)


def approved_by(person_id: UUID) -> bool:
    """Whether the database lets the change be made."""
    try:
        with transaction.atomic():
            rows(APPROVE, [person_id])
            transaction.set_rollback(True)
    except IntegrityError as error:
        return "change_is_agreed_to_by_enough" not in str(error)
    return True


def test_people_pendingchange_is_agreed_to_by_one_beside_a_person_who_proposed(cast: Cast) -> None:
    change = change_of(cast, "person", cast.olu)
    assert not approved_by(cast.ada.person_id)
    agreement(change, cast.ada)
    assert approved_by(cast.ada.person_id)


@pytest.mark.parametrize("kind", ["organization_key", "system"])
def test_people_pendingchange_is_agreed_to_by_two_where_nobody_knows_who_proposed(cast: Cast, kind: str) -> None:
    change = change_of(cast, kind, cast.ada if kind == "organization_key" else None)
    first = agreement(change, cast.ada)
    assert not approved_by(cast.ada.person_id)
    agreement(change, cast.olu)
    assert approved_by(cast.ada.person_id), "the issuer is one of two"
    first.withdrawn_at = NOW
    first.save()
    assert not approved_by(cast.olu.person_id)
    agreement(change, cast.ada)
    assert approved_by(cast.olu.person_id)


def test_a_person_agrees_once(cast: Cast) -> None:
    change = change_of(cast, "organization_key", cast.ada)
    agreement(change, cast.ada)
    with pytest.raises(IntegrityError, match="a_person_agrees_once"), transaction.atomic():
        agreement(change, cast.ada)


def test_people_agreement_is_to_what_waits(cast: Cast) -> None:
    change = change_of(cast, "person", cast.olu)
    for given in ({"person": cast.olu.person}, {"digest": "1" * 64}):
        with pytest.raises(IntegrityError, match="agreement_is_to_what_waits"), transaction.atomic():
            agreement(change, cast.ada, **given)
    rows("update people_pendingchange set closed_at = now(), closed_as = 'voided'")
    with pytest.raises(IntegrityError, match="agreement_is_to_what_waits"), transaction.atomic():
        agreement(change, cast.ada)


def test_people_agreement_is_only_withdrawn_and_people_agreement_is_not_deleted(cast: Cast) -> None:
    change = change_of(cast, "person", cast.olu)
    agreement(change, cast.ada)
    for values in ("digest = 'x'", "name = 'Y'", "at = now()", f"person_id = '{cast.oona.person_id}'"):
        refused(f"update people_agreement set {values}")
    refused("delete from people_agreement")
    rows("update people_agreement set withdrawn_at = now()")
    refused("update people_agreement set withdrawn_at = null")


def test_people_pendingchange_keeps_its_content(cast: Cast) -> None:
    change_of(cast, "organization_key", cast.ada)
    for values in (
        *("content = '{}'", "digest = 'x'", "loosens = '[1]'", "kind = 'agent'", "subject_id = 'pol_2'"),
        *("proposed_by_kind = 'person'", "proposed_by_id = 'x'", "proposed_by_person_id = null"),
    ):
        refused(f"update people_pendingchange set {values}")


@pytest.mark.usefixtures("django_db_setup")
def test_people_agreement_is_not_truncated_in_an_installation() -> None:
    """A test database may be emptied, and is known by its name."""
    name = f"conto_installed_people_{os.getpid()}"
    with plugin.maintenance(os.environ["DATABASE_URL"]) as server:
        plugin.make_database(name)
        try:
            address = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}").geturl()
            with psycopg.connect(address) as inside, pytest.raises(psycopg.DatabaseError, match="is refused"):
                inside.execute("truncate people_agreement")
        finally:
            plugin.drop(server, name)
