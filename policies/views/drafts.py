"""The draft of a policy: its rules one form at a time, and its publication."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from core.clock import now as clock_now
from core.errors import Conflict, ContoError, Invalid, InvalidMany
from core.ids import Prefix, to_public
from people.permissions import MemberRequest, actor_of, needs, tell_waiting
from people.roles import Right
from people.services import Awaiting
from policies import selectors, services
from policies.engine.changes import Loosening
from policies.engine.document import SCHEMA_VERSION, Document, rule_to_plain
from policies.engine.lint import Finding, Level
from policies.engine.rules import Rule, RuleType
from policies.engine.types import Mode
from policies.forms import RULE_FORMS, PublishForm, RuleForm, Surroundings
from policies.models import NOTE_LENGTH, Policy
from policies.services.drafts import draft_rules
from policies.services.loosening import loosenings_of
from policies.services.publishing import state_digest
from policies.views import shown
from policies.views.loosened import marked
from policies.views.pages import named, rights
from policies.views.versions import changes_in_words

UNPROCESSABLE: Final = 422
CONFLICT: Final = 409


@require_safe
@needs(Right.READ)
def draft(request: MemberRequest, policy_id: str) -> HttpResponse:
    """Show the draft: its rules as sentences, what lint says, and the types that can be added."""
    policy = selectors.policy_of(request.member.organization_id, policy_id)
    return render(request, "policies/draft.html", {**draft_context(request, policy), **rights(request)})


@require_http_methods(["GET", "POST"])
@needs(Right.MANAGE_POLICIES)
def add_rule(request: MemberRequest, policy_id: str, type_name: str) -> HttpResponse:
    """Write a new rule."""
    if type_name not in RuleType.__members__:
        raise Http404
    policy = editable(request, policy_id)
    return rule_page(request, policy, RULE_FORMS[RuleType(type_name)], rule=None)


@require_http_methods(["GET", "POST"])
@needs(Right.MANAGE_POLICIES)
def change_rule(request: MemberRequest, policy_id: str, key: str) -> HttpResponse:
    """Change one rule of the draft, or of what is in force where there is no draft yet."""
    policy = editable(request, policy_id)
    rule = next((one for one in draft_rules(policy) if one["key"] == key), None)
    if rule is None and policy.enforced and key in {one["key"] for one in policy.enforced.document["rules"]}:
        messages.info(request, f"The draft has taken the rule {key} out. It counts until you publish the draft.")
        return redirect("policies:draft", policy_id)
    if rule is None:
        raise Http404
    return rule_page(request, policy, RULE_FORMS[RuleType(str(rule["type"]))], rule=rule)


@require_POST
@needs(Right.MANAGE_POLICIES)
def remove_rule(request: MemberRequest, policy_id: str, key: str) -> HttpResponse:
    """Take one rule out of the draft."""
    policy = editable(request, policy_id)
    services.remove_rule(
        organization_id=policy.organization_id, policy_id=policy.pk, key=key, actor=actor_of(request), now=clock_now()
    )
    messages.success(request, "The rule is out of the draft. It counts until you publish.")
    return redirect("policies:draft", policy_id)


@require_POST
@needs(Right.MANAGE_POLICIES)
def duplicate_rule(request: MemberRequest, policy_id: str, key: str) -> HttpResponse:
    """Put a copy of one rule into the draft, and lead to its form."""
    policy = editable(request, policy_id)
    rule = next((one for one in draft_rules(policy) if one["key"] == key), None)
    if rule is None:
        raise Http404
    made = services.add_rule(
        organization_id=policy.organization_id, policy_id=policy.pk, rule=rule, actor=actor_of(request), now=clock_now()
    )
    messages.success(request, "The copy is in the draft. Change what is to differ.")
    return redirect("policies:change_rule", policy_id, made)


@require_POST
@needs(Right.MANAGE_POLICIES)
def discard(request: MemberRequest, policy_id: str) -> HttpResponse:
    """Throw the draft away."""
    policy = editable(request, policy_id)
    services.discard_draft(
        organization_id=policy.organization_id, policy_id=policy.pk, actor=actor_of(request), now=clock_now()
    )
    messages.success(request, "The draft is gone. What is in force did not change.")
    return redirect("policies:detail", policy_id)


@require_http_methods(["GET", "POST"])
@needs(Right.MANAGE_POLICIES)
def publish(request: MemberRequest, policy_id: str) -> HttpResponse:
    """Show what publishing the draft changes, and publish it as it was shown."""
    policy = editable(request, policy_id)
    if policy.draft is None:
        return redirect("policies:draft", policy_id)
    if request.method == "GET":
        return publish_page(request, policy, PublishForm(initial=publish_initial(policy)))
    form = PublishForm(request.POST)
    if not form.is_valid():
        return publish_page(request, policy, form, status=UNPROCESSABLE)
    try:
        published = services.publish_draft(
            organization_id=policy.organization_id,
            policy_id=policy.pk,
            shown=form.cleaned_data["shown"],
            mode=Mode(form.cleaned_data["mode"]),
            note=form.cleaned_data["note"],
            acknowledged=services.seen(form.seen()),
            actor=actor_of(request),
            now=clock_now(),
        )
    except (Invalid, Conflict) as error:
        return publish_again(request, policy, error)
    if isinstance(published, Awaiting):
        tell_waiting(request)
    else:
        messages.success(request, told(published, Mode(form.cleaned_data["mode"])))
    return redirect("policies:detail", policy_id)


# --- Rules ------------------------------------------------------------------------------------------------------------


def rule_page(
    request: MemberRequest, policy: Policy, kind: type[RuleForm], *, rule: Mapping[str, Any] | None
) -> HttpResponse:
    """Show the form of a rule, or store what was typed and go back to the draft."""
    around = surroundings(request, kind)
    if request.method == "GET":
        return rule_form(request, policy, kind(around=around, rule=rule), rule)
    more, find = request.POST.get("add", ""), request.POST.get("find", "")
    if more or find:
        typed = kind.typed(request.POST, around=around, rule=rule, more=more, find=find)
        return rule_form(request, policy, typed, rule)
    form = kind(request.POST, around=around, rule=rule)
    if "said" in request.POST:
        return render(request, "policies/said.html", said(request, form, rule))
    if form.is_valid() and stored(request, policy, form, is_new=rule is None):
        messages.success(request, "The rule is in the draft. Publish the draft to put it in force.")
        return redirect("policies:draft", to_public(Prefix.POLICY, policy.pk))
    return rule_form(request, policy, form, rule, status=UNPROCESSABLE)


def rule_form(
    request: MemberRequest, policy: Policy, form: RuleForm, rule: Mapping[str, Any] | None, *, status: int = 200
) -> HttpResponse:
    """Return the page of one rule's form."""
    context = {"form": form, **named(policy), **said(request, form, rule)}
    return render(request, "policies/rule.html", context, status=status)


def said(request: MemberRequest, form: RuleForm, rule: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what a form says in plain words, as far as it can be read: its sentence, and hours to the minute."""
    present = selectors.rules_of({"schema": SCHEMA_VERSION, "rules": [rule]}) if rule else ()
    judged: Sequence[Rule] = present
    if form.is_bound:
        form.is_valid()
        judged = [form.parsed] if form.parsed else []
    names = shown.names_for(request, (str(rule_to_plain(one)) for one in (*present, *judged)))
    return {
        "sentences": [shown.sentence_of(one, names) for one in judged],
        "present": [shown.sentence_of(one, names) for one in present],
        "exact_hours": form.exact_hours(),
    }


def stored(request: MemberRequest, policy: Policy, form: RuleForm, *, is_new: bool) -> bool:
    """Put the rule of a valid form into the draft; what is refused stands in the form."""
    save = services.add_rule if is_new else services.save_rule
    try:
        save(
            organization_id=policy.organization_id,
            policy_id=policy.pk,
            rule=form.plain,
            actor=actor_of(request),
            now=clock_now(),
        )
    except ContoError as error:
        faults = error.errors if isinstance(error, InvalidMany) else [(error.field or "", error.code, error.detail)]
        for _path, code, detail in faults:
            form.add_fault("", code, detail)
        return False
    return True


def surroundings(request: MemberRequest, kind: type[RuleForm]) -> Surroundings:
    """Return what a rule form must know; the agents only where a rule of this kind names some."""
    organization = request.member.organization
    agents = selectors.agents_to_assign(organization.pk) if kind is RULE_FORMS[RuleType.APPROVAL_THRESHOLD] else ()
    return Surroundings(
        now=clock_now(),
        currency=organization.currency,
        time_zone=organization.time_zone,
        reviewers=tuple(shown.reviewer_names(organization.pk).items()),
        agents=tuple((to_public(Prefix.AGENT, row_id), name) for row_id, name in agents),
        directory=shown.directory_of(request),
    )


def editable(request: MemberRequest, policy_id: str) -> Policy:
    """Return a policy that can still be changed; a retired one is none."""
    policy = selectors.policy_of(request.member.organization_id, policy_id)
    if policy.retired_at is not None:
        raise Conflict("policy_retired", "This policy is retired. Create another one.")
    return policy


# --- The draft as a whole ---------------------------------------------------------------------------------------------


def draft_context(request: MemberRequest, policy: Policy) -> dict[str, Any]:
    """Return what the page of the draft shows; without a draft the rules that an edit would begin with."""
    rules = selectors.rules_of({"schema": SCHEMA_VERSION, "rules": draft_rules(policy)})
    return {
        "rules": shown.rule_lines(rules, shown.names_in(request, rules)),
        "findings": shown.findings_of_whole(rules),
        "types": [
            {"title": form.title, "icon": form.icon, "says": form.says, "url": add_url(policy, kind)}
            for kind, form in RULE_FORMS.items()
        ],
        **named(policy),
    }


def add_url(policy: Policy, kind: RuleType) -> str:
    """Return the address of the form of a new rule."""
    return reverse("policies:add_rule", args=[to_public(Prefix.POLICY, policy.pk), kind.value])


def publish_page(request: MemberRequest, policy: Policy, form: PublishForm, *, status: int = 200) -> HttpResponse:
    """Return the page that shows what publishing changes."""
    rules = selectors.rules_of(policy.draft)
    in_force = policy.enforced or policy.shadow
    old = selectors.rules_of(in_force.document) if in_force else ()
    findings = services.findings_with_history(policy, Document(rules), now=clock_now())
    form.offer(warning_codes(findings))
    names = shown.names_in(request, old, rules)
    loosens = loosened_by(policy, rules) if policy.organization.needs_four_eyes else ()
    changed = marked(changes_in_words(old, rules), [one.detail for one in loosens], names)
    context = {
        "form": form,
        "differences": changed.differences,
        "is_marked": changed.is_marked,
        "findings": shown.finding_lines(rules, findings),
        "loosens": changed.others,
        "needs_second_person": bool(loosens),
        "in_force": in_force,
        "targets": shown.target_chips(selectors.targets_of((policy,))[policy.pk]),
        **named(policy),
    }
    return render(request, "policies/publish.html", context, status=status)


def loosened_by(policy: Policy, rules: Sequence[Rule]) -> tuple[Loosening, ...]:
    """Return by what publishing these rules now may let more money pass."""
    try:
        resolved = services.resolved_document(policy, Document(tuple(rules)), now=clock_now()).rules
    except Invalid:
        resolved = tuple(rules)  # publishing says what is wrong with it
    return loosenings_of(policy, rules=resolved)


def publish_initial(policy: Policy) -> dict[str, str]:
    """Return what the publish form begins with: the mode of what is in force, and what it is bound to."""
    mode = Mode.SHADOW if policy.shadow_id and not policy.enforced_id else Mode.ENFORCED
    why = " ".join(line for note in policy.draft_notes for line in note["said"].splitlines())
    return {"mode": mode.value, "shown": state_digest(policy), "note": why[:NOTE_LENGTH]}


def publish_again(request: MemberRequest, policy: Policy, error: Invalid | Conflict) -> HttpResponse:
    """Return the publish page as it is now, with what was refused; what was typed stays."""
    fresh = selectors.policy_of(policy.organization_id, to_public(Prefix.POLICY, policy.pk))
    if fresh.draft is None:
        messages.error(request, error.detail)
        return redirect("policies:detail", to_public(Prefix.POLICY, policy.pk))
    document = Document(selectors.rules_of(fresh.draft))
    codes = warning_codes(services.findings_with_history(fresh, document, now=clock_now()))
    typed = {name: request.POST.get(name, "") for name in ("mode", "note")}
    form = PublishForm({**typed, "shown": state_digest(fresh), "warnings": " ".join(codes)})
    faults = error.errors if isinstance(error, InvalidMany) else [(error.field, error.code, error.detail)]
    for _path, code, detail in faults:
        is_about_warnings = code == "warnings_not_acknowledged"
        words = "Look at the warnings, and tick that you have." if is_about_warnings else detail
        form.add_error("is_seen" if is_about_warnings else None, words)
    return publish_page(request, fresh, form, status=CONFLICT if isinstance(error, Conflict) else UNPROCESSABLE)


def warning_codes(findings: Sequence[Finding]) -> list[str]:
    """Return the codes of the warnings, each once."""
    return list(dict.fromkeys(one.code for one in findings if one.level is Level.WARNING))


def told(published: services.Published, mode: Mode) -> str:
    """Return what the person is told."""
    if not published.is_changed:
        return f"Nothing changed: this is what version {published.number} says already."
    in_words = "is enforced" if mode is Mode.ENFORCED else "is shown beside what is enforced"
    return f"Version {published.number} {in_words}."
