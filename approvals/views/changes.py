"""A change that waits for a second person: all that it would do, yes and no."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Final

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST, require_safe

from approvals.forms import ChangeReasonForm
from approvals.selectors.changes import Stands, change_shown, change_written, public_id_of, standing_of
from approvals.services import changes as services
from core.clock import now as clock_now
from core.errors import Conflict, Invalid, NotAllowed
from core.ids import Prefix, from_public
from people.models import ChangeEnd, ChangeKind, PendingChange
from people.permissions import MemberRequest, actor_of, needs
from people.roles import Right
from people.selectors import agreements_to
from policies.views.loosened import marked
from policies.views.shown import names_for, told

TOLD: Final = {
    None: "You agreed. One more person must: nothing of the change is made before.",
    ChangeEnd.APPROVED: "The change is made. It counts from now on.",
    ChangeEnd.VOIDED: "The change was voided, and nothing of it is made. Below it says why.",
    ChangeEnd.EXPIRED: "The time of this change ran out. Nothing has changed.",
}
WAITING: Final = frozenset({Stands.FOR_YOU, Stands.FOR_OTHERS, Stands.WAITING})
SUBJECTS: Final = {
    ChangeKind.POLICY: ("policies:detail", True),
    ChangeKind.POLICIES: ("policies:list", False),
    ChangeKind.COUNTERPARTY: ("spend:counterparty", True),
    ChangeKind.PEGS: ("spend:pegs", False),
    ChangeKind.AGENT: ("agents:detail", True),
    ChangeKind.MEMBER: ("people:members", False),
    ChangeKind.SETTINGS: ("people:settings", False),
}
"""The page of what a change is about, and whether its address names it."""


@dataclass(frozen=True, slots=True)
class ChangeLine:
    """A change in a list: how it stands for the viewer, what it loosens first, and how many more things."""

    public_id: str
    change: PendingChange
    stands: Stands
    why: str
    further: int
    agreed: tuple[str, ...]


@require_GET
@needs(Right.READ)
def change(request: MemberRequest, public_id: str) -> HttpResponse:
    """Show one change: what it may let pass, what it would do, who proposed it."""
    return _page(request, public_id, ChangeReasonForm())


@require_safe
@needs(Right.READ)
def change_text(request: MemberRequest, public_id: str) -> HttpResponse:
    """Send the whole file or document of a change, however long: what is agreed to can be read."""
    text = change_written(request.member.organization_id, public_id)
    disposition = f'attachment; filename="{public_id}.yaml"'
    return HttpResponse(text, content_type="text/plain; charset=utf-8", headers={"Content-Disposition": disposition})


@require_POST
@needs(Right.MANAGE_POLICIES)
def approve_change(request: MemberRequest, public_id: str) -> HttpResponse:
    """Agree to the change as it was shown, and make it."""
    try:
        end = services.approve_change(
            organization_id=request.member.organization_id,
            change_id=from_public(Prefix.CHANGE, public_id),
            digest=request.POST.get("digest", ""),
            person_id=request.member.person_id,
            actor=actor_of(request),
            now=clock_now(),
        )
    except (Conflict, Invalid, NotAllowed) as error:
        messages.error(request, error.detail)
        return _page(request, public_id, ChangeReasonForm(), status=error.status)
    tell = messages.success if end in (None, ChangeEnd.APPROVED) else messages.warning
    tell(request, TOLD[end])
    return redirect("approvals:change", public_id)


@require_POST
@needs(Right.MANAGE_POLICIES)
def reject_change(request: MemberRequest, public_id: str) -> HttpResponse:
    """Let the change not be made, and say why."""
    form = ChangeReasonForm(request.POST)
    if not form.is_valid():
        return _page(request, public_id, form, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    try:
        services.reject_change(
            organization_id=request.member.organization_id,
            change_id=from_public(Prefix.CHANGE, public_id),
            reason=form.cleaned_data["reason"],
            person_id=request.member.person_id,
            actor=actor_of(request),
            now=clock_now(),
        )
    except (Conflict, NotAllowed) as error:
        messages.error(request, error.detail)
        return _page(request, public_id, form, status=error.status)
    messages.success(request, "The change is not made.")
    return redirect("approvals:changes")


def lines_of(request: MemberRequest, changes: Iterable[PendingChange], *, now: datetime) -> list[ChangeLine]:
    """Return changes as lists show them, with names in place of ids."""
    several = list(changes)
    names = names_for(request, (sentence for one in several for sentence in one.loosens[:1]))
    return [
        ChangeLine(
            public_id=public_id_of(one),
            change=one,
            stands=standing_of(one, request.member, now=now),
            why=told(one.loosens[0], names) if one.loosens else "",
            further=max(0, len(one.loosens) - 1),
            agreed=tuple(given.name for given in agreements_to(one)),
        )
        for one in several
    ]


def _page(request: MemberRequest, public_id: str, form: ChangeReasonForm, *, status: int = 200) -> HttpResponse:
    now = clock_now()
    shown = change_shown(request.member, public_id, now=now)
    change, rules = shown.change, shown.compared.rules
    stands = standing_of(change, request.member, now=now)
    parts = (part.sentence for rule in rules for part in rule.parameters)
    steps = shown.compared.file.steps if shown.compared.file else ()
    of_steps = (sentence for one in steps for sentence, _ in one.told)
    names = names_for(
        request, (*change.loosens, *(text for rule in rules for text in (rule.before, rule.after)), *parts, *of_steps)
    )
    # They were stored when the change was proposed: what no rule on the page says stands for itself.
    loosens = marked(rules, change.loosens, names)
    page, is_named = SUBJECTS[ChangeKind(change.kind)]
    context = {
        "shown": shown,
        "form": form,
        "stands": stands,
        "is_over": stands is Stands.EXPIRED and not change.closed_at,
        "is_waiting": stands in WAITING,
        "loosens": loosens.others,
        "steps": [one.renamed(lambda text: told(text, names)) for one in steps],
        "differences": loosens.differences,
        "is_marked": loosens.is_marked,
        "subject_url": reverse(page, args=[change.subject_id] if is_named else []),
    }
    return render(request, "approvals/change.html", context, status=status)
