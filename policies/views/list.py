"""The list of policies, and its export."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache, partial
from typing import Any, Final, cast

from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.module_loading import import_string
from django.views.decorators.http import require_safe

from core.canonical import moment_text
from core.clock import now as clock_now
from core.ids import Prefix, to_public
from core.lists import around, asked_page, pages_of
from core.tables import csv_answer
from core.templatetags.statuses import status_of
from people.models import Organization
from people.permissions import MemberRequest, needs
from people.roles import Right
from policies import selectors
from policies.engine.texts import write_yaml
from policies.engine.written import file_to_plain
from policies.forms.listing import CURRENT, PolicyFilterForm
from policies.forms.starters import STARTERS
from policies.models import Policy
from policies.selectors.lists import listed_policies
from policies.services.code import exported_file
from policies.views import shown
from policies.views.pages import rights

COLUMNS: Final = (
    "id", "name", "reference", "mode", "version", "rules", "assigned to", "last published by", "last published",
    "description", "payments, 30 days",
)  # fmt: skip

Uses = Callable[[Organization, Sequence[str], datetime], Mapping[str, int]]
"""Returns by public id how many payments of late each of some policies had a say in."""


@require_safe
@needs(Right.READ)
def policies(request: MemberRequest) -> HttpResponse:
    """Show every policy: what it is about, whom it binds, how it is in force."""
    form = PolicyFilterForm(request.GET)
    page = asked_page(request.GET, form, partial(_found, request, form))
    context = {
        "lines": list(_lines(request.member.organization, page.rows)),
        "is_filtered": bool(form.words()) or form.which() != CURRENT,
        "starters": STARTERS[1:],
        **around(request.GET, form, page, list_url=reverse("policies:list"), export_url=reverse("policies:export")),
    }
    return render(request, "policies/list.html", context | rights(request))


@require_safe
@needs(Right.READ)
def export(request: MemberRequest) -> StreamingHttpResponse:
    """Send the policies of the list as CSV: all that the filter lets through."""
    form = PolicyFilterForm(request.GET)
    form.must_make_sense()
    pages = pages_of(_found(request, form), form.order())
    lines = (_cells(line) for rows in pages for line in _lines(request.member.organization, rows))
    return csv_answer(f"policies-{clock_now():%Y-%m-%d}.csv", COLUMNS, lines)


@require_safe
@needs(Right.READ)
def as_code(request: MemberRequest) -> HttpResponse:
    """Send the policies in force with their assignments as a file that can be planned and applied."""
    text = write_yaml(file_to_plain(exported_file(request.member.organization_id)))
    return HttpResponse(
        text, content_type="application/yaml", headers={"Content-Disposition": 'attachment; filename="policies.yaml"'}
    )


def _found(request: MemberRequest, form: PolicyFilterForm) -> QuerySet[Policy]:
    return listed_policies(request.member.organization_id, words=form.words(), show=form.which())


@cache
def policy_uses() -> Uses:
    """Return how to count what policies were used for: payments belong to an app above this one; settings name it."""
    return cast(Uses, import_string(settings.POLICY_USES))


def _lines(organization: Organization, found: tuple[Policy, ...]) -> Iterator[dict[str, Any]]:
    targets, changed = selectors.targets_of(found), selectors.last_changes(found)
    uses = policy_uses()(organization, [to_public(Prefix.POLICY, one.pk) for one in found], clock_now())
    for policy in found:
        yield {
            "policy": policy,
            "id": to_public(Prefix.POLICY, policy.pk),
            "status": shown.status_of(policy),
            "chips": shown.type_chips(selectors.shown_rules(policy)),
            "targets": shown.target_chips(targets[policy.pk]),
            "whom": targets[policy.pk],
            "changed": changed.get(policy.pk),
            "payments": uses.get(to_public(Prefix.POLICY, policy.pk), 0),
        }


def _cells(line: dict[str, Any]) -> list[str]:
    policy, changed = line["policy"], line["changed"]
    version = policy.enforced or policy.shadow
    return [
        line["id"],
        policy.name,
        policy.external_ref or "",
        status_of(line["status"], "mode").word,
        "" if version is None else str(version.number),
        ", ".join(chip.title for chip in line["chips"]),
        ", ".join(shown.targets_in_words(line["whom"])),
        "" if changed is None else str(changed.who),
        "" if changed is None else moment_text(changed.when),
        policy.description,
        str(line["payments"]),
    ]
