"""The pages of policies: an operator creates, edits, publishes, assigns and retires; others look."""

import re
from html import unescape

import pytest
from django.test import Client

from core.ids import Prefix, to_public
from people.models import Member
from policies.engine.rules import RuleType
from policies.engine.types import Mode
from policies.models import Assignment, Policy, PolicyVersion
from policies.services import publish, save_draft
from policies.services.publishing import shadow_digest
from tests.factories import NOW, Cast, actor_for, make_cast
from tests.policies.samples import daily_limit, document, events_of, make_agent, make_policy, reload
from tests.policies.sent import Controls

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> Cast:
    return make_cast()


def signed_in(member: Member) -> Client:
    client = Client()
    client.force_login(member.person)
    return client


def text_of(page: bytes) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", page.decode())))


def public(policy: Policy) -> str:
    return to_public(Prefix.POLICY, policy.pk)


def drafted(policy: Policy) -> list[str]:
    draft = reload(policy.pk).draft
    assert draft is not None
    return [rule["key"] for rule in draft["rules"]]


def test_the_list_shows_what_a_policy_is_about_whom_it_binds_and_how(people: Cast) -> None:
    make_policy(people.organization, actor_for(people.olu), daily_limit(), name="Research")
    page = text_of(signed_in(people.vera).get("/policies/").content)
    for words in ("Research", "Spend limit", "Every agent", "Enforced", "Olu"):
        assert words in page
    assert "New policy" not in page
    assert "New policy" in text_of(signed_in(people.olu).get("/policies/").content)
    assert "No policy matches" in text_of(signed_in(people.vera).get("/policies/?q=other").content)
    assert "Research" not in text_of(signed_in(people.vera).get("/policies/?show=retired").content)


def test_without_policies_the_list_says_what_to_begin_with(people: Cast) -> None:
    page = text_of(signed_in(people.olu).get("/policies/").content)
    assert "every request to spend is declined" in page
    assert "Office hours" in page


def test_a_policy_is_made_from_a_starter_edited_and_published_without_scripts(people: Cast) -> None:
    olu = signed_in(people.olu)
    agent = make_agent(people.organization, labels=("research",))
    page = olu.get("/policies/new/?starter=review_above").content.decode()
    sent = Controls(page).sent
    assert sent["starter"] == "review_above"
    assert sent["organization"] == "on"
    del sent["organization"]
    sent["name"] = "Research agents"
    sent.setlist("labels", ["research"])
    sent.setlist("agents", [to_public(Prefix.AGENT, agent.pk)])
    sent["more_labels"] = "night\nnight"
    made = olu.post("/policies/new/", sent)
    policy = Policy.objects.get()
    assert made["Location"] == f"/policies/{public(policy)}/draft/"
    targets = {(one.label, one.agent_id) for one in Assignment.objects.filter(policy=policy)}
    assert targets == {("research", None), ("night", None), (None, agent.pk)}

    form_at = f"/policies/{public(policy)}/draft/rules/daily_limit/"
    sent = Controls(olu.get(form_at).content.decode()).sent
    assert sent["daily-0-amount"] == "1000.00"
    sent["daily-0-amount"] = "750"
    assert olu.post(form_at, sent).status_code == 302
    page = text_of(olu.get(f"/policies/{public(policy)}/draft/").content)
    assert "At most $750.00 a day." in page
    assert "Above $100.00 a payment" in page

    publish_at = f"/policies/{public(policy)}/draft/publish/"
    page = olu.get(publish_at).content.decode()
    assert "What the first version says" in page
    sent = Controls(page).sent
    sent["note"] = "a first try"
    assert olu.post(publish_at, sent).status_code == 302
    policy = reload(policy.pk)
    assert policy.enforced is not None
    assert (policy.enforced.note, policy.draft) == ("a first try", None)
    page = text_of(olu.get(f"/policies/{public(policy)}/").content)
    for words in ("Enforced: version 1", "At most $750.00 a day.", "Label night", "a first try", '"USD": "750.00"'):
        assert words in page


def test_a_limit_is_changed_from_the_page_of_the_policy(people: Cast) -> None:
    policy, olu = make_policy(people.organization, actor_for(people.olu)), signed_in(people.olu)
    assert (
        f'href="/policies/{public(policy)}/draft/rules/daily/"'
        in olu.get(f"/policies/{public(policy)}/").content.decode()
    )
    form_at = f"/policies/{public(policy)}/draft/rules/daily/"
    sent = Controls(olu.get(form_at).content.decode()).sent
    sent["daily-0-amount"] = "600"
    olu.post(form_at, sent)
    page = text_of(olu.get(f"/policies/{public(policy)}/draft/publish/").content)
    assert "What changes since version 1" in page
    assert "Changed Spend limit daily At most $500.00 a day. At most $600.00 a day." in page
    olu.post(
        f"/policies/{public(policy)}/draft/publish/",
        Controls(olu.get(f"/policies/{public(policy)}/draft/publish/").content.decode()).sent,
    )
    changed = reload(policy.pk).enforced
    assert changed is not None
    assert changed.document == document(daily_limit("600.00"))
    page = text_of(olu.get(f"/policies/{public(policy)}/versions/2/").content)
    assert "What it changed since version 1" in page


@pytest.mark.parametrize("type_", RuleType)
def test_every_type_of_rule_has_a_page_that_refuses_what_cannot_be_read(people: Cast, type_: RuleType) -> None:
    policy, olu = make_policy(people.organization, actor_for(people.olu)), signed_in(people.olu)
    form_at = f"/policies/{public(policy)}/draft/add/{type_.value}/"
    page = olu.get(form_at)
    assert page.status_code == 200
    sent = Controls(page.content.decode()).sent
    sent["when_categories-typed"] = "typed\x07"
    refused = olu.post(form_at, sent)
    assert refused.status_code == 422
    assert "form-error" in refused.content.decode()
    assert reload(policy.pk).draft is None


def test_rules_are_added_under_keys_of_their_own_and_removed(people: Cast) -> None:
    policy, olu = make_policy(people.organization, actor_for(people.olu)), signed_in(people.olu)
    form_at = f"/policies/{public(policy)}/draft/add/SPEND_LIMIT/"
    for amount in ("5", "6"):
        sent = Controls(olu.get(form_at).content.decode()).sent
        sent["per_transaction-0-amount"] = amount
        assert olu.post(form_at, sent).status_code == 302
    assert drafted(policy) == ["daily", "spend_limit", "spend_limit_2"]
    olu.post(f"/policies/{public(policy)}/draft/rules/daily/remove/")
    assert drafted(policy) == ["spend_limit", "spend_limit_2"]
    page = text_of(olu.get(f"/policies/{public(policy)}/draft/publish/").content)
    assert page.count("Added") == 2
    assert page.count("Removed") == 1
    assert olu.post(f"/policies/{public(policy)}/draft/rules/daily/remove/").status_code == 404


def test_a_rule_that_the_draft_took_out_says_so_where_it_still_counts(people: Cast) -> None:
    policy, olu = make_policy(people.organization, actor_for(people.olu)), signed_in(people.olu)
    form_at = f"/policies/{public(policy)}/draft/rules/daily/"
    olu.post(f"{form_at}remove/")

    page = olu.get(f"/policies/{public(policy)}/").content.decode()

    assert form_at not in page
    assert "Taken out in the draft" in text_of(page.encode())
    led = olu.get(form_at, follow=True)
    assert led.redirect_chain == [(f"/policies/{public(policy)}/draft/", 302)]
    assert "has taken the rule daily out" in text_of(led.content)


def test_one_more_row_is_asked_for_without_judging_or_losing_anything(people: Cast) -> None:
    policy, olu = make_policy(people.organization, actor_for(people.olu)), signed_in(people.olu)
    form_at = f"/policies/{public(policy)}/draft/rules/daily/"
    sent = Controls(olu.get(form_at).content.decode()).sent
    sent["daily-0-amount"] = "nonsense"
    sent["add"] = "daily"
    again = olu.post(form_at, sent)
    assert again.status_code == 200
    assert "form-error" not in again.content.decode()
    resent = Controls(again.content.decode()).sent
    assert (resent["daily-0-amount"], resent["daily-1-amount"], resent["daily-1-currency"]) == ("nonsense", "", "USD")


def test_warnings_are_shown_with_a_remedy_and_ticked_before_the_draft_is_published(people: Cast) -> None:
    policy, olu = make_policy(people.organization, actor_for(people.olu)), signed_in(people.olu)
    common = {"organization_id": people.organization.pk, "policy_id": policy.pk, "now": NOW}
    nobody = {"key": "list", "type": "WHITELIST", "allowed": []}
    draft = document(daily_limit(), nobody)
    save_draft(document=draft, actor=actor_for(people.olu), **common)  # type: ignore[arg-type]
    at = f"/policies/{public(policy)}/draft/publish/"
    page = olu.get(at).content.decode()
    assert "An empty list denies everybody." in text_of(page.encode())
    assert "Name those who may be paid, or say that nobody may." in text_of(page.encode())
    refused = olu.post(at, Controls(page).sent)
    assert refused.status_code == 422
    assert "Look at the warnings, and tick that you have." in text_of(refused.content)
    ticked = Controls(refused.content.decode()).sent | {"is_seen": "on"}
    assert olu.post(at, ticked).status_code == 302
    enforced = reload(policy.pk).enforced
    assert enforced is not None
    assert enforced.number == 2


def test_errors_of_a_draft_are_shown_and_keep_it_from_being_published(people: Cast) -> None:
    policy, olu = make_policy(people.organization, actor_for(people.olu)), signed_in(people.olu)
    common = {"organization_id": people.organization.pk, "policy_id": policy.pk, "now": NOW}
    never = {"key": "hours", "type": "TIME_WINDOW", "windows": [{"from": "09:00", "to": "09:00"}], "time_zone": "UTC"}
    draft = document(daily_limit(), never)
    save_draft(document=draft, actor=actor_for(people.olu), **common)  # type: ignore[arg-type]
    at = f"/policies/{public(policy)}/draft/publish/"
    refused = olu.post(at, Controls(olu.get(at).content.decode()).sent)
    assert refused.status_code == 422
    assert "it never opens" in text_of(refused.content)
    enforced = reload(policy.pk).enforced
    assert enforced is not None
    assert enforced.number == 1


def test_publishing_what_somebody_changed_meanwhile_shows_the_changes_again(people: Cast) -> None:
    policy, olu = make_policy(people.organization, actor_for(people.olu)), signed_in(people.olu)
    common = {
        "organization_id": policy.organization_id,
        "policy_id": policy.pk,
        "actor": actor_for(people.ada),
        "now": NOW,
    }
    save_draft(document=document(daily_limit("9")), **common)  # type: ignore[arg-type]
    at = f"/policies/{public(policy)}/draft/publish/"
    sent = Controls(olu.get(at).content.decode()).sent
    sent["note"] = "typed"
    publish(document=document(daily_limit("8")), mode=Mode.ENFORCED, **common)  # type: ignore[arg-type]
    refused = olu.post(at, sent)
    assert refused.status_code == 409
    assert "Somebody changed this policy meanwhile" in text_of(refused.content)
    assert "What changes since version 2" in text_of(refused.content)
    resent = Controls(refused.content.decode()).sent
    assert resent["note"] == "typed"
    assert olu.post(at, resent).status_code == 302
    assert PolicyVersion.objects.filter(policy=policy).count() == 3


def test_a_shadow_is_promoted_or_ended_on_the_page(people: Cast) -> None:
    policy, olu = make_policy(people.organization, actor_for(people.olu)), signed_in(people.olu)
    common = {
        "organization_id": policy.organization_id,
        "policy_id": policy.pk,
        "actor": actor_for(people.olu),
        "now": NOW,
    }
    publish(document=document(daily_limit("9")), mode=Mode.SHADOW, **common)  # type: ignore[arg-type]
    assert "In shadow: version 2" in text_of(olu.get(f"/policies/{public(policy)}/").content)
    olu.post(f"/policies/{public(policy)}/shadow/end/")
    assert reload(policy.pk).shadow is None
    publish(document=document(daily_limit("8")), mode=Mode.SHADOW, **common)  # type: ignore[arg-type]
    olu.post(f"/policies/{public(policy)}/shadow/promote/", {"shown": shadow_digest(reload(policy.pk))})
    enforced = reload(policy.pk).enforced
    assert enforced is not None
    assert (enforced.number, reload(policy.pk).shadow) == (3, None)


def test_assignments_are_edited_and_faults_stand_at_their_field(people: Cast) -> None:
    policy, olu = make_policy(people.organization, actor_for(people.olu)), signed_in(people.olu)
    at = f"/policies/{public(policy)}/assignments/"
    sent = Controls(olu.get(at).content.decode()).sent
    assert sent["organization"] == "on"
    refused = olu.post(at, {"more_labels": "x" * 61})
    assert refused.status_code == 422
    assert "A label has 1 to 60 of a-z" in text_of(refused.content)
    olu.post(at, {"more_labels": "eu"})
    assert [one.label for one in Assignment.objects.filter(policy=policy)] == ["eu"]


def test_renaming_restoring_discarding_and_retiring(people: Cast) -> None:
    policy, olu = make_policy(people.organization, actor_for(people.olu)), signed_in(people.olu)
    at = f"/policies/{public(policy)}"
    assert olu.post(f"{at}/describe/", {"name": " "}).status_code == 422
    olu.post(f"{at}/describe/", {"name": "Other", "description": "for tests"})
    olu.post(f"{at}/versions/1/restore/")
    assert reload(policy.pk).draft == document(daily_limit("500.00"))
    assert "Nothing: the draft says what is in force." in text_of(olu.get(f"{at}/draft/publish/").content)
    olu.post(f"{at}/draft/discard/")
    assert reload(policy.pk).draft is None
    assert olu.get(f"{at}/draft/publish/").status_code == 302
    olu.post(f"{at}/retire/")
    assert reload(policy.pk).retired_at is not None
    page = text_of(olu.get(f"{at}/").content)
    assert "Retired" in page
    assert "Edit rules" not in page
    assert olu.get(f"{at}/draft/add/WHITELIST/").status_code == 409
    assert events_of(policy.pk)[-1] == "policy.retired"


PAGES = [
    ("GET", "/policies/", "read"),
    ("GET", "/policies/new/", "edit"),
    ("POST", "/policies/new/", "edit"),
    ("GET", "/policies/{id}/", "read"),
    ("GET", "/policies/{id}/versions/", "read"),
    ("GET", "/policies/{id}/versions/1/", "read"),
    ("GET", "/policies/{id}/compare/", "read"),
    ("POST", "/policies/{id}/versions/1/restore/", "edit"),
    ("GET", "/policies/{id}/describe/", "edit"),
    ("POST", "/policies/{id}/describe/", "edit"),
    ("GET", "/policies/{id}/assignments/", "edit"),
    ("POST", "/policies/{id}/assignments/", "edit"),
    ("GET", "/policies/{id}/draft/", "read"),
    ("GET", "/policies/{id}/draft/add/WHITELIST/", "edit"),
    ("POST", "/policies/{id}/draft/add/WHITELIST/", "edit"),
    ("GET", "/policies/{id}/draft/rules/daily/", "edit"),
    ("POST", "/policies/{id}/draft/rules/daily/", "edit"),
    ("POST", "/policies/{id}/draft/rules/daily/duplicate/", "edit"),
    ("POST", "/policies/{id}/draft/rules/daily/remove/", "edit"),
    ("GET", "/policies/{id}/draft/publish/", "edit"),
    ("POST", "/policies/{id}/draft/publish/", "edit"),
    ("POST", "/policies/{id}/draft/discard/", "edit"),
    ("POST", "/policies/{id}/shadow/promote/", "edit"),
    ("POST", "/policies/{id}/shadow/end/", "edit"),
    ("POST", "/policies/{id}/retire/", "edit"),
]


@pytest.mark.parametrize(("method", "path", "right"), PAGES)
def test_each_page_asks_for_its_right(people: Cast, method: str, path: str, right: str) -> None:
    policy = make_policy(people.organization, actor_for(people.olu))
    address = path.format(id=public(policy))
    for who in ("vera", "rui", "olu", "ada", "oona"):
        answer = signed_in(getattr(people, who)).generic(method, address)
        assert (answer.status_code == 403) == (right == "edit" and who in ("vera", "rui")), who
    assert Client().generic(method, address).status_code == 302
    if "{id}" in path:
        assert signed_in(people.mallory).generic(method, address).status_code == 404


def test_a_page_of_what_is_not_there_is_not_found(people: Cast) -> None:
    policy, olu = make_policy(people.organization, actor_for(people.olu)), signed_in(people.olu)
    for path in (
        "pol_1/",
        f"{public(policy)}/versions/7/",
        f"{public(policy)}/draft/rules/none/",
        f"{public(policy)}/draft/add/NONE/",
    ):
        assert olu.get(f"/policies/{path}").status_code == 404
