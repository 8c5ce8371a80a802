"""What stands around one request: the payee as known, others like it, the equal one, and who is asked."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from approvals.models import Authorization
from approvals.selectors.inbox import Detail, Earlier, Need, for_the_same_payee
from core.ids import Prefix, from_public, to_public
from people.models import Member
from spend.selectors.alike import Called, Namesake, namesakes
from spend.selectors.counterparties import CounterpartyView, present_counterparty

MOST_SIMILAR: Final = 5


@dataclass(frozen=True, slots=True)
class Asked:
    """What one rule asks of people: how many have said yes of how many, and who counts, in words."""

    given: int
    of: int
    who: str


@dataclass(frozen=True, slots=True)
class Other:
    """Another authorization, with the id that leads to it."""

    one: Authorization
    public_id: str


@dataclass(frozen=True, slots=True)
class Cards:
    """What a reviewer looks at beside the request itself.

    `other_identifiers` are those of the counterparty that the agent did not send; `namesakes` are others that go by its
    name, or by the one that the agent sent, or look so.
    """

    counterparty: CounterpartyView | None
    namesakes: tuple[Namesake, ...]
    other_identifiers: tuple[str, ...]
    asked: tuple[Asked, ...]
    similar: Sequence[Other]
    duplicate: Other | None
    earlier: Sequence[Other]
    history: Earlier


def cards_of(shown: Detail, *, now: datetime) -> Cards:
    """Return what stands around an authorization that the viewer sees."""
    one = shown.authorization
    payee = present_counterparty(one.organization_id, one.counterparty_id) if one.counterparty_id else None
    called = Called((one.payee["name"], payee.name), payee.id) if payee else Called((one.payee["name"],))
    return Cards(
        counterparty=payee,
        namesakes=namesakes(one.organization_id, called),
        other_identifiers=tuple(other for other in payee.identifiers if other not in one.payee["identifiers"])
        if payee
        else (),
        asked=_asked(shown.needs, one.organization_id),
        similar=[_other(other) for other in _similar(shown, now)],
        duplicate=_duplicate(one),
        earlier=[_other(other) for other in shown.earlier.payments],
        history=shown.earlier,
    )


def _asked(needs: Sequence[Need], organization_id: UUID) -> tuple[Asked, ...]:
    named = [from_public(Prefix.PERSON, person) for need in needs for person in need.requirement.people]
    members = Member.objects.filter(organization_id=organization_id, person_id__in=named).select_related("person")
    names = {to_public(Prefix.PERSON, member.person_id): str(member.person) for member in members} if named else {}
    # Rules that ask the same of the same people are one line.
    return tuple(dict.fromkeys(_asked_by(need, names) for need in needs))


def _asked_by(need: Need, names: dict[str, str]) -> Asked:
    requirement = need.requirement
    people = [names.get(person, "somebody who has left") for person in requirement.people]
    who = " or ".join([*(f"anybody with the role {role}" for role in requirement.roles), *people])
    return Asked(requirement.approvals - need.missing, requirement.approvals, who or "anybody who may review")


def _similar(shown: Detail, now: datetime) -> Sequence[Authorization]:
    """Return what else waits for the same payee, whichever agent asked."""
    one = shown.authorization
    waiting = for_the_same_payee(one, shown.family).filter(
        approval_request__closed_at=None, approval_request__expires_at__gt=now
    )
    found = waiting.exclude(id=one.id).select_related("agent").order_by("approval_request__expires_at")
    return list(found[:MOST_SIMILAR])


def _duplicate(one: Authorization) -> Other | None:
    if one.possible_duplicate_of is None:
        return None
    equal = Authorization.objects.filter(id=one.possible_duplicate_of, organization_id=one.organization_id)
    found = equal.select_related("agent").first()
    return _other(found) if found else None


def _other(one: Authorization) -> Other:
    return Other(one, to_public(Prefix.AUTHORIZATION, one.id))
