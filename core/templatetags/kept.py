"""The filters of a list that the viewer keeps, and the one in force that they could keep."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, cast

from django import template
from django.http import HttpRequest
from django.template.context import Context
from django.urls import resolve

from core.filters import Filter
from core.http import MemberRequest

register = template.Library()

ORDER: Final = "sort"
"""The field that lets everything through: an order alone is no filter."""


@dataclass(frozen=True, slots=True)
class Link:
    """A filter that the viewer keeps."""

    name: str
    url: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of a list: `listed` and `public_id` name it; `query` can be kept too, unless it is empty."""

    listed: str
    public_id: str
    links: Sequence[Link]
    query: str


@register.simple_tag(takes_context=True)
def kept_filters(context: Context, form: Filter | None, list_url: str = "") -> Kept | None:
    """The viewer's filters of the list at `list_url`, or else of this page; None without a viewer or a filter."""
    request = context.get("request")
    member = getattr(request, "member", None) if isinstance(request, HttpRequest) else None
    if not isinstance(form, Filter) or member is None:
        return None
    asked = cast(MemberRequest, request)
    place = resolve(list_url or asked.path)
    known = form.known(asked.GET)
    query = known.urlencode()
    links = [Link(name, f"?{kept}", kept == query) for name, kept in member.filters_of(place.view_name)]
    is_new = form.is_valid() and any(name != ORDER for name in known) and not any(one.is_current for one in links)
    return Kept(place.view_name, next(map(str, place.kwargs.values()), ""), links, query if is_new else "")
