"""The pages of agents over HTTP: who sees and does what, what is shown once, and what a form does with mistakes."""

import csv
import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from agents.models import Agent, AgentKey, SealedCredential
from agents.services import freeze_agent, retire_agent
from core.clock import now as clock_now
from core.ids import Prefix, to_public
from people.models import Member
from tests.agents.samples import COUNTERPARTY, a_credential, a_key, actions_of, an_agent, bearer
from tests.factories import NOW, Cast, actor_for, make_cast, public_person

pytestmark = pytest.mark.django_db
SECRET = re.compile(r"conto_agent_[0-9a-z]{26}_[0-9A-Za-z]{49}")


@pytest.fixture
def people() -> Cast:
    return make_cast()


@pytest.fixture
def agent(people: Cast) -> Agent:
    return an_agent(people.olu, labels=["eu"], owner_id=people.olu.person_id, external_ref="actor/1")


def as_member(member: Member) -> Client:
    client = Client()
    client.force_login(member.person)
    return client


def page_of(agent: Agent, name: str = "detail") -> str:
    return reverse(f"agents:{name}", args=[to_public(Prefix.AGENT, agent.pk)])


def text(answer: Any) -> str:
    content: bytes = answer.content
    return content.decode()


# --- The list ---------------------------------------------------------------------------------------------------------


def test_an_empty_list_says_what_to_do_next(people: Cast) -> None:
    assert "Create the first agent" in text(as_member(people.olu).get("/agents/"))
    assert "Create the first agent" not in text(as_member(people.vera).get("/agents/"))


def test_the_list_shows_own_agents_only(people: Cast, agent: Agent) -> None:
    an_agent(people.mallory, "Foreign")
    shown = text(as_member(people.vera).get("/agents/"))
    assert page_of(agent) in shown
    assert "Foreign" not in shown
    assert "Never seen" in shown


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ["Borea", "Atlas"]),
        ("sort=name", ["Atlas", "Borea"]),
        ("q=atl", ["Atlas"]),
        ("q=actor%2F1", ["Atlas"]),
        ("label=eu", ["Atlas"]),
        ("state=frozen", ["Borea"]),
        ("state=never_seen", ["Atlas"]),
        ("state=retired", ["Cero"]),
        ("q=%00", ["Borea", "Atlas"]),
    ],
)
def test_the_filter_lives_in_the_address(people: Cast, agent: Agent, query: str, names: list[str]) -> None:
    organization, olu = people.organization.pk, actor_for(people.olu)
    frozen, retired = an_agent(people.olu, "Borea"), an_agent(people.olu, "Cero")
    freeze_agent(organization_id=organization, agent_id=frozen.pk, reason="odd", actor=olu, now=NOW)
    retire_agent(organization_id=organization, agent_id=retired.pk, actor=olu, now=NOW)
    shown = text(as_member(people.vera).get(f"/agents/?{query}"))
    found = re.findall(r"<strong>(Atlas|Borea|Cero)</strong>", shown)
    assert found == names if "sort=name" in query else sorted(found) == sorted(names)


def test_the_owner_filters_too(people: Cast, agent: Agent) -> None:
    client = as_member(people.vera)
    assert "Atlas" in text(client.get(f"/agents/?owner={public_person(people.olu.person_id)}"))
    assert "No agent matches" in text(client.get(f"/agents/?owner={public_person(people.ada.person_id)}"))


def test_the_export_holds_exactly_what_is_filtered(people: Cast, agent: Agent) -> None:
    an_agent(people.olu, "=cmd()", labels=["eu"])
    an_agent(people.olu, "Borea")
    answer = as_member(people.vera).get("/agents/export/?label=eu")
    assert answer["Content-Type"].startswith("text/csv")
    lines = list(csv.DictReader(answer.getvalue().decode().splitlines()))
    assert sorted(line["name"] for line in lines) == ["'=cmd()", "Atlas"]
    assert [line["reference"] for line in lines if line["name"] == "Atlas"] == ["actor/1"]


# --- One agent --------------------------------------------------------------------------------------------------------


def test_the_page_of_an_agent_tells_all_about_it(people: Cast, agent: Agent) -> None:
    key, credential = a_key(people.olu, agent), a_credential(people.olu, agent, counterparties=[COUNTERPARTY])
    for member in people.members():
        shown = text(as_member(member).get(page_of(agent)))
        for word in ("Atlas", "actor/1", "Olu", "eu", "worker", "OpenAI", to_public(Prefix.KEY, key.key.pk)):
            assert word in shown, word
        assert to_public(Prefix.COUNTERPARTY, COUNTERPARTY) in shown
        assert not SECRET.search(shown)
        assert reverse("audit:history", args=[to_public(Prefix.CREDENTIAL, credential.pk)]) in shown


def test_only_what_a_member_may_do_is_offered(people: Cast, agent: Agent) -> None:
    a_key(people.olu, agent)
    offered = {
        member.person.name: {
            name
            for name in ("edit", "freeze", "thaw", "retire", "new_key", "new_credential")
            if page_of(agent, name) in text(as_member(member).get(page_of(agent)))
        }
        for member in people.members()
    }
    manages = {"edit", "freeze", "retire", "new_key", "new_credential"}
    assert offered == {"Oona": manages, "Ada": manages, "Olu": manages, "Rui": set(), "Vera": set()}


def test_an_agent_is_created_in_the_console(people: Cast) -> None:
    client = as_member(people.olu)
    typed = {
        "name": "Atlas",
        "labels": "eu, research",
        "owner": public_person(people.ada.person_id),
        "external_ref": "a",
    }
    answer = client.post("/agents/new/", typed)
    agent = Agent.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, page_of(agent))
    assert (agent.labels, agent.owner_id, agent.external_ref) == (["eu", "research"], people.ada.person_id, "a")


@pytest.mark.parametrize(
    ("typed", "status", "fault"),
    [
        ({}, 422, "This field is required."),
        ({"name": "Atlas", "labels": "No!"}, 422, "A label has 1 to 60"),
        ({"name": "Atlas", "external_ref": "actor/1"}, 409, "Another agent has this reference."),
        ({"name": "Atlas", "owner": "per_x"}, 422, "Select a valid choice."),
    ],
)
def test_mistakes_are_shown_at_their_fields(
    people: Cast, agent: Agent, typed: dict[str, str], status: int, fault: str
) -> None:
    answer = as_member(people.olu).post("/agents/new/", typed)
    assert answer.status_code == status
    assert fault in text(answer)
    assert Agent.objects.count() == 1


def test_an_agent_is_edited(people: Cast, agent: Agent) -> None:
    client = as_member(people.olu)
    assert 'value="Atlas"' in text(client.get(page_of(agent, "edit")))
    answer = client.post(page_of(agent, "edit"), {"name": "Borea", "labels": "", "owner": ""})
    assert answer["Location"] == page_of(agent)
    agent.refresh_from_db()
    assert (agent.name, agent.labels, agent.owner_id, agent.external_ref) == ("Borea", [], None, "actor/1")
    assert client.post(page_of(agent, "edit"), {"name": ""}).status_code == 422


def test_an_operator_freezes_and_an_admin_thaws(people: Cast, agent: Agent) -> None:
    olu, ada = as_member(people.olu), as_member(people.ada)
    assert olu.post(page_of(agent, "freeze"), {"reason": ""}).status_code == 302
    assert Agent.objects.get().frozen_at is None
    assert olu.post(page_of(agent, "freeze"), {"reason": "odd"})["Location"] == page_of(agent)
    shown = text(olu.get(page_of(agent)))
    assert "is frozen" in shown
    assert "odd" in shown
    assert page_of(agent, "thaw") not in shown
    assert olu.post(page_of(agent, "thaw"), {"reason": "fine"}).status_code == 403
    assert ada.post(page_of(agent, "thaw"), {"reason": "fine"}).status_code == 302
    assert Agent.objects.get().frozen_at is None
    assert actions_of(Prefix.AGENT, agent.pk)[1:] == ["agent.frozen", "agent.thawed"]


def test_a_retired_agent_offers_nothing_but_revoking(people: Cast, agent: Agent) -> None:
    key = a_key(people.olu, agent).key
    client = as_member(people.olu)
    assert client.post(page_of(agent, "retire")).status_code == 302
    shown = text(client.get(page_of(agent)))
    assert "Retired" in shown
    for name in ("edit", "freeze", "thaw", "retire", "new_key", "new_credential"):
        assert page_of(agent, name) not in shown
    assert reverse("agents:revoke_key", args=[to_public(Prefix.KEY, key.pk)]) in shown
    refused = client.post(page_of(agent, "edit"), {"name": "New"})
    assert (refused.status_code, "has been retired" in text(refused)) == (409, True)


# --- Keys -------------------------------------------------------------------------------------------------------------


def test_a_key_is_issued_and_shown_once(people: Cast, agent: Agent) -> None:
    client = as_member(people.olu)
    assert client.get(page_of(agent, "new_key")).status_code == 200
    assert client.post(page_of(agent, "new_key"), {}).status_code == 422
    answer = client.post(page_of(agent, "new_key"), {"name": "worker", "lifetime_days": "30"})
    assert "no-store" in answer["Cache-Control"]
    found = SECRET.search(text(answer))
    assert found
    assert Client(headers=bearer(found[0])).get("/api/v1/status").status_code == 200
    key = AgentKey.objects.get()
    assert key.expires_at is not None
    assert (key.expires_at - key.created_at).days == 30
    assert not SECRET.search(text(client.get(page_of(agent))))


def test_a_key_is_rotated_and_its_successor_shown_once(people: Cast, agent: Agent) -> None:
    old = a_key(people.olu, agent, now=clock_now())
    client = as_member(people.olu)
    rotate = reverse("agents:rotate_key", args=[to_public(Prefix.KEY, old.key.pk)])
    assert client.post(rotate, {"overlap_seconds": "7"})["Location"] == page_of(agent)
    assert AgentKey.objects.count() == 1
    answer = client.post(rotate, {"overlap_seconds": "3600"})
    found = SECRET.search(text(answer))
    assert found
    assert "The old key works until" in text(answer)
    for secret in (old.secret, found[0]):
        assert Client(headers=bearer(secret)).get("/api/v1/status").status_code == 200
    assert "Replaced" in text(client.get(page_of(agent)))
    assert client.post(rotate, {"overlap_seconds": "3600"}).status_code == 409


def test_a_key_is_revoked(people: Cast, agent: Agent) -> None:
    issued = a_key(people.olu, agent)
    client = as_member(people.olu)
    answer = client.post(reverse("agents:revoke_key", args=[to_public(Prefix.KEY, issued.key.pk)]))
    assert answer["Location"] == page_of(agent)
    assert Client(headers=bearer(issued.secret)).get("/api/v1/status").status_code == 401


# --- Sealed credentials -----------------------------------------------------------------------------------------------


def test_a_secret_is_sealed_replaced_and_revoked(people: Cast, agent: Agent) -> None:
    client = as_member(people.olu)
    typed = {"name": "OpenAI", "kind": "api_key", "secret": "line 1\r\nline 2", "rails": ["card", "x402"]}
    assert client.post(page_of(agent, "new_credential"), typed)["Location"] == page_of(agent)
    sealed = SealedCredential.objects.get()
    assert sealed.rails == ["card", "x402"]
    public_id = to_public(Prefix.CREDENTIAL, sealed.pk)
    replace = reverse("agents:replace_credential", args=[public_id])
    form = text(client.get(replace))
    assert "line 1" not in form
    assert re.search(r'value="card"[^>]*checked', form)
    payee = to_public(Prefix.COUNTERPARTY, COUNTERPARTY)
    assert client.post(replace, {"secret": "sk_2", "counterparties": f" {payee} "}).status_code == 302
    replaced = SealedCredential.objects.get()
    assert (replaced.rails, replaced.counterparties) == ([], [COUNTERPARTY])
    assert client.post(reverse("agents:revoke_credential", args=[public_id])).status_code == 302
    assert SealedCredential.objects.get().revoked_at is not None
    assert client.post(replace, {"secret": "sk_3", "rails": ["card"]}).status_code == 409


@pytest.mark.parametrize(
    ("change", "status", "fault"),
    [
        ({"secret": ""}, 422, "This field is required."),
        ({"rails": []}, 422, "Name the counterparties or the rails"),
        ({"counterparties": "cpt_nobody"}, 422, "An id of a counterparty looks like"),
        ({"rails": ["barter"]}, 422, "Select a valid choice."),
        ({"name": ""}, 422, "This field is required."),
    ],
)
def test_a_refused_form_does_not_send_the_secret_back(
    people: Cast, agent: Agent, change: dict[str, Any], status: int, fault: str
) -> None:
    typed = {"name": "OpenAI", "kind": "api_key", "secret": "sk_provider_1", "rails": ["card"]} | change
    answer = as_member(people.olu).post(page_of(agent, "new_credential"), typed)
    assert answer.status_code == status
    assert fault in text(answer)
    assert "sk_provider_1" not in text(answer)
    assert not SealedCredential.objects.exists()


# --- Who may ----------------------------------------------------------------------------------------------------------


def addresses(member: Member) -> dict[str, list[str]]:
    """Every address of these pages on objects of the member's organization, by the right it needs."""
    agent = an_agent(member)
    key = to_public(Prefix.KEY, a_key(member, agent).key.pk)
    credential = to_public(Prefix.CREDENTIAL, a_credential(member, agent).pk)
    return {
        "read": [page_of(agent)],
        "manage": [page_of(agent, name) for name in ("edit", "retire", "new_key", "new_credential")]
        + [reverse(f"agents:{name}", args=[key]) for name in ("rotate_key", "revoke_key")]
        + [reverse(f"agents:{name}", args=[credential]) for name in ("replace_credential", "revoke_credential")],
        "freeze": [page_of(agent, "freeze")],
        "thaw": [page_of(agent, "thaw")],
    }


def test_what_belongs_to_another_organization_is_not_found(people: Cast) -> None:
    client = as_member(people.ada)
    foreign = addresses(people.mallory)
    assert client.get(foreign["read"][0]).status_code == 404
    typed = {"reason": "odd", "name": "n", "overlap_seconds": "0", "secret": "s", "rails": ["card"], "kind": "other"}
    for address in foreign["manage"] + foreign["freeze"] + foreign["thaw"]:
        assert client.post(address, typed).status_code == 404, address


def test_a_right_is_needed_for_every_change(people: Cast) -> None:
    found = addresses(people.olu)
    for member in (people.vera, people.rui):
        client = as_member(member)
        for address in ["/agents/new/", *found["manage"], *found["freeze"], *found["thaw"]]:
            assert client.post(address, {"reason": "odd"}).status_code == 403, address
    for address in ["/agents/", "/agents/export/", *found["read"], *found["manage"]]:
        answer = Client().post(address) if address in found["manage"] else Client().get(address)
        assert answer.status_code == 302, address
        assert "/accounts/login/" in answer["Location"]


def test_an_unknown_id_is_not_found(people: Cast) -> None:
    client = as_member(people.ada)
    for public_id in ("agt_nothing", "key_01k00000000000000000000000", "agt_01k00000000000000000000000"):
        assert client.get(f"/agents/{public_id}/").status_code == 404
