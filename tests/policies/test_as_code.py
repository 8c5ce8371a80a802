"""Policies as code: export, plan and apply; twice changes nothing, all or nothing, refusals with their path."""

import json
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from audit.models import Event
from core.errors import Conflict, InvalidMany
from core.ids import Prefix, to_public
from people.models import Organization
from people.roles import Scope
from people.services import Awaiting, at_once
from policies.engine.texts import read_text, write_yaml
from policies.engine.types import Mode
from policies.engine.written import file_to_plain, parse_file
from policies.models import Policy, PolicyVersion
from policies.selectors import policy_by_reference
from policies.services import AssignTo, describe_policy, publish, retire
from policies.services.code import Plan, Step, apply_file, exported_file, plan_file
from tests.agents.samples import bearer
from tests.factories import NOW, Cast, actor_for, make_cast
from tests.furnished import issue_key
from tests.policies.samples import daily_limit, document, epoch, make_agent, make_policy, reload

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(hours=1)


@pytest.fixture
def people() -> Cast:
    return make_cast()


def research(**more: Any) -> dict[str, Any]:
    return {"ref": "research", "name": "Research agents", "rules": [daily_limit()], **more}


def file_of(*policies: dict[str, Any]) -> dict[str, Any]:
    return {"schema": 1, "policies": list(policies)}


def planned(people: Cast, *policies: dict[str, Any], retires_others: bool = False) -> Plan:
    file = parse_file(file_of(*policies))
    return plan_file(people.organization.pk, file, retires_others=retires_others, now=LATER)


def applied(people: Cast, *policies: dict[str, Any], digest: str = "", retires_others: bool = False) -> Plan:
    return at_once(sent(people, *policies, digest=digest, retires_others=retires_others))


def sent(
    people: Cast, *policies: dict[str, Any], digest: str = "", retires_others: bool = False, **more: Any
) -> Plan | Awaiting:
    given: dict[str, Any] = {"note": "from the repository", "actor": actor_for(people.olu), "now": LATER} | more
    return apply_file(
        organization_id=people.organization.pk,
        file=parse_file(file_of(*policies)),
        planned=digest or planned(people, *policies, retires_others=retires_others).digest,
        retires_others=retires_others,
        **given,
    )


def stored(people: Cast, reference: str = "research") -> Policy:
    found = policy_by_reference(people.organization.pk, reference)
    assert found is not None
    return found


# --- Round and round --------------------------------------------------------------------------------------------------


def test_what_is_exported_is_what_is_stored_and_plans_nothing(people: Cast) -> None:
    known = make_agent(people.organization, "Known", reference="bot-7")
    nameless = make_agent(people.organization, "Nameless")
    holidays = {"key": "off", "type": "BLACKOUT_PERIOD", "holidays": {"country": "NO"}}
    targets = AssignTo(False, ("eu", "night"), (known.pk, nameless.pk))
    policy = make_policy(people.organization, actor_for(people.olu), daily_limit(), holidays, targets=targets)
    publish(
        organization_id=policy.organization_id,
        policy_id=policy.pk,
        document=document(daily_limit("9.5")),
        mode=Mode.SHADOW,
        actor=actor_for(people.olu),
        now=NOW,
    )
    plain = file_to_plain(exported_file(people.organization.pk))
    assert plain == file_of(
        {
            "id": to_public(Prefix.POLICY, policy.pk),
            "name": "Research agents",
            "assigned_to": {
                "labels": ["eu", "night"],
                "agents": [{"external_ref": "bot-7"}, to_public(Prefix.AGENT, nameless.pk)],
            },
            "rules": [daily_limit(), holidays],
            "shadow": [daily_limit("9.50")],
        }
    )
    for text in (write_yaml(plain), json.dumps(plain)):
        read = parse_file(read_text(text.encode()))
        plan = plan_file(people.organization.pk, read, retires_others=True, now=LATER)
        assert (plan.has_changes, [one.step for one in plan.policies]) == (False, [Step.NOTHING])


def test_a_new_policy_is_created_and_the_same_file_again_changes_nothing(people: Cast) -> None:
    agent = make_agent(people.organization, reference="bot-7")
    entry = research(
        description="Daily",
        assigned_to={"labels": ["eu"], "agents": [{"external_ref": "bot-7"}]},
        shadow=[daily_limit("9")],
    )
    plan = applied(people, entry)
    assert [(one.label, one.step) for one in plan.policies] == [("research", Step.CREATE)]
    policy = stored(people)
    assert policy.enforced is not None
    assert policy.shadow is not None
    assert (policy.enforced.number, policy.enforced.note, policy.shadow.number) == (1, "from the repository", 2)
    assert set(policy.assignments.values_list("label", "agent")) == {("eu", None), (None, agent.pk)}
    told, number = Event.objects.count(), epoch(people.organization)
    assert not applied(people, entry).has_changes
    assert (Event.objects.count(), epoch(people.organization)) == (told, number)
    assert PolicyVersion.objects.count() == 2


def test_everything_that_differs_is_said_in_words_and_brought_about(people: Cast) -> None:
    applied(people, research(assigned_to={"organization": True}))
    entry = research(
        name="Research",
        description="New",
        assigned_to={"labels": ["eu"]},
        rules=[daily_limit("700")],
        shadow=[daily_limit("1")],
    )
    (one,) = planned(people, entry).policies
    assert one.step is Step.CHANGE
    assert one.changes == (
        "Its name “Research agents” becomes “Research”.",
        "Its description changes.",
        "It applies to the label eu as well.",
        "It no longer applies to every agent.",
        "The rule daily: Daily: $500.00 becomes $700.00.",
        "In shadow: The rule daily is added: At most $1.00 a day.",
    )
    assert "Daily: $500.00 becomes $700.00." in one.loosens
    assert stored(people).name == "Research agents", "a plan changes nothing"
    applied(people, entry)
    policy = stored(people)
    assert policy.enforced is not None
    assert (policy.name, policy.enforced.document) == ("Research", document(daily_limit("700.00")))
    assert not planned(people, entry).has_changes


def test_without_targets_those_that_are_stored_stay_and_without_shadow_none_is_shown(people: Cast) -> None:
    applied(people, research(assigned_to={"organization": True}, shadow=[daily_limit("1")]))
    plan = applied(people, research())
    assert plan.policies[0].changes == ("Its shadow version is no longer shown.",)
    assert stored(people).shadow is None
    assert stored(people).assignments.count() == 1


def test_a_shadow_is_promoted_under_its_own_number(people: Cast) -> None:
    applied(people, research(shadow=[daily_limit("1")]))
    applied(people, research(rules=[daily_limit("1")]))
    policy = stored(people)
    assert policy.enforced is not None
    assert (policy.enforced.number, policy.shadow) == (2, None)


def test_a_retired_policy_comes_back_and_others_are_retired_only_when_that_is_asked_for(people: Cast) -> None:
    applied(people, research())
    other = make_policy(people.organization, actor_for(people.olu), name="By hand")
    retire(organization_id=people.organization.pk, policy_id=stored(people).pk, actor=actor_for(people.olu), now=NOW)
    plan = applied(people, research())
    assert plan.policies[0].changes[0] == "It comes back from retirement."
    assert plan.others == (to_public(Prefix.POLICY, other.pk),)
    assert (stored(people).retired_at, reload(other.pk).retired_at) == (None, None)
    plan = applied(people, research(), retires_others=True)
    assert [one.step for one in plan.policies] == [Step.NOTHING, Step.RETIRE]
    assert reload(other.pk).retired_at == LATER


def test_drift_is_seen(people: Cast) -> None:
    applied(people, research())
    policy = stored(people)
    publish(
        organization_id=policy.organization_id,
        policy_id=policy.pk,
        document=document(daily_limit("9999")),
        mode=Mode.ENFORCED,
        actor=actor_for(people.olu),
        now=NOW,
    )
    assert planned(people, research()).policies[0].changes == ("The rule daily: Daily: $9,999.00 becomes $500.00.",)


# --- Refused ----------------------------------------------------------------------------------------------------------


def test_what_changed_since_the_plan_is_refused(people: Cast) -> None:
    applied(people, research())
    entry = research(rules=[daily_limit("7")])
    digest = planned(people, entry).digest
    with pytest.raises(Conflict) as refused:
        applied(people, research(rules=[daily_limit("8")]), digest=digest)
    assert refused.value.code == "plan_outdated", "another file"
    describe_policy(
        organization_id=people.organization.pk,
        policy_id=stored(people).pk,
        name="Renamed",
        description="",
        actor=actor_for(people.olu),
        now=NOW,
    )
    with pytest.raises(Conflict) as refused:
        applied(people, entry, digest=digest)
    assert refused.value.code == "plan_outdated", "another state"
    with pytest.raises(Conflict):
        applied(people, entry, digest=planned(people, entry, retires_others=True).digest)


def test_nothing_is_half_applied(people: Cast) -> None:
    gone = "per_01kas4t5n0e1wr9m4t7b2c6d0g"
    asks = {"key": "ask", "type": "APPROVAL_THRESHOLD", "above": {"USD": "1"}, "review": {"people": [gone]}}
    told = Event.objects.count()
    with pytest.raises(InvalidMany) as refused:
        applied(people, research(), {"ref": "second", "name": "Second", "rules": [asks]})
    assert refused.value.errors[0][:2] == ("policies[1].rules[0].review.people", "reviewer_unknown")
    assert (Policy.objects.count(), Event.objects.count()) == (0, told)


def test_what_lint_does_not_let_through_is_planned_and_not_applied(people: Cast) -> None:
    never = {"key": "never", "type": "TIME_WINDOW", "windows": [{"from": "09:00", "to": "09:00"}]}
    (one,) = planned(people, research(rules=[never])).policies
    assert [(finding.path, finding.code) for finding in one.findings if finding.level == "error"] == [
        ("policies[0].rules[0].windows[0]", "hours_empty")
    ]
    with pytest.raises(InvalidMany) as refused:
        applied(people, research(rules=[never]))
    assert refused.value.errors[0][0] == "policies[0].rules[0].windows[0]"


def test_with_four_eyes_a_file_that_only_tightens_goes_alone(people: Cast) -> None:
    applied(people, research(assigned_to={"organization": True}))
    Organization.objects.filter(pk=people.organization.pk).update(needs_four_eyes=True)
    more = {"ref": "more", "name": "More", "rules": [daily_limit()], "assigned_to": {"labels": ["eu"]}}
    applied(people, research(rules=[daily_limit("499")], shadow=[daily_limit("9000")], name="Renamed"), more)
    assert stored(people).name == "Renamed"


def test_an_enforced_policy_is_not_left_without_rules(people: Cast) -> None:
    applied(people, research())
    with pytest.raises(InvalidMany) as refused:
        planned(people, {"ref": "research", "name": "Research agents", "shadow": [daily_limit()]})
    assert refused.value.errors[0][:2] == ("policies[0].rules", "rules_missing")


def test_what_the_organization_does_not_have_is_refused_with_its_path(people: Cast) -> None:
    policy = make_policy(people.organization, actor_for(people.olu))
    evil = make_policy(people.mallory.organization, actor_for(people.mallory))
    by_id = {"id": to_public(Prefix.POLICY, policy.pk), "name": "A", "rules": [daily_limit()]}
    off = {"key": "off", "type": "BLACKOUT_PERIOD", "holidays": {"country": "DE", "subdivision": "XX"}}
    for entries, path, code in (
        ([{**by_id, "id": to_public(Prefix.POLICY, evil.pk)}], "policies[0].id", "policy_unknown"),
        (
            [research(assigned_to={"agents": [{"external_ref": "x"}]})],
            "policies[0].assigned_to.agents[0]",
            "agent_unknown",
        ),
        ([research(assigned_to={"labels": ["NOT A LABEL"]})], "policies[0].assigned_to.labels", "label_invalid"),
        (
            [research(), research(ref="off", rules=[off])],
            "policies[1].rules[0].holidays.subdivision",
            "holidays_unknown",
        ),
        ([research(shadow=[off])], "policies[0].shadow[0].holidays.subdivision", "holidays_unknown"),
    ):
        with pytest.raises(InvalidMany) as refused:
            planned(people, *entries)
        assert refused.value.errors[0][0].startswith(path)
        assert refused.value.errors[0][1] == code


# --- By the command and over the API ----------------------------------------------------------------------------------


def run(*arguments: str) -> tuple[str, int]:
    told = StringIO()
    try:
        call_command("policies", "--organization", "Acme", *arguments, stdout=told)
    except SystemExit as left:
        return told.getvalue(), int(str(left.code))
    return told.getvalue(), 0


def test_the_command_exports_plans_with_exit_codes_and_applies(people: Cast, tmp_path: Path) -> None:
    people.organization.name = "Acme"
    people.organization.save()
    path = tmp_path / "policies.yaml"
    text = f"# ours\n{write_yaml(file_of(research()))}# the end\n"
    path.write_text(text)
    said, code = run("plan", str(path))
    assert code == 2
    assert "+ research (Research agents)" in said
    assert "1 to create" in said
    digest = said.rpartition("Plan ")[2].strip()
    assert "Applied." in run("apply", str(path), "--plan", digest, "--note", "as code")[0]
    assert run("plan", str(path))[1] == 0
    assert "Nothing to apply." in run("apply", str(path))[0]
    assert path.read_text() == text, "the file is the user's"
    exported, _ = run("export")
    assert read_text(exported.encode()) == file_of(research(assigned_to={}))
    assert json.loads(run("export", "--format", "json")[0]) == file_of(research(assigned_to={}))
    facts = json.loads(run("plan", str(path), "--json")[0])
    assert (facts["has_changes"], facts["policies"][0]["step"]) == (False, "nothing")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("policies: [&a 1]", "policies[0]: Anchors are not read"),
        ("schema: 1\npolicies:\n- name: N", "policies[0]: Name the policy by either ref"),
        ("a: b\n" * 300_000, "file: May have at most"),
    ],
)
def test_the_command_says_what_is_wrong_where(people: Cast, tmp_path: Path, text: str, words: str) -> None:
    people.organization.name = "Acme"
    people.organization.save()
    path = tmp_path / "policies.yaml"
    path.write_text(text)
    with pytest.raises(CommandError) as refused:
        run("plan", str(path))
    assert words in str(refused.value)
    assert refused.value.returncode == 1
    with pytest.raises(CommandError):
        run("plan", str(tmp_path / "none.yaml"))
    with pytest.raises(CommandError):
        call_command("policies", "--organization", "Nobody", "plan", str(path))


def test_over_the_api_what_is_applied_is_what_was_planned(people: Cast) -> None:
    client = Client(headers=bearer(issue_key(people, [Scope.POLICIES], NOW).secret))

    def call(path: str, body: dict[str, Any]) -> Any:
        return client.post(f"/api/v1/policies/{path}", json.dumps(body), content_type="application/json")

    sent = {"file": file_of(research())}
    plan = call("plan", sent)
    assert (plan.status_code, plan.json()["policies"][0]["step"]) == (200, "create")
    assert call("apply", sent).status_code == 422, "without a digest nothing is applied"
    assert call("apply", {**sent, "digest": plan.json()["digest"]}).status_code == 200
    outdated = call("apply", {**sent, "digest": plan.json()["digest"]})
    assert (outdated.status_code, outdated.json()["code"]) == (409, "plan_outdated")
    assert client.get("/api/v1/policies/export").json() == file_of(research(assigned_to={}))
    refused = call("plan", {"file": file_of(research(rules=[daily_limit("x")]))})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "policies[0].rules[0].daily.USD"


def test_a_file_that_is_the_same_asks_little_of_the_database(people: Cast, django_assert_max_num_queries: Any) -> None:
    entries = [research(ref=f"r{number}", assigned_to={"labels": [f"l{number}"]}) for number in range(30)]
    applied(people, *entries)
    with django_assert_max_num_queries(8):
        assert not planned(people, *entries).has_changes


def test_public_holidays_are_renewed_by_the_same_file_when_they_run_out(people: Cast) -> None:
    off = {"key": "off", "type": "BLACKOUT_PERIOD", "holidays": {"country": "DE"}}
    entry = research(rules=[off], assigned_to={"organization": True})
    applied(people, entry)
    file = parse_file(file_of(entry))
    much_later = LATER + timedelta(days=3 * 366)
    plan = plan_file(people.organization.pk, file, retires_others=False, now=much_later)
    assert plan.policies[0].changes == (
        "The public holidays of further years become known; beyond the known ones it denied.",
    )
    assert plan.loosens == plan.policies[0].changes


def test_the_console_hands_out_what_can_be_planned(people: Cast) -> None:
    applied(people, research(assigned_to={"organization": True}))
    client = Client()
    client.force_login(people.vera.person)
    answer = client.get("/policies/as-code/")
    assert answer["Content-Disposition"] == 'attachment; filename="policies.yaml"'
    found: Any = read_text(answer.content)
    assert found == file_of(research(assigned_to={"organization": True}))
    assert not planned(people, *found["policies"]).has_changes
