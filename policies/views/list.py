"""The list of policies, and its export."""

from collections.abc import Iterator
from typing import Any, Final

from django.http import HttpResponse, QueryDict, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from core.canonical import moment_text
from core.chips import without
from core.clock import now as clock_now
from core.errors import Invalid
from core.ids import Prefix, to_public
from core.paging import text_in
from core.tables import csv_answer
from core.templatetags.statuses import status_of
from people.permissions import MemberRequest, needs
from people.roles import Right
from policies import selectors
from policies.engine.texts import write_yaml
from policies.engine.written import file_to_plain
from policies.forms.starters import STARTERS
from policies.models import Policy
from policies.selectors.lists import PolicyPage, listed_policies, pages_of_policies
from policies.services.code import exported_file
from policies.views import shown
from policies.views.pages import rights

SHOWS: Final = {"current": "Current", "retired": "Retired", "all": "All"}
COLUMNS: Final = (
    "id", "name", "reference", "mode", "version", "rules", "assigned to", "last published by", "last published",
    "description",
)  # fmt: skip


@require_safe
@needs(Right.READ)
def policies(request: MemberRequest) -> HttpResponse:
    """Show every policy: what it is about, whom it binds, how it is in force."""
    page, words, show = PolicyPage(), _words(request.GET), request.GET.get("show") or "current"
    # What cannot be understood shows nothing: everything would pass for what was asked for.
    if show in SHOWS:
        cursor = text_in(request.GET, "cursor")
        page = listed_policies(request.member.organization_id, words=words, show=show, cursor=cursor)
    context = {
        "lines": list(_lines(page.rows)),
        "next_cursor": page.next_cursor,
        "previous_cursor": page.previous_cursor,
        "q": words,
        "show": show,
        "is_understood": show in SHOWS,
        "shows": SHOWS.items(),
        "starters": STARTERS[1:],
        "export_url": f"{reverse('policies:export')}?{without(request.GET)}",
    }
    return render(request, "policies/list.html", context | rights(request))


@require_safe
@needs(Right.READ)
def export(request: MemberRequest) -> StreamingHttpResponse:
    """Send the policies of the list as CSV: all that the filter lets through."""
    show = request.GET.get("show") or "current"
    if show not in SHOWS:
        raise Invalid("filter_invalid", f"Show one of {', '.join(SHOWS)}.", field="show")
    pages = pages_of_policies(request.member.organization_id, words=_words(request.GET), show=show)
    lines = (_cells(line) for rows in pages for line in _lines(rows))
    return csv_answer(f"policies-{clock_now():%Y-%m-%d}.csv", COLUMNS, lines)


@require_safe
@needs(Right.READ)
def as_code(request: MemberRequest) -> HttpResponse:
    """Send the policies in force with their assignments as a file that can be planned and applied."""
    text = write_yaml(file_to_plain(exported_file(request.member.organization_id)))
    return HttpResponse(
        text, content_type="application/yaml", headers={"Content-Disposition": 'attachment; filename="policies.yaml"'}
    )


def _words(query: QueryDict) -> str:
    return "".join(filter(str.isprintable, query.get("q", ""))).strip()


def _lines(found: tuple[Policy, ...]) -> Iterator[dict[str, Any]]:
    targets, changed = selectors.targets_of(found), selectors.last_changes(found)
    for policy in found:
        yield {
            "policy": policy,
            "id": to_public(Prefix.POLICY, policy.pk),
            "status": shown.status_of(policy),
            "chips": shown.type_chips(selectors.shown_rules(policy)),
            "targets": shown.target_chips(targets[policy.pk]),
            "whom": targets[policy.pk],
            "changed": changed.get(policy.pk),
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
    ]
