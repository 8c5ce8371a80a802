"""How the pages of insight show rows of other apps, and where they lead."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.urls import reverse
from django.utils.http import urlencode

from approvals.models import Authorization
from approvals.selectors.inbox import why_here
from approvals.selectors.queue import in_a_line
from core.ids import Prefix, to_public
from people.permissions import MemberRequest


@dataclass(frozen=True, slots=True)
class AuthorizationRow:
    """An authorization as the list of authorizations shows it."""

    one: Authorization
    public_id: str
    why: str


def authorization_rows(found: Iterable[Authorization]) -> list[AuthorizationRow]:
    """Return authorizations for `approvals/rows.html`."""
    return [AuthorizationRow(one, to_public(Prefix.AUTHORIZATION, one.pk), in_a_line(why_here(one))) for one in found]


def authorizations_url(**filters: str) -> str:
    """Return the address of the list of authorizations with these filters; empty ones are left out."""
    return (
        f"{reverse('approvals:authorizations')}?{urlencode({name: value for name, value in filters.items() if value})}"
    )


def with_query(request: MemberRequest, **changed: str | Sequence[str]) -> str:
    """Return the page's own query with some fields changed, as a link; empty ones are left out, and the cursor too."""
    kept: dict[str, str | Sequence[str]] = {name: values for name, values in request.GET.lists() if name != "cursor"}
    return f"?{urlencode({name: value for name, value in (kept | changed).items() if any(value)}, doseq=True)}"


def fragment(request: MemberRequest, template: str) -> str:
    """Return the part of a page that another page asks for, or the whole page for a person."""
    return f"{template}#section" if request.htmx else template
