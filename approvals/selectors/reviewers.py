"""Whose answers to an open question count, and which a person may still take back."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from typing import Final
from uuid import UUID

from django.db.models import QuerySet

from approvals.lifecycle import ReviewEnd
from approvals.models import ApprovalRequest, Authorization, Review
from approvals.routing import Reviewer
from core.ids import Prefix, to_public
from people.models import Member
from people.roles import Right, rights_of

ON_ITS_WAY: Final = ""
"""How a review that is not closed is closed."""


@dataclass(frozen=True, slots=True)
class OnItsWay:
    """An answer that has not taken effect: its person may take it back for so many more seconds."""

    public_id: str
    verdict: str
    authorization: Authorization
    authorization_id: str
    effective_at: datetime
    seconds_left: int


def yeses_of(request: ApprovalRequest) -> Sequence[Reviewer]:
    """Return whose yes has taken effect.

    A member who was removed, has lost the right or has come to own the agent since then no longer counts.
    """
    return _yeses(request, (ReviewEnd.COUNTED,))


def yeses_given(request: ApprovalRequest) -> Sequence[Reviewer]:
    """Return whose yes has taken effect or will in a moment."""
    return _yeses(request, (ReviewEnd.COUNTED, ON_ITS_WAY))


def yeses_among(
    organization_id: UUID, reviews: Mapping[UUID, Sequence[Review]], owners: Mapping[UUID, UUID | None]
) -> Mapping[UUID, Sequence[Reviewer]]:
    """Return what `yeses_given` does for several requests of one organization, by the key of their reviews.

    `owners` are the owners of the agents that asked, by the same key.
    """
    saying = {key: {one.person_id for one in given if _is_yes(one)} for key, given in reviews.items()}
    people = set().union(*saying.values())
    members = list(_members(organization_id, people)) if people else []
    return {
        key: [_reviewer(one) for one in members if one.person_id in saying[key] and _counts(one, owners[key])]
        for key in reviews
    }


def _is_yes(review: Review) -> bool:
    return review.verdict == "approve" and review.closed_as in (ReviewEnd.COUNTED, ON_ITS_WAY)


def _yeses(request: ApprovalRequest, ends: Sequence[str]) -> Sequence[Reviewer]:
    people = request.reviews.filter(verdict="approve", closed_as__in=ends).values_list("person_id", flat=True)
    members = _members(request.organization_id, people)
    owner_id = request.authorization.agent.owner_id
    return [_reviewer(member) for member in members if _counts(member, owner_id)]


def _members(organization_id: UUID, people: Iterable[UUID]) -> QuerySet[Member]:
    return Member.objects.filter(organization_id=organization_id, person_id__in=people, removed_at__isnull=True)


def _counts(member: Member, owner_id: UUID | None) -> bool:
    return member.person_id != owner_id and Right.REVIEW in rights_of(member.roles)


def _reviewer(member: Member) -> Reviewer:
    return Reviewer(to_public(Prefix.PERSON, member.person_id), frozenset(member.roles))


def on_their_way(member: Member, *, now: datetime) -> list[OnItsWay]:
    """Return this member's answers that can still be taken back, the newest first."""
    found = Review.objects.filter(
        organization_id=member.organization_id, person_id=member.person_id, closed_at__isnull=True, effective_at__gt=now
    )
    return [
        OnItsWay(
            public_id=to_public(Prefix.REVIEW, one.id),
            verdict=one.verdict,
            authorization=one.request.authorization,
            authorization_id=to_public(Prefix.AUTHORIZATION, one.request.authorization_id),
            effective_at=one.effective_at,
            seconds_left=ceil((one.effective_at - now).total_seconds()),
        )
        for one in found.select_related("request__authorization__agent").order_by("-effective_at", "-id")
    ]
