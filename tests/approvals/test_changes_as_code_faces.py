"""A file of policies that waits, as people and CI meet it: in the console, over the API and by the command."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from approvals.services.changes import reject_change
from core.errors import NotFound
from core.ids import Prefix, from_public, to_public
from people.models import PendingChange
from people.roles import Scope
from policies.engine.texts import read_yaml, write_yaml
from policies.models import Policy
from policies.services import create_policy
from tests.agents.samples import bearer
from tests.approvals.filed import EVERYBODY, LOOSER, at, change, in_force, limit, signed_in, yes
from tests.approvals.second import waits
from tests.factories import Cast, actor_for
from tests.furnished import issue_key
from tests.policies.samples import daily_limit, make_agent
from tests.policies.test_as_code import LATER, file_of, research, sent, stored

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> Cast:
    return in_force()


# --- In the console ---------------------------------------------------------------------------------------------------


def test_a_second_person_sees_each_policy_of_the_file_and_agrees(people: Cast) -> None:
    make_agent(people.organization, "Robin")
    fresh = {"ref": "fresh", "name": "<b>Fresh</b>", "rules": [daily_limit("9")], "assigned_to": EVERYBODY}
    change_id = waits(sent(people, LOOSER, fresh))
    ada, olu, vera = (signed_in(one) for one in (people.ada, people.olu, people.vera))
    inbox = ada.get("/approvals/").content.decode()
    assert at(change_id) in inbox
    assert "Apply a file of policies: 1 created, 1 changed" in inbox
    page = ada.get(at(change_id)).content.decode()
    assert "The rule daily: Daily: $500.00 becomes $900.00." in page
    assert '<span class="badge tone-caution">Looser</span> The rule daily: Daily: $500.00' in page
    assert "&lt;b&gt;Fresh&lt;/b&gt;" in page
    assert "It applies to every agent as well." in page
    assert to_public(Prefix.POLICY, stored(people).pk) in page
    assert "ref: research" in page
    assert "from the repository" in page
    assert "Agree, and make the change" in page
    assert "somebody else must agree" in olu.get(at(change_id)).content.decode()
    digest = change(change_id).digest
    assert olu.post(f"{at(change_id)}approve/", {"digest": digest}).status_code == 403
    assert vera.post(f"{at(change_id)}approve/", {"digest": digest}).status_code == 403
    assert ada.post(f"{at(change_id)}approve/", {"digest": "0" * 64}).status_code == 409
    assert ada.post(f"{at(change_id)}approve/", {"digest": digest}).status_code == 302
    assert (limit(people), limit(people, "fresh")) == ("900.00", "9.00")
    after = ada.get(at(change_id)).content.decode()
    assert "Ada agreed" in after
    assert "The rule daily: Daily: $500.00 becomes $900.00." in after, "what was agreed to stays to be read"
    assert ada.get("/audit/").status_code == 200


def test_a_page_says_that_the_file_would_do_something_else_by_now(people: Cast) -> None:
    fresh = {"ref": "fresh", "name": "Fresh", "rules": [daily_limit("9")], "assigned_to": EVERYBODY}
    change_id = waits(sent(people, LOOSER, fresh))
    ada = signed_in(people.ada)
    assert "would do something else" not in ada.get(at(change_id)).content.decode()
    by: Any = {"organization_id": people.organization.pk, "actor": actor_for(people.olu), "now": LATER}
    create_policy(name="By hand", external_ref="fresh", **by)
    assert "would do something else" in ada.get(at(change_id)).content.decode()
    answer = ada.post(f"{at(change_id)}approve/", {"digest": change(change_id).digest}, follow=True)
    assert "The change was voided" in answer.content.decode()
    assert limit(people) == "500.00"


def test_whoever_is_to_agree_can_read_the_whole_file_however_long_it_is(people: Cast) -> None:
    named = [f"category-{number:03}-{'x' * 40}" for number in range(200)]
    rules = [daily_limit("9.00", when={"categories": named})]
    fresh = [{"ref": f"fresh-{one}", "name": "Fresh", "rules": rules, "assigned_to": EVERYBODY} for one in range(5)]
    short, longer = waits(sent(people, LOOSER)), waits(sent(people, LOOSER, *fresh))
    for member in (people.ada, people.vera):
        page, text = (signed_in(member).get(f"{at(longer)}{one}") for one in ("", "text/"))
        assert "Too long for this page" in page.content.decode()
        assert f'href="{at(longer)}text/"' in page.content.decode()
        assert text["Content-Type"] == "text/plain; charset=utf-8"
        assert text["Content-Disposition"].startswith('attachment; filename="chg_')
        assert read_yaml(text.content.decode()) == file_of(LOOSER, *fresh)
    html = signed_in(people.ada).get(at(short)).content.decode()
    assert "The file, as it was proposed" in html
    assert f'href="{at(short)}text/"' in html
    assert signed_in(people.mallory).get(f"{at(longer)}text/").status_code == 404


def test_a_policy_that_is_called_by_the_id_of_another_is_not_taken_for_it_by_whoever_is_to_agree(people: Cast) -> None:
    mine = to_public(Prefix.POLICY, stored(people).pk)
    by: dict[str, Any] = {"organization_id": people.organization.pk, "actor": actor_for(people.olu), "now": LATER}
    create_policy(name="Harmless", external_ref=mine, **by)
    Policy.objects.filter(pk=stored(people).pk).update(external_ref=None)
    entry = {name: value for name, value in LOOSER.items() if name != "ref"} | {"id": mine}
    change_id = waits(sent(people, entry, research(ref="fresh", name="Fresh")))
    page = signed_in(people.ada).get(at(change_id)).content.decode()
    assert f'href="/policies/{mine}/"' in page
    assert page.count('href="/policies/pol_') == 1, "neither the one that is called so nor one that is not there yet"
    yes(people, change_id)
    page = signed_in(people.ada).get(at(change_id)).content.decode()
    assert f'href="/policies/{to_public(Prefix.POLICY, stored(people, "fresh").pk)}/"' in page


def test_another_organization_knows_nothing_of_a_file(people: Cast) -> None:
    change_id = waits(sent(people, LOOSER))
    assert signed_in(people.mallory).get(at(change_id)).status_code == 404
    with pytest.raises(NotFound):
        reject_change(
            organization_id=people.mallory.organization_id,
            change_id=change_id,
            reason="Mine.",
            person_id=people.mallory.person_id,
            actor=actor_for(people.mallory),
            now=LATER,
        )


# --- By the command and over the API ----------------------------------------------------------------------------------


def test_over_the_api_a_file_that_loosens_is_answered_202_with_its_change(people: Cast) -> None:
    client = Client(headers=bearer(issue_key(people, [Scope.POLICIES], LATER).secret))

    def call(path: str, body: dict[str, Any]) -> Any:
        return client.post(f"/api/v1/policies/{path}", json.dumps(body), content_type="application/json")

    file = {"file": file_of(LOOSER)}
    plan = call("plan", file).json()
    assert (plan["has_changes"], plan["needs_second_person"]) == (True, True)
    body = {**file, "digest": plan["digest"], "note": "More data."}
    first, again = call("apply", body), call("apply", body)
    assert (first.status_code, again.status_code, again.json()) == (202, 202, first.json())
    waiting = {name: value for name, value in first.json().items() if name != "warnings"}
    assert (waiting["kind"], waiting["subject"], waiting["status"]) == ("policies", "policies", "waiting")
    assert waiting["content"]["file"] == file_of(LOOSER)
    assert waiting["content"]["policies"] == [
        {
            "policy": "research",
            "name": "Research agents",
            "step": "change",
            "changes": ["The rule daily: Daily: $500.00 becomes $900.00."],
            "loosens": ["Daily: $500.00 becomes $900.00."],
            "id": to_public(Prefix.POLICY, stored(people).pk),
        }
    ]
    assert client.get(f"/api/v1/changes/{waiting['id']}").json() == waiting
    assert client.get("/api/v1/changes").json()["data"] == [{**waiting, "content": {}}]
    yes(people, from_public(Prefix.CHANGE, waiting["id"]))
    yes(people, from_public(Prefix.CHANGE, waiting["id"]), by=people.olu)
    assert client.get(f"/api/v1/changes/{waiting['id']}").json()["status"] == "approved"
    plan = call("plan", file).json()
    done = call("apply", {**file, "digest": plan["digest"]})
    assert (done.status_code, done.json()["has_changes"], limit(people)) == (200, False, "900.00")


def run(*arguments: str) -> tuple[str, str, int]:
    out, err = StringIO(), StringIO()
    try:
        call_command("policies", "--organization", "Acme", *arguments, stdout=out, stderr=err)
    except SystemExit as left:
        return out.getvalue(), err.getvalue(), int(str(left.code))
    return out.getvalue(), err.getvalue(), 0


def test_the_command_says_where_a_file_waits_and_ends_with_3(people: Cast, tmp_path: Path) -> None:
    people.organization.name = "Acme"
    people.organization.save(update_fields=["name"])
    path = tmp_path / "policies.yaml"
    path.write_text(write_yaml(file_of(LOOSER)))
    planned_text, _, code = run("plan", str(path))
    assert code == 2
    assert "waits as a whole until two persons agree" in planned_text
    _, said, code = run("apply", str(path), "--note", "as code")
    (waiting,) = PendingChange.objects.filter(closed_at=None)
    assert code == 3
    assert to_public(Prefix.CHANGE, waiting.pk) in said
    assert at(waiting.pk) in said
    text, _, code = run("apply", str(path), "--note", "as code", "--json")
    assert (code, json.loads(text)["needs_second_person"]) == (3, True)
    assert PendingChange.objects.filter(closed_at=None).get() == waiting, "the same file again is the same change"
    yes(people, waiting.pk)
    assert limit(people) == "500.00", "nobody knows who ran the command: two persons agree"
    yes(people, waiting.pk, by=people.olu)
    text, _, code = run("apply", str(path))
    assert (code, "Nothing to apply." in text, limit(people)) == (0, True, "900.00")
    path.write_text(write_yaml(file_of(research(rules=[daily_limit("100")]))))
    text, _, code = run("apply", str(path))
    assert (code, "Applied." in text, limit(people)) == (0, True, "100.00")
