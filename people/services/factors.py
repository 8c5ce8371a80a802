"""Second factors: allauth keeps them; here they are told of, and their secrets wrapped anew."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TypeVar

from allauth.mfa.models import Authenticator

from audit.catalogue import Action
from core.actor import SYSTEM, Actor
from core.db import use_case
from core.sealing import CannotOpen, Sealed, keyring, rewrap
from people.models import Person
from people.selectors import FACTOR_PLACE, FACTOR_SECRETS
from people.services.persons import tell_organizations

R = TypeVar("R")


@use_case
def change_second_factors(*, person: Person, change: Callable[[], R], actor: Actor, now: datetime) -> R:
    """Run `change`, and tell in its transaction which second factors of the person came and which went.

    A new name of a security key, which only its owner sees, is not told.
    """
    Person.objects.select_for_update().get(pk=person.pk)
    before = _kinds(person)
    done = change()
    after = _kinds(person)
    for action, came_or_went in (
        (Action.PERSON_SECOND_FACTOR_REMOVED, before.keys() - after.keys()),
        (Action.PERSON_SECOND_FACTOR_ADDED, after.keys() - before.keys()),
    ):
        for key in sorted(came_or_went):
            facts: dict[str, object] = {"name": person.name, "second_factor": (before | after)[key]}
            tell_organizations(action, person, after=facts, actor=actor, now=now)
    return done


@use_case
def rewrap_factors(*, now: datetime) -> tuple[int, int]:
    """Wrap the secrets of all second factors with the current key-encryption key; none is opened.

    Return how many it wrapped, and how many open with no key. People have few: one transaction holds them all.
    """
    wrapped = unreadable = 0
    for factor in Authenticator.objects.select_for_update(of=("self",)).select_related("user").order_by("pk"):
        try:
            fresh = _rewrapped(factor.data)
        except CannotOpen:
            unreadable += 1
            continue
        if fresh:
            factor.data |= fresh
            factor.save(update_fields=["data"])
            facts: dict[str, object] = {"name": factor.user.name, "key_encryption_key": keyring().current}
            tell_organizations(Action.PERSON_SECOND_FACTOR_REWRAPPED, factor.user, after=facts, actor=SYSTEM, now=now)
            wrapped += 1
    return wrapped, unreadable


def _rewrapped(data: Mapping[str, str]) -> dict[str, str]:
    found = {name: Sealed.read(data[name]) for name in FACTOR_SECRETS if name in data}
    stale = {name: sealed for name, sealed in found.items() if sealed.kek != keyring().current}
    return {name: rewrap(sealed, FACTOR_PLACE).written() for name, sealed in stale.items()}


def _kinds(person: Person) -> dict[int, str]:
    return dict(Authenticator.objects.filter(user_id=person.pk).values_list("pk", "type"))
