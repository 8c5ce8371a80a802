"""The published versions of a policy: their list, each one, two side by side, and the way back to a draft."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from typing import Any, Final

from django.contrib import messages
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from core.canonical import moment_text
from core.clock import now as clock_now
from core.errors import NotFound
from core.lists import around, asked_page, every
from core.tables import csv_answer
from core.templatetags.statuses import status_of
from people.permissions import MemberRequest, actor_of, needs
from people.roles import Right
from policies import selectors, services
from policies.engine.changes import Loosening, RuleChange, loosenings, rule_changes
from policies.engine.rules import Rule, RuleType
from policies.forms import RULE_FORMS
from policies.forms.listing import VersionFilterForm
from policies.models import Policy, PolicyVersion
from policies.selectors.versions import latest_version, listed_versions, version_numbers, version_of
from policies.services.calendars import rule_without_dates
from policies.views import shown
from policies.views.pages import named, rights

COLUMNS: Final = ("version", "mode", "published by id", "published by", "published", "note", "digest")
DRAFT: Final = "draft"
"""Stands in the address of a comparison for what is not published yet."""
LINES_AROUND: Final = 3
"""Equal lines that stay beside different ones; longer runs are counted instead."""
MOST_LINES: Final = 10_000
"""Longer documents are compared in words only: line by line they would take a second and show what nobody reads."""
LONGEST_NUMBER: Final = 9
RESOLVED: Final = frozenset({"dates", "until"})
"""What publishing adds to the public holidays of a rule."""


@require_safe
@needs(Right.READ)
def versions(request: MemberRequest, policy_id: str) -> HttpResponse:
    """List every version, the newest first; two of them can be compared."""
    policy = selectors.policy_of(request.member.organization_id, policy_id)
    form = VersionFilterForm(request.GET)
    page = asked_page(request.GET, form, lambda: listed_versions(policy, words=form.words()))
    list_url, export_url = (reverse(f"policies:{one}", args=[policy_id]) for one in ("versions", "export_versions"))
    context = {
        "versions": page.rows,
        **around(request.GET, form, page, list_url=list_url, export_url=export_url),
        **named(policy),
        **rights(request),
    }
    return render(request, "policies/all_versions.html", context)


@require_safe
@needs(Right.READ)
def export_versions(request: MemberRequest, policy_id: str) -> StreamingHttpResponse:
    """Send the versions of the list as CSV, without their documents: all that the filter lets through."""
    policy = selectors.policy_of(request.member.organization_id, policy_id)
    form = VersionFilterForm(request.GET)
    form.must_make_sense()
    lines = (
        (
            str(one.number),
            status_of(mode_of(policy, one), "mode").word,
            one.published_by_id,
            one.published_by_name,
            moment_text(one.published_at),
            one.note,
            one.digest,
        )
        for one in every(listed_versions(policy, words=form.words()), form.order())
    )
    return csv_answer(f"versions-{policy_id}-{clock_now():%Y-%m-%d}.csv", COLUMNS, lines)


@require_safe
@needs(Right.READ)
def version(request: MemberRequest, policy_id: str, number: int) -> HttpResponse:
    """Show one published version: what it says, and what it changed."""
    policy = selectors.policy_of(request.member.organization_id, policy_id)
    one = version_of(policy, number)
    before = version_of(policy, number - 1) if number > 1 else None
    rules = selectors.rules_of(one.document)
    old = selectors.rules_of(before.document) if before else ()
    names = shown.names_in(request, rules, old)
    context = {
        "version": one,
        "text": shown.document_text(one),
        "rules": shown.rule_lines(rules, names),
        "differences": differences(old, rules, names) if before else [],
        "before": before,
        "mode": mode_of(policy, one),
        **named(policy),
        **rights(request),
    }
    return render(request, "policies/version.html", context)


@require_safe
@needs(Right.READ)
def compare(request: MemberRequest, policy_id: str) -> HttpResponse:
    """Show two versions side by side: what differs in words, and line by line in their documents."""
    policy = selectors.policy_of(request.member.organization_id, policy_id)
    latest = latest_version(policy)
    newest = str(latest.number) if latest else DRAFT
    asked = request.GET.get("to") or newest
    since = request.GET.get("from") or str(max(1, latest.number - 1) if latest else DRAFT)
    # A draft has no dates of holidays yet: beside it they would pass for a change.
    is_dated = DRAFT not in (asked, since)
    left, right = side_of(policy, since, is_dated=is_dated), side_of(policy, asked, is_dated=is_dated)
    names = shown.names_in(request, left.rules, right.rules)
    is_long = len(left.lines) + len(right.lines) > MOST_LINES
    context = {
        "left": left,
        "right": right,
        "differences": differences(left.rules, right.rules, names),
        "loosenings": [named_loosening(one, names) for one in loosenings(left.rules, right.rules)],
        "is_long": is_long,
        "lines": [] if is_long else list(side_by_side(left.lines, right.lines)),
        "sides": [*version_numbers(policy)],
        **named(policy),
        **rights(request),
    }
    return render(request, "policies/compare.html", context)


@require_POST
@needs(Right.MANAGE_POLICIES)
def restore(request: MemberRequest, policy_id: str, number: int) -> HttpResponse:
    """Make a published version the draft."""
    policy = selectors.policy_of(request.member.organization_id, policy_id)
    services.restore_version(
        organization_id=policy.organization_id,
        policy_id=policy.pk,
        number=number,
        actor=actor_of(request),
        now=clock_now(),
    )
    messages.success(request, f"The draft is version {number} again. Publish it to put it in force.")
    return redirect("policies:draft", policy_id)


# --- Two sides --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Side:
    """One of two documents: a published version, or the draft (then `version` is None)."""

    value: str
    title: str
    version: PolicyVersion | None
    rules: tuple[Rule, ...]
    lines: tuple[str, ...]


def side_of(policy: Policy, asked: str, *, is_dated: bool = True) -> Side:
    """Return the version of this number, or the draft; its lines without dates of holidays where not `is_dated`.

    Raises `NotFound`.
    """
    number = number_in(asked)
    if number is not None:
        one = version_of(policy, number)
        lines = lines_of(one.document if is_dated else undated(one.document))
        return Side(asked, f"Version {number}", one, selectors.rules_of(one.document), lines)
    if asked != DRAFT or policy.draft is None:
        raise NotFound()
    return Side(DRAFT, "Draft", None, selectors.rules_of(policy.draft), lines_of(undated(policy.draft)))


def lines_of(document: Mapping[str, Any]) -> tuple[str, ...]:
    """Return a document line by line, as people read JSON."""
    return tuple(json.dumps(document, indent=2, ensure_ascii=False).splitlines())


def undated(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a document without the dates that publishing has resolved its public holidays to."""
    rules = [dict(rule) for rule in document["rules"]]
    for rule in rules:
        if "holidays" in rule:
            rule["holidays"] = {name: rule["holidays"][name] for name in rule["holidays"] if name not in RESOLVED}
    return {**document, "rules": rules}


def number_in(text: str) -> int | None:
    """Return the number of a version that an address names."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= LONGEST_NUMBER else None


def mode_of(policy: Policy, one: PolicyVersion) -> str:
    """Return how a version is in force now."""
    modes = {policy.shadow_id: "shadow", policy.enforced_id: "enforced"}
    return modes.get(one.pk, "superseded")


# --- What differs -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Difference:
    """One rule that was added, removed or changed, as a page shows it."""

    title: str
    change: RuleChange
    is_looser: bool = False
    """Whether that there is this change, rather than one of its parameters, may let more money pass."""
    loosens: tuple[str, ...] = ()
    """Sentences on how, beside what the change says itself."""


def differences(old: Sequence[Rule], new: Sequence[Rule], names: Mapping[str, str]) -> list[Difference]:
    """Return what differs in words, with the names of counterparties; resolved holidays are no change of a rule."""
    return in_differences(changes_in_words(old, new), names)


def changes_in_words(old: Sequence[Rule], new: Sequence[Rule]) -> tuple[RuleChange, ...]:
    """Return how rules differ; resolved holidays are no change of a rule."""
    return tuple(rule_changes([rule_without_dates(one) for one in old], [rule_without_dates(one) for one in new]))


def in_differences(found: Iterable[RuleChange], names: Mapping[str, str]) -> list[Difference]:
    """Return changes of rules as a page shows them."""
    return [Difference(RULE_FORMS[RuleType(one.type)].title, with_names(one, names)) for one in found]


def with_names(change: RuleChange, names: Mapping[str, str]) -> RuleChange:
    """Return a change with names in place of ids in its sentences."""
    kind = RuleType(change.type)
    parameters = [replace(one, sentence=shown.in_words(one.sentence, kind, names)) for one in change.parameters]
    before, after = (shown.in_words(text, kind, names) for text in (change.before, change.after))
    return replace(change, before=before, after=after, parameters=tuple(parameters))


def named_loosening(one: Loosening, names: Mapping[str, str]) -> Loosening:
    """Return a loosening with names in place of ids and codes of places."""
    return replace(one, detail=shown.told(one.detail, names))


@dataclass(frozen=True, slots=True)
class Line:
    """One line of two documents side by side; `equal` counts lines that are left out, both sides the same."""

    kind: str
    left: str = ""
    right: str = ""
    left_number: int | None = None
    right_number: int | None = None
    equal: int = 0


def side_by_side(left: Sequence[str], right: Sequence[str]) -> Iterator[Line]:
    """Yield the lines of both documents; different ones stand opposite each other."""
    matcher = SequenceMatcher(None, left, right)
    groups = list(matcher.get_grouped_opcodes(LINES_AROUND))
    told = 0
    for group in groups:
        if skipped := group[0][1] - told:
            yield Line("skipped", equal=skipped)
        for tag, start, end, first, last in group:
            yield from opposite(tag, left[start:end], right[first:last], start, first)
        told = group[-1][2]
    if groups and (skipped := len(left) - told):
        yield Line("skipped", equal=skipped)


def opposite(tag: str, left: Sequence[str], right: Sequence[str], start: int, first: int) -> Iterator[Line]:
    """Yield the lines of one piece; where one side is shorter its place stays empty."""
    for place in range(max(len(left), len(right))):
        has_left, has_right = place < len(left), place < len(right)
        yield Line(
            "equal" if tag == "equal" else "changed",
            left[place] if has_left else "",
            right[place] if has_right else "",
            start + place + 1 if has_left else None,
            first + place + 1 if has_right else None,
        )
