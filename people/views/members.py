"""Members: who they are, what they may do, who is invited."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Final

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from core.canonical import moment_text
from core.clock import now as clock_now
from core.errors import Conflict, ContoError, NotAllowed
from core.ids import Prefix, from_public, to_public
from core.lists import around, asked_page, every
from core.tables import csv_answer
from people import selectors, services
from people.forms import InvitationForm, MemberFilterForm, RolesForm, add_fault
from people.models import Member
from people.permissions import MemberRequest, actor_of, needs, tell_waiting
from people.roles import ROLE_SENTENCES, TABLE, Right, Role
from people.views.tabs import settings_tabs

UNPROCESSABLE: Final = 422
COLUMNS: Final = ("id", "name", "mail address", "roles", "second factor", "member since")


@dataclass(frozen=True, slots=True)
class Line:
    """One member of the list; `form` is there where the viewer may change its roles or remove it."""

    member: Member
    public_id: str
    has_second_factor: bool
    form: RolesForm | None


@dataclass(frozen=True, slots=True)
class RightLine:
    """One right of the table: what it lets do, and for each role whether it has it."""

    sentence: str
    cells: tuple[tuple[str, bool], ...]


@require_safe
@needs(Right.READ)
def members(request: MemberRequest) -> HttpResponse:
    """List members, open invitations and what each role may do."""
    return _page(request, InvitationForm())


@require_safe
@needs(Right.READ)
def export_members(request: MemberRequest) -> StreamingHttpResponse:
    """Send the members of the list as CSV: all that the filter lets through."""
    form = MemberFilterForm(request.GET)
    form.must_make_sense()
    with_second_factor = selectors.persons_with_second_factor(request.member.organization_id)
    lines = (
        (
            to_public(Prefix.MEMBER, member.id),
            member.person.name,
            member.person.email,
            " ".join(member.roles),
            "yes" if member.person_id in with_second_factor else "no",
            moment_text(member.created_at),
        )
        for member in every(_found(request, form), form.order())
    )
    return csv_answer(f"members-{clock_now():%Y-%m-%d}.csv", COLUMNS, lines)


@require_POST
@never_cache
@needs(Right.MANAGE_MEMBERS)
def invite(request: MemberRequest) -> HttpResponse:
    """Make an invitation and show its link, this once."""
    form = InvitationForm(request.POST)
    if not form.is_valid():
        return _page(request, form, status=UNPROCESSABLE)
    try:
        issued = services.invite(
            organization_id=request.member.organization_id,
            email=form.cleaned_data["email"],
            roles=form.cleaned_data["roles"],
            by=request.member,
            actor=actor_of(request),
            now=clock_now(),
        )
    except ContoError as error:
        add_fault(form, error)
        return _page(request, form, status=error.status)
    link = request.build_absolute_uri(reverse("people:invitation", args=[issued.secret]))
    return _page(request, InvitationForm(), link=link, invited=issued.invitation.email)


@require_POST
@needs(Right.MANAGE_MEMBERS)
def withdraw_invitation(request: MemberRequest, public_id: str) -> HttpResponse:
    """Make an invitation's link worthless."""
    services.withdraw_invitation(
        organization_id=request.member.organization_id,
        invitation_id=from_public(Prefix.INVITATION, public_id),
        actor=actor_of(request),
        now=clock_now(),
    )
    messages.success(request, "The invitation is withdrawn: its link no longer works.")
    return redirect("people:members")


@require_POST
@needs(Right.MANAGE_MEMBERS)
def change_roles(request: MemberRequest, public_id: str) -> HttpResponse:
    """Give a member other roles."""
    try:
        changed = services.change_roles(
            organization_id=request.member.organization_id,
            member_id=from_public(Prefix.MEMBER, public_id),
            roles=request.POST.getlist("roles"),
            by=request.member,
            actor=actor_of(request),
            now=clock_now(),
        )
    except (Conflict, NotAllowed) as error:
        messages.error(request, error.detail)
    else:
        if isinstance(changed, services.Awaiting):
            tell_waiting(request)
        else:
            messages.success(request, f"{changed.person} is now {', '.join(changed.roles)}.")
    return redirect("people:members")


@require_POST
@needs(Right.MANAGE_MEMBERS)
def remove_member(request: MemberRequest, public_id: str) -> HttpResponse:
    """End a membership."""
    try:
        services.remove_member(
            organization_id=request.member.organization_id,
            member_id=from_public(Prefix.MEMBER, public_id),
            by=request.member,
            actor=actor_of(request),
            now=clock_now(),
        )
    except (Conflict, NotAllowed) as error:
        messages.error(request, error.detail)
    else:
        messages.success(request, "The member is removed and sees nothing of the organization any more.")
    return redirect("people:members")


def _page(
    request: MemberRequest, form: InvitationForm, *, link: str = "", invited: str = "", status: int = 200
) -> HttpResponse:
    invitations = selectors.open_invitations(request.member.organization_id, now=clock_now())
    shown = MemberFilterForm(request.GET)
    page = asked_page(request.GET, shown, partial(_found, request, shown))
    context = {
        "lines": _lines(request.member, page.rows),
        "invitations": [(one, to_public(Prefix.INVITATION, one.id)) for one in invitations],
        "roles": [(role.value.capitalize(), ROLE_SENTENCES[role]) for role in Role],
        "rights": [RightLine(row.sentence, tuple((role.value, role in row.roles) for role in Role)) for row in TABLE],
        "form": form,
        "link": link,
        "invited": invited,
        "may_change": request.member.may(Right.MANAGE_MEMBERS),
        "tabs": settings_tabs(request, "people:members"),
        **around(
            request.GET, shown, page, list_url=reverse("people:members"), export_url=reverse("people:export_members")
        ),
    }
    return render(request, "people/members.html", context, status=status)


def _found(request: MemberRequest, form: MemberFilterForm) -> QuerySet[Member]:
    return selectors.listed_members(
        request.member.organization_id, words=form.words(), role=form.chosen("role"), factor=form.chosen("factor")
    )


def _lines(viewer: Member, members: Iterable[Member]) -> list[Line]:
    with_second_factor = selectors.persons_with_second_factor(viewer.organization_id)
    return [
        Line(
            member=member,
            public_id=to_public(Prefix.MEMBER, member.id),
            has_second_factor=member.person_id in with_second_factor,
            form=RolesForm.of(member) if viewer.may(right_over(member)) else None,
        )
        for member in members
    ]


def right_over(member: Member) -> Right:
    """Return the right that changing this member takes."""
    return Right.MANAGE_OWNERS if Role.OWNER in member.roles else Right.MANAGE_MEMBERS
