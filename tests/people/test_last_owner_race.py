"""Two owners remove each other at the same moment: one of them stays."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connections, transaction

from core.errors import Conflict, NotAllowed, NotFound
from people.models import Member
from people.services import remove_member
from tests.factories import NOW, actor_for, make_member, make_organization

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.race]

Remove = Callable[[Member, Member], None]


@pytest.fixture
def owners() -> tuple[Member, Member]:
    acme = make_organization("Acme")
    return make_member("Oona", acme, ["owner"]), make_member("Otto", acme, ["owner"])


def at_once(remove: Remove, owners: tuple[Member, Member]) -> None:
    """Let each owner remove the other one, in two threads with a connection each."""

    def run(by: Member, member: Member) -> None:
        try:
            remove(by, member)
        except (Conflict, NotAllowed, NotFound):
            return
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(run, owners, reversed(owners)))


def owners_left() -> int:
    return Member.objects.filter(removed_at=None, roles__contains=["owner"]).count()


def test_control_without_the_lock_both_are_gone(owners: tuple[Member, Member]) -> None:
    both_have_looked = Barrier(2)

    def remove_unlocked(_by: Member, member: Member) -> None:
        with transaction.atomic():
            assert owners_left() == 2
            both_have_looked.wait(timeout=10)
            Member.objects.filter(pk=member.pk).update(removed_at=NOW)

    at_once(remove_unlocked, owners)
    assert owners_left() == 0


@pytest.mark.parametrize("_round", range(10))
def test_one_owner_stays(owners: tuple[Member, Member], _round: int) -> None:
    both_are_ready = Barrier(2)

    def remove(by: Member, member: Member) -> None:
        both_are_ready.wait(timeout=10)
        remove_member(organization_id=member.organization_id, member_id=member.id, by=by, actor=actor_for(by), now=NOW)

    at_once(remove, owners)
    assert owners_left() == 1
