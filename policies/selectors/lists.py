"""The list of policies."""

from uuid import UUID

from django.db.models import Q, QuerySet

from policies.models import Policy


def listed_policies(organization_id: UUID, *, words: str = "", show: str = "current") -> QuerySet[Policy]:
    """Return the policies with these words in them, with their versions; `show` is `current`, `retired` or `all`."""
    found = Policy.objects.filter(organization_id=organization_id).select_related("enforced", "shadow", "organization")
    if show != "all":
        found = found.filter(retired_at__isnull=show != "retired")
    if words:
        found = found.filter(Q(name__icontains=words) | Q(description__icontains=words) | Q(external_ref=words))
    return found
