"""One search over everything: the page of it, and what the command palette shows of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from agents.views.stopping import stoppable
from core.templatetags.conto import PLACES, url_of
from insight.selectors.found import LONGEST_SEARCH, SHORTEST_SEARCH, Find, Kind, find
from people.permissions import MemberRequest, needs
from people.roles import Right

FURTHER: Final = (
    ("How the fleet is doing", "activity", "insight:fleet", Right.READ),
    ("Decisions: how asks were answered", "scale", "insight:decisions", Right.READ),
    ("Review times", "hourglass", "insight:review_times", Right.READ),
    ("Payments", "receipt", "insight:payments", Right.READ),
    ("Flagged records", "flag", "insight:flagged", Right.READ),
    ("Changes that wait for a second person", "users", "approvals:changes", Right.READ),
    ("Simulator", "player-play", "approvals:simulator", Right.READ),
    ("Seal of the audit log", "shield-check", "audit:log", Right.READ),
    ("Pegs: which currencies count as which", "arrows-exchange", "spend:pegs", Right.READ),
    ("Members and roles", "users", "people:members", Right.READ),
    ("Organization keys", "key", "people:keys", Right.READ),
    ("Your account", "user-circle", "people:account", Right.READ),
    ("Second factor and passkeys", "shield-lock", "mfa_index", Right.READ),
    ("API reference", "api", "api_docs", Right.READ),
    ("New agent", "plus", "agents:new", Right.MANAGE_AGENTS),
    ("New policy", "plus", "policies:create", Right.MANAGE_POLICIES),
    ("New counterparty", "plus", "spend:new", Right.MANAGE_COUNTERPARTIES),
)
"""Pages beside the places of the navigation, each with the right without which nobody is led there."""
STOP: Final = ("Freeze everything…", "snowflake", "people:settings", Right.FREEZE)
GO_ON: Final = ("Thaw everything…", "player-play", "people:settings", Right.THAW)
"""The switch of the organization: which of the two is offered is how it stands."""
FREEZE: Final = "freeze"

SHOWN: Final = {
    Kind.AUTHORIZATION: ("Authorizations", "receipt", "approvals:authorization"),
    Kind.AGENT: ("Agents", "robot", "agents:detail"),
    Kind.POLICY: ("Policies", "shield-check", "policies:detail"),
    Kind.COUNTERPARTY: ("Counterparties", "building-store", "spend:counterparty"),
}


@dataclass(frozen=True, slots=True)
class Result:
    """One line of what was found."""

    url: str
    icon: str
    name: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """What was found of one kind."""

    title: str
    results: tuple[Result, ...]


@require_safe
@needs(Right.READ)
def find_anything(request: MemberRequest) -> HttpResponse:
    """Show the pages and things whose name has `q` in it, or what has `q` as its id; without it the pages."""
    text = request.GET.get("q", "").strip()[:LONGEST_SEARCH]
    pages = tuple(pages_like(text, request))
    groups = [Group("Pages", pages)] if pages else []
    groups += stopping(text, request)
    groups += groups_of(find(request.member.organization_id, text))
    page = "insight/find.html#results" if request.htmx else "insight/find.html"
    return render(request, page, {"groups": groups, "text": text})


def pages_like(text: str, request: MemberRequest) -> Iterator[Result]:
    """Yield the pages that this member may open and that have a word beginning with each word of `text`."""
    words = text.lower().split()
    places = [(label, icon, name, Right.READ) for label, icon, name, _ in PLACES]
    switch = STOP if request.member.organization.frozen_at is None else GO_ON
    for label, icon, name, right in (*places, *FURTHER, switch):
        url = url_of(name)
        if url and request.member.may(right) and all(f" {word}" in f" {label.lower()}" for word in words):
            yield Result(url, icon, label)


def stopping(text: str, request: MemberRequest) -> list[Group]:
    """Return the ways to stop what somebody names after the word: each leads to the page that asks for the reason."""
    verb, _, named = text.partition(" ")
    if not FREEZE.startswith(verb.lower()) or len(named.strip()) < SHORTEST_SEARCH:
        return []
    agents = [one for one in find(request.member.organization_id, named) if one.kind is Kind.AGENT]
    can_be = stoppable(request, [one.public_id for one in agents])
    lines = tuple(
        Result(reverse("agents:freeze", args=[one.public_id]), "snowflake", f"Freeze {one.name}…", one.detail)
        for one in agents
        if one.public_id in can_be
    )
    return [Group("Stop", lines)] if lines else []


def groups_of(found: list[Find]) -> list[Group]:
    """Return what was found by kind, in the order in which it came."""
    return [
        Group(SHOWN[kind][0], tuple(result_of(one) for one in same))
        for kind, same in groupby(found, key=lambda one: one.kind)
    ]


def result_of(one: Find) -> Result:
    """Return the line of one find."""
    _, icon, name = SHOWN[one.kind]
    return Result(reverse(name, args=[one.public_id]), icon, one.name, one.detail)
