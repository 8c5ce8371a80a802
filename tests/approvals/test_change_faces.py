"""Changes that wait, of whatever kind: counterparties, pegs, labels, settings; their pages and the API."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from agents.models import Agent
from agents.services import change_agent
from approvals.services.merge import merge_counterparties
from core.clock import now as clock_now
from core.errors import ContoError, Invalid, NotAllowed
from core.ids import Prefix, from_public, new_id, to_public
from people.models import ChangeEnd, Member, Organization, PendingChange
from people.services import (
    OrganizationSettings,
    at_once,
    change_settings,
    issue_organization_key,
)
from policies.engine.texts import read_yaml
from policies.engine.types import Mode
from policies.services import (
    create_policy,
    publish,
    retire,
    save_draft,
    set_assignments,
)
from policies.services.publishing import state_digest
from spend.selectors.counterparties import counterparty_of, pegs_of
from spend.services.changes import (
    CounterpartyChange,
    add_identifier,
    change_counterparty,
    create_counterparty,
    remove_identifier,
    set_standing,
    upsert_counterparty_by_ref,
)
from spend.services.pegs import remove_peg, set_peg
from tests.approvals.second import ALL, RESEARCH, agree, cautious, limit_of, policy_in_force, send, waits
from tests.factories import NOW, Cast, actor_for, make_cast
from tests.policies.samples import daily_limit, document, make_agent, reload

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> Cast:
    return cautious()


# --- Counterparties, pegs, labels, settings ---------------------------------------------------------------------------


def test_a_better_standing_and_another_identifier_wait_and_a_worse_standing_goes_alone(people: Cast) -> None:
    by: Any = {"organization_id": people.organization.pk, "actor": actor_for(people.olu), "now": NOW}
    payee = at_once(create_counterparty(change={"name": "Acme", "identifiers": ["domain:a.com"]}, **by))
    change_id = waits(set_standing(counterparty_id=payee, standing="trusted", reason="Known.", **by))
    assert counterparty_of(people.organization.pk, payee).standing == "unknown"
    agree(people, change_id)
    assert counterparty_of(people.organization.pk, payee).standing == "trusted"
    assert set_standing(counterparty_id=payee, standing="blocked", **by) is None
    waits(set_standing(counterparty_id=payee, standing="unknown", **by))
    waits(change_counterparty(counterparty_id=payee, change={"country": "DE"}, **by))
    assert change_counterparty(counterparty_id=payee, change={"note": "Ours."}, **by) is None
    added = waits(add_identifier(counterparty_id=payee, identifier="domain:b.com", **by))
    agree(people, added)
    assert len(counterparty_of(people.organization.pk, payee).identifiers) == 2


def test_an_identifier_less_waits_for_who_is_blocked_must_not_become_nobody_known(people: Cast) -> None:
    by: Any = {"organization_id": people.organization.pk, "actor": actor_for(people.olu), "now": NOW}
    named = ["domain:a.com", "domain:b.com"]
    payee = at_once(create_counterparty(change={"name": "Acme", "identifiers": named}, **by))
    set_standing(counterparty_id=payee, standing="blocked", **by)
    change_id = waits(remove_identifier(counterparty_id=payee, identifier="domain:a.com", **by))
    assert waits(change_counterparty(counterparty_id=payee, change={"identifiers": named[1:]}, **by)) == change_id
    at = f"/counterparties/{to_public(Prefix.COUNTERPARTY, payee)}/identifiers/remove/"
    page = signed_in(people.olu).post(at, {"identifier": "domain:a.com"}, follow=True).content.decode()
    assert "The identifier is taken away." not in page
    assert list(counterparty_of(people.organization.pk, payee).identifiers) == named
    assert remove_identifier(counterparty_id=payee, identifier="domain:c.com", **by) is None
    agree(people, change_id)
    assert list(counterparty_of(people.organization.pk, payee).identifiers) == named[1:]


def test_a_new_counterparty_begins_unknown_where_a_better_standing_waits(people: Cast) -> None:
    by: Any = {"organization_id": people.organization.pk, "actor": actor_for(people.olu), "now": NOW}
    wanted: Any = {"name": "Acme", "standing": "verified"}
    sent: Any = {"external_ref": "acme", "change": wanted, **by}
    change_id = waits(upsert_counterparty_by_ref(**sent))
    assert waits(upsert_counterparty_by_ref(**sent)) == change_id
    payee = from_public(Prefix.COUNTERPARTY, PendingChange.objects.get(pk=change_id).subject_id)
    assert counterparty_of(people.organization.pk, payee).standing == "unknown"
    agree(people, change_id)
    assert not at_once(upsert_counterparty_by_ref(**sent)).is_new
    assert counterparty_of(people.organization.pk, payee).standing == "verified"


def test_a_merge_waits_for_it_names_more_payees(people: Cast) -> None:
    by: Any = {"organization_id": people.organization.pk, "actor": actor_for(people.olu), "now": NOW}
    first, second = (
        at_once(create_counterparty(change={"name": name, "identifiers": [f"domain:{name}.com"]}, **by))
        for name in ("first", "second")
    )
    change_id = waits(merge_counterparties(kept_id=first, merged_id=second, **by))
    page = signed_in(people.ada).get(f"/approvals/changes/{to_public(Prefix.CHANGE, change_id)}/").content.decode()
    assert "it names what identifies second as well" in page
    assert len(counterparty_of(people.organization.pk, first).identifiers) == 1
    agree(people, change_id)
    assert len(counterparty_of(people.organization.pk, first).identifiers) == 2


def test_a_merge_that_cannot_be_made_is_refused_and_does_not_wait(people: Cast) -> None:
    by: Any = {"organization_id": people.organization.pk, "actor": actor_for(people.olu), "now": NOW}
    changes: tuple[CounterpartyChange, ...] = (
        {"name": "German", "country": "DE"},
        {"name": "French", "country": "FR"},
        {"name": "Plain"},
        {"name": "Gone"},
    )
    german, french, plain, gone = (at_once(create_counterparty(change=change, **by)) for change in changes)
    agree(people, waits(merge_counterparties(kept_id=german, merged_id=gone, **by)))
    named = daily_limit("9", when={"counterparties": [to_public(Prefix.COUNTERPARTY, plain)]})
    policy_in_force(people, named)
    elsewhere = new_id(NOW)
    for kept, merged, code in (
        (german, german, "merge_with_itself"),
        (german, french, "countries_differ"),
        (german, gone, "counterparty_merged"),
        (german, plain, "counterparty_named"),
        (german, elsewhere, "not_found"),
    ):
        with pytest.raises(ContoError) as refused:
            merge_counterparties(kept_id=kept, merged_id=merged, **by)
        assert refused.value.code == code
    assert not PendingChange.objects.filter(closed_at=None).exists()
    waits(merge_counterparties(kept_id=plain, merged_id=german, **by))


def test_whoever_is_to_agree_can_read_the_whole_document_where_a_sentence_counts_the_rest(people: Cast) -> None:
    named = ["ai", "cloud", "data", "fonts", "hosting", "<b>images</b>"]
    policy = policy_in_force(people)
    by: Any = {"organization_id": people.organization.pk, "actor": actor_for(people.olu), "now": NOW}
    rule = daily_limit("900", when={"categories": named})
    change_id = waits(publish(policy_id=policy.pk, document=document(rule), mode=Mode.ENFORCED, **by))
    at = f"/approvals/changes/{to_public(Prefix.CHANGE, change_id)}/"
    for member in (people.ada, people.vera):
        page = signed_in(member).get(at).content.decode()
        assert "The whole document, as it was proposed" in page
        assert "&lt;b&gt;images&lt;/b&gt;" in page
        text = signed_in(member).get(f"{at}text/")
        assert text["Content-Disposition"].startswith("attachment")
        assert read_yaml(text.content.decode()) == PendingChange.objects.get(pk=change_id).content["document"]
    assert signed_in(people.mallory).get(f"{at}text/").status_code == 404


def test_a_change_that_brings_no_document_offers_none(people: Cast) -> None:
    by: Any = {"organization_id": people.organization.pk, "actor": actor_for(people.olu), "now": NOW}
    policy, peg = policy_in_force(people), waits(set_peg(currency="USDC", pegged_to="USD", **by))
    for change_id in (peg, waits(retire(policy_id=policy.pk, **by))):
        at = f"/approvals/changes/{to_public(Prefix.CHANGE, change_id)}/"
        assert f"{at}text/" not in signed_in(people.ada).get(at).content.decode()
        assert signed_in(people.ada).get(f"{at}text/").status_code == 404


def test_a_peg_waits_whether_it_comes_or_goes(people: Cast) -> None:
    by: Any = {"organization_id": people.organization.pk, "actor": actor_for(people.olu), "now": NOW}
    change_id = waits(set_peg(currency="USDC", pegged_to="USD", **by))
    assert pegs_of(people.organization.pk) == {}
    agree(people, change_id)
    assert pegs_of(people.organization.pk) == {"USDC": "USD"}
    assert set_peg(currency="USDC", pegged_to="USD", **by) is None
    waits(remove_peg(currency="USDC", **by))


def test_a_label_that_goes_waits_and_one_that_comes_goes_alone(people: Cast) -> None:
    agent = make_agent(people.organization, labels=("research",))
    by: Any = {
        "organization_id": people.organization.pk,
        "agent_id": agent.pk,
        "actor": actor_for(people.olu),
        "now": NOW,
    }
    assert at_once(change_agent(change={"labels": ["eu", "research"]}, **by)).labels == ["eu", "research"]
    change_id = waits(change_agent(change={"labels": ["eu"], "owner_id": people.vera.person_id}, **by))
    agree(people, change_id)
    changed = Agent.objects.get(pk=agent.pk)
    assert (changed.labels, changed.owner_id) == (["eu"], people.vera.person_id)


def settings(**more: Any) -> OrganizationSettings:
    given: dict[str, Any] = {
        "name": "Acme",
        "currency": "USD",
        "time_zone": "UTC",
        "approval_ttl_seconds": 900,
        "confirmation_amount": None,
        "needs_four_eyes": True,
    }
    return OrganizationSettings(**given | more)


def test_to_want_no_four_eyes_any_more_waits_for_a_second_admin(people: Cast) -> None:
    by: Any = {"organization_id": people.organization.pk, "actor": actor_for(people.ada), "now": NOW}
    assert at_once(change_settings(settings=settings(name="Acme Ltd"), **by)).name == "Acme Ltd"
    waits(change_settings(settings=settings(time_zone="Asia/Tokyo"), **by))
    change_id = waits(change_settings(settings=settings(needs_four_eyes=False), **by))
    with pytest.raises(NotAllowed) as caught:
        agree(people, change_id, by=people.olu)
    assert caught.value.code == "right_missing"
    assert agree(people, change_id, by=people.oona) is ChangeEnd.APPROVED
    assert not Organization.objects.get(pk=people.organization.pk).needs_four_eyes


def test_to_confirm_less_waits_and_to_confirm_more_does_not(people: Cast) -> None:
    by: Any = {"organization_id": people.organization.pk, "actor": actor_for(people.ada), "now": NOW}
    at_once(change_settings(settings=settings(confirmation_amount=Decimal(500)), **by))
    for less in ({"confirmation_amount": None}, {"confirmation_amount": Decimal(501)}, {"currency": "EUR"}):
        given = {"confirmation_amount": Decimal(500)} | less
        change_id = waits(change_settings(settings=settings(**given), **by))
        assert "without a second look" in PendingChange.objects.get(pk=change_id).loosens[0]
    at_once(change_settings(settings=settings(confirmation_amount=Decimal(499)), **by))


def test_four_eyes_are_not_wanted_where_nobody_else_could_agree() -> None:
    people = make_cast()
    by: Any = {"organization_id": people.organization.pk, "actor": actor_for(people.oona), "now": NOW}
    Member.objects.filter(pk=people.ada.pk).update(roles=["operator"])
    with pytest.raises(Invalid) as caught:
        change_settings(settings=settings(), **by)
    assert (caught.value.code, caught.value.field) == ("second_person_missing", "needs_four_eyes")
    Member.objects.filter(pk=people.ada.pk).update(roles=["admin"])
    assert at_once(change_settings(settings=settings(), **by)).needs_four_eyes


# --- Pages and the API ------------------------------------------------------------------------------------------------


def signed_in(member: Member) -> Client:
    client = Client()
    client.force_login(member.person)
    return client


def test_pages_say_whom_a_change_waits_for_and_when_its_time_is_over(people: Cast) -> None:
    policy = policy_in_force(people)
    change_id = waits(send(people, policy, "900"))
    at, subject = f"/approvals/changes/{to_public(Prefix.CHANGE, change_id)}/", to_public(Prefix.POLICY, policy.pk)
    waiting, soon = PendingChange.objects.filter(pk=change_id), clock_now() + timedelta(hours=1)
    for member, words in ((people.ada, "for you"), (people.olu, "for others"), (people.vera, "")):
        waiting.update(expires_at=soon)
        seen = signed_in(member)
        for path in (at, "/approvals/changes/"):
            assert f"Wait{'s ' + words if words else 'ing'}</span>" in seen.get(path).content.decode()
        assert "A change waits for a second person" in seen.get(f"/policies/{subject}/").content.decode()
        waiting.update(expires_at=clock_now() - timedelta(seconds=1))
        for path in (at, "/approvals/changes/"):
            assert "Expired</span>" in seen.get(path).content.decode()
        assert "A change waits" not in seen.get(f"/policies/{subject}/").content.decode()


def test_a_second_person_sees_what_changes_and_agrees_in_the_inbox(people: Cast) -> None:
    policy = policy_in_force(people)
    change_id = waits(send(people, policy, "900"))
    at = f"/approvals/changes/{to_public(Prefix.CHANGE, change_id)}/"
    ada, olu, vera = (signed_in(one) for one in (people.ada, people.olu, people.vera))
    assert at in ada.get("/approvals/").content.decode()
    assert at in ada.get("/approvals/changes/").content.decode()
    page = ada.get(at).content.decode()
    assert "Daily: $500.00 becomes $900.00." in page
    assert "Agree, and make the change" in page
    assert "somebody else must agree" in olu.get(at).content.decode()
    assert "needs the right" in vera.get(at).content.decode()
    digest = PendingChange.objects.get(pk=change_id).digest
    assert olu.post(f"{at}approve/", {"digest": digest}).status_code == 403
    assert vera.post(f"{at}approve/", {"digest": digest}).status_code == 403
    assert ada.post(f"{at}approve/", {"digest": "0" * 64}).status_code == 409
    assert ada.post(f"{at}approve/", {"digest": digest}).status_code == 302
    assert limit_of(policy) == "900.00"
    assert "Ada agreed" in ada.get(at).content.decode()
    assert ada.post(f"{at}approve/", {"digest": digest}).status_code == 409
    assert at not in ada.get("/approvals/").content.decode()


def test_a_change_is_rejected_with_a_reason_on_its_page(people: Cast) -> None:
    change_id = waits(send(people, policy_in_force(people), "900"))
    at, ada = f"/approvals/changes/{to_public(Prefix.CHANGE, change_id)}/", signed_in(people.ada)
    assert ada.post(f"{at}reject/", {"reason": ""}).status_code == 422
    assert ada.post(f"{at}reject/", {"reason": "Too much."}).status_code == 302
    assert "Too much." in ada.get(at).content.decode()
    assert ada.post(f"{at}reject/", {"reason": "Too much."}).status_code == 409


def test_every_kind_of_change_has_a_page(people: Cast) -> None:
    by: Any = {"organization_id": people.organization.pk, "actor": actor_for(people.olu), "now": NOW}
    policy = policy_in_force(people, targets=RESEARCH)
    agent = make_agent(people.organization, labels=("research",))
    payee = at_once(create_counterparty(change={"name": "Acme"}, **by))
    other = at_once(create_counterparty(change={"name": "B"}, **by))
    set_by: Any = {**by, "actor": actor_for(people.ada)}
    made = [
        retire(policy_id=policy.pk, **by),
        change_agent(agent_id=agent.pk, change={"labels": []}, **by),
        set_standing(counterparty_id=payee, standing="trusted", **by),
        add_identifier(counterparty_id=other, identifier="domain:b.com", **by),
        set_peg(currency="USDC", pegged_to="USD", **by),
        change_settings(settings=settings(needs_four_eyes=False), **set_by),
        set_assignments(policy_id=create_policy(name="Idle", **by), targets=ALL, **by),
    ]
    ada = signed_in(people.ada)
    for change_id in [waits(one) for one in made[:-1]]:
        page = ada.get(f"/approvals/changes/{to_public(Prefix.CHANGE, change_id)}/")
        assert page.status_code == 200
        assert "What may let more money pass" in page.content.decode()
    assert made[-1] is True


def test_the_publish_page_says_who_must_agree_and_publishing_says_that_it_waits(people: Cast) -> None:
    policy, olu = policy_in_force(people), signed_in(people.olu)
    by: Any = {"organization_id": people.organization.pk, "policy_id": policy.pk, "now": NOW}
    at = f"/policies/{to_public(Prefix.POLICY, policy.pk)}/draft/publish/"
    for amount, is_looser in (("400", False), ("900", True)):
        save_draft(document=document(daily_limit(amount)), actor=actor_for(people.olu), **by)
        assert ("A second person must agree" in olu.get(at).content.decode()) is is_looser
    sent = {"mode": "enforced", "note": "More data.", "shown": state_digest(reload(policy.pk))}
    answer = olu.post(at, sent, follow=True)
    assert "waits for a second person" in answer.content.decode()
    assert limit_of(policy) == "500.00"
    assert PendingChange.objects.get().content["note"] == "More data."


def test_the_console_says_that_a_change_waits(people: Cast) -> None:
    policy, olu = policy_in_force(people, targets=RESEARCH), signed_in(people.olu)
    answer = olu.post(f"/policies/{to_public(Prefix.POLICY, policy.pk)}/retire/", follow=True)
    assert "waits for a second person" in answer.content.decode()
    assert reload(policy.pk).retired_at is None


def test_the_api_answers_202_with_the_change_and_the_same_call_with_the_same_one(people: Cast) -> None:
    issued = issue_organization_key(
        organization_id=people.organization.pk,
        name="Back end",
        scopes=("policies", "provision"),
        expires_at=None,
        by=people.ada.person,
        actor=actor_for(people.ada),
        now=NOW,
    )
    app = Client(headers={"Authorization": f"Bearer {issued.secret}"})
    body = {"name": "Limits", "document": document(daily_limit("20")), "assigned_to": {"organization": True}}
    first = app.put("/api/v1/policies/by-ref/ours", body, content_type="application/json")
    assert first.status_code == 202
    assert (first.json()["status"], first.json()["kind"]) == ("waiting", "policy")
    again = app.put("/api/v1/policies/by-ref/ours", body, content_type="application/json")
    assert (again.status_code, again.json()) == (202, first.json())
    change = {name: value for name, value in first.json().items() if name != "warnings"}
    assert app.get("/api/v1/changes").json()["data"] == [change]
    assert app.get(f"/api/v1/changes/{first.json()['id']}").json() == change
    assert app.post("/api/v1/policies", body, content_type="application/json").status_code == 202
    pegs = app.put("/api/v1/pegs", {"pegs": {"USDC": "USD"}}, content_type="application/json")
    assert (pegs.status_code, pegs.json()["kind"]) == (202, "peg")
    assert (change["agreements_needed"], change["agreements"]) == (2, [])
    agree(people, from_public(Prefix.CHANGE, first.json()["id"]), by=people.olu)
    (given,) = app.get(f"/api/v1/changes/{first.json()['id']}").json()["agreements"]
    assert (given["id"], given["name"]) == (to_public(Prefix.PERSON, people.olu.person_id), "Olu")
    assert app.put("/api/v1/policies/by-ref/ours", body, content_type="application/json").json()["agreements"] == [
        given
    ]
    agree(people, from_public(Prefix.CHANGE, first.json()["id"]), by=people.oona)
    done = app.put("/api/v1/policies/by-ref/ours", body, content_type="application/json")
    assert (done.status_code, done.json()["enforced"]["number"]) == (200, 1)
