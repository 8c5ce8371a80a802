"""Members: who they are, what they may do, who is invited."""

from dataclasses import dataclass
from typing import Final

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from core.clock import now as clock_now
from core.errors import Conflict, ContoError, NotAllowed
from core.ids import Prefix, from_public, to_public
from people import selectors, services
from people.forms import InvitationForm, RolesForm, add_fault
from people.models import Member
from people.permissions import MemberRequest, actor_of, needs
from people.roles import ROLE_SENTENCES, TABLE, Right, Role
from people.views.tabs import settings_tabs

UNPROCESSABLE: Final = 422


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
        member = services.change_roles(
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
        messages.success(request, f"{member.person} is now {', '.join(member.roles)}.")
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
    organization_id = request.member.organization_id
    invitations = selectors.open_invitations(organization_id, now=clock_now())
    context = {
        "lines": _lines(request.member),
        "invitations": [(one, to_public(Prefix.INVITATION, one.id)) for one in invitations],
        "roles": [(role.value.capitalize(), ROLE_SENTENCES[role]) for role in Role],
        "rights": [RightLine(row.sentence, tuple((role.value, role in row.roles) for role in Role)) for row in TABLE],
        "form": form,
        "link": link,
        "invited": invited,
        "may_change": request.member.may(Right.MANAGE_MEMBERS),
        "tabs": settings_tabs(request, "people:members"),
    }
    return render(request, "people/members.html", context, status=status)


def _lines(viewer: Member) -> list[Line]:
    with_second_factor = selectors.persons_with_second_factor(viewer.organization_id)
    return [
        Line(
            member=member,
            public_id=to_public(Prefix.MEMBER, member.id),
            has_second_factor=member.person_id in with_second_factor,
            form=RolesForm.of(member) if viewer.may(right_over(member)) else None,
        )
        for member in selectors.members_of(viewer.organization_id)
    ]


def right_over(member: Member) -> Right:
    """Return the right that changing this member takes."""
    return Right.MANAGE_OWNERS if Role.OWNER in member.roles else Right.MANAGE_MEMBERS
