"""The page of one policy, and what is done there."""

from typing import Any, Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from core.canonical import digest
from core.clock import now as clock_now
from core.errors import ContoError
from core.ids import Prefix, to_public
from core.lists import page_of
from people.permissions import MemberRequest, actor_of, needs, tell_waiting
from people.roles import Right
from people.selectors import open_change_of
from people.services import Awaiting
from policies import selectors, services
from policies.engine.wording import listed
from policies.forms import AssignmentForm, NewPolicyForm, PolicyForm
from policies.forms.listing import LATEST
from policies.forms.starters import STARTERS, starter
from policies.models import Policy, PolicyVersion
from policies.selectors.versions import listed_versions
from policies.services.drafts import draft_rules
from policies.services.publishing import shadow_digest
from policies.views import shown

UNPROCESSABLE: Final = 422
VERSIONS_ON_POLICY: Final = 8
"""The page of a policy shows the last ones; all of them have a page of their own."""


@require_http_methods(["GET", "POST"])
@needs(Right.MANAGE_POLICIES)
def create(request: MemberRequest) -> HttpResponse:
    """Create a policy with a draft to begin with."""
    organization = request.member.organization
    choices: dict[str, Any] = {
        "labels": selectors.labels_in_use(organization.pk),
        "agents": selectors.agents_to_assign(organization.pk),
    }
    if request.method == "GET":
        form = NewPolicyForm(**choices)
        asked = request.GET.get("starter", "")
        form.initial["starter"] = asked if asked in {one.key for one in STARTERS} else STARTERS[0].key
        return render(request, "policies/create.html", {"form": form})
    form = NewPolicyForm(request.POST, **choices)
    if form.is_valid():
        try:
            policy_id = services.create_policy(
                organization_id=organization.pk,
                name=form.cleaned_data["name"],
                description=form.cleaned_data["description"],
                draft=starter(form.cleaned_data["starter"]).document(organization.currency),
                targets=form.targets(),
                actor=actor_of(request),
                now=clock_now(),
            )
            return redirect("policies:draft", to_public(Prefix.POLICY, policy_id))
        except ContoError as error:
            form.add_fault(error)
    return render(request, "policies/create.html", {"form": form}, status=UNPROCESSABLE)


@require_safe
@needs(Right.READ)
def detail(request: MemberRequest, policy_id: str) -> HttpResponse:
    """Show what a policy says, whom it binds, and how it came to be."""
    policy = selectors.policy_of(request.member.organization_id, policy_id)
    return render(request, "policies/detail.html", detail_context(request, policy))


@require_http_methods(["GET", "POST"])
@needs(Right.MANAGE_POLICIES)
def describe(request: MemberRequest, policy_id: str) -> HttpResponse:
    """Give a policy another name and description."""
    policy = selectors.policy_of(request.member.organization_id, policy_id)
    form = PolicyForm(request.POST or None, initial={"name": policy.name, "description": policy.description})
    if request.method == "POST" and form.is_valid():
        try:
            services.describe_policy(
                organization_id=policy.organization_id,
                policy_id=policy.pk,
                name=form.cleaned_data["name"],
                description=form.cleaned_data["description"],
                actor=actor_of(request),
                now=clock_now(),
            )
            return redirect("policies:detail", policy_id)
        except ContoError as error:
            form.add_fault(error)
    status = UNPROCESSABLE if form.is_bound else 200
    return render(request, "policies/describe.html", {"form": form, **named(policy)}, status=status)


@require_http_methods(["GET", "POST"])
@needs(Right.MANAGE_POLICIES)
def assignments(request: MemberRequest, policy_id: str) -> HttpResponse:
    """Choose to whom a policy applies."""
    policy = selectors.policy_of(request.member.organization_id, policy_id)
    form = AssignmentForm(
        request.POST if request.method == "POST" else None,
        labels=selectors.labels_in_use(policy.organization_id),
        agents=selectors.agents_to_assign(policy.organization_id),
        targets=selectors.targets_of((policy,))[policy.pk],
    )
    is_typed = form.is_bound and form.is_valid()
    left = _left_alone(policy, form) if is_typed else {}
    if is_typed and (not left or request.POST.get("left") == left["seen"]):
        try:
            changed = services.set_assignments(
                organization_id=policy.organization_id,
                policy_id=policy.pk,
                targets=form.targets(),
                actor=actor_of(request),
                now=clock_now(),
            )
            if isinstance(changed, Awaiting):
                tell_waiting(request)
            else:
                messages.success(request, "The assignments are stored. They count from now on.")
                warn_of_agents_left(request)
            return redirect("policies:detail", policy_id)
        except ContoError as error:
            form.add_fault(error)
    status = UNPROCESSABLE if form.is_bound else 200
    return render(request, "policies/assignments.html", {"form": form, "left": left, **named(policy)}, status=status)


def _left_alone(policy: Policy, form: AssignmentForm) -> dict[str, Any]:
    """Return what is said before agents are left without any policy, and what binds a yes to just these."""
    found = services.findings_of_targets(policy, services.as_targets(form.targets()))
    return {"findings": found, "seen": digest([one.detail for one in found])[:16]} if found else {}


@require_POST
@needs(Right.MANAGE_POLICIES)
def retire(request: MemberRequest, policy_id: str) -> HttpResponse:
    """Take a policy out of force."""
    policy = selectors.policy_of(request.member.organization_id, policy_id)
    awaiting = services.retire(
        organization_id=policy.organization_id, policy_id=policy.pk, actor=actor_of(request), now=clock_now()
    )
    if awaiting is not None:
        tell_waiting(request)
        return redirect("policies:detail", policy_id)
    messages.success(request, f"{policy.name} is retired.")
    warn_of_agents_left(request)
    return redirect("policies:detail", policy_id)


@require_POST
@needs(Right.MANAGE_POLICIES)
def end_shadow(request: MemberRequest, policy_id: str) -> HttpResponse:
    """Stop showing what the shadow version would say."""
    policy = selectors.policy_of(request.member.organization_id, policy_id)
    services.end_shadow(
        organization_id=policy.organization_id, policy_id=policy.pk, actor=actor_of(request), now=clock_now()
    )
    messages.success(request, "The shadow version is no longer shown.")
    return redirect("policies:detail", policy_id)


# --- What pages share -------------------------------------------------------------------------------------------------


def detail_context(request: MemberRequest, policy: Policy) -> dict[str, Any]:
    """Return what the page of a policy shows."""
    in_force = [selectors.rules_of(one.document) for one in (policy.enforced, policy.shadow) if one is not None]
    people = shown.names_in(request, *in_force)
    may_retire = policy.enforced is not None and rights(request)["may_edit"]
    return {
        "left": services.findings_of_targets(policy, selectors.Targets()) if may_retire else (),
        "status": shown.status_of(policy),
        "enforced": version_context(policy.enforced, people),
        "shadow": version_context(policy.shadow, people),
        "shadow_shown": shadow_digest(policy),
        "change": open_change_of(policy.organization_id, to_public(Prefix.POLICY, policy.pk), now=clock_now()),
        "changeable": [rule["key"] for rule in draft_rules(policy)],
        "targets": shown.target_chips(selectors.targets_of((policy,))[policy.pk]),
        "versions": (page := page_of(listed_versions(policy), LATEST, limit=VERSIONS_ON_POLICY)).rows,
        "has_more_versions": bool(page.next_cursor),
        **named(policy),
        **rights(request),
    }


def version_context(one: PolicyVersion | None, people: dict[str, str]) -> dict[str, Any] | None:
    """Return a version with its rules as lines."""
    if one is None:
        return None
    rules = shown.rule_lines(selectors.rules_of(one.document), people)
    return {"version": one, "rules": rules, "text": shown.document_text(one)}


def warn_of_agents_left(request: MemberRequest) -> None:
    """Say which agents no enforced policy applies to any more: they can spend nothing."""
    names = selectors.agents_without_policy(request.member.organization_id)
    if names:
        verb = "has" if len(names) == 1 else "have"
        messages.warning(request, f"{listed(names, 'and')} {verb} no enforced policy, and can spend nothing.")


def named(policy: Policy) -> dict[str, Any]:
    """Return the policy and its public id."""
    return {"policy": policy, "policy_id": to_public(Prefix.POLICY, policy.pk)}


def rights(request: HttpRequest) -> dict[str, bool]:
    """Return whether the viewer may change policies."""
    member = getattr(request, "member", None)
    return {"may_edit": member is not None and member.may(Right.MANAGE_POLICIES)}
