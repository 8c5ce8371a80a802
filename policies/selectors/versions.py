"""Questions about the published versions of one policy."""

from collections.abc import Iterable
from typing import Final
from uuid import UUID

from django.db.models import Q, QuerySet

from core.errors import NotFound
from policies.engine.document import parse
from policies.engine.rules import Rule
from policies.models import Policy, PolicyVersion

LARGEST_LIST: Final = 500
"""Versions of one policy, or targets offered for an assignment."""


def versions_of(policy: Policy) -> tuple[PolicyVersion, ...]:
    """Return the published versions, the newest first, with their documents."""
    return tuple(PolicyVersion.objects.filter(policy=policy).order_by("-number")[:LARGEST_LIST])


def listed_versions(policy: Policy, *, words: str = "") -> QuerySet[PolicyVersion]:
    """Return the versions, without their documents, with these words in their note or in who published them."""
    found = PolicyVersion.objects.filter(policy=policy).defer("document")
    return found.filter(Q(note__icontains=words) | Q(published_by_name__icontains=words)) if words else found


def version_numbers(policy: Policy) -> tuple[int, ...]:
    """Return the numbers of the versions, the newest first."""
    found = PolicyVersion.objects.filter(policy=policy).order_by("-number").values_list("number", flat=True)
    return tuple(found[:LARGEST_LIST])


def version_of(policy: Policy, number: int) -> PolicyVersion:
    """Return one published version; raises `NotFound`."""
    found = PolicyVersion.objects.filter(policy=policy, number=number).first()
    if found is None:
        raise NotFound()
    return found


def rules_of_version(policy: Policy, version_id: str | None) -> tuple[Rule, ...]:
    """Return the rules of a version of the policy; none where there was none."""
    found = PolicyVersion.objects.filter(policy=policy, pk=version_id).first() if version_id else None
    return parse(found.document).rules if found else ()


def latest_versions(policies: Iterable[Policy]) -> dict[UUID, PolicyVersion]:
    """Return the version of each of these policies that was published last, in force or not; one read."""
    found = PolicyVersion.objects.filter(policy__in=policies).order_by("policy_id", "-number").distinct("policy_id")
    return {one.policy_id: one for one in found}


def latest_version(policy: Policy) -> PolicyVersion | None:
    """Return the version that was published last, in force or not."""
    return PolicyVersion.objects.filter(policy=policy).order_by("-number").first()
