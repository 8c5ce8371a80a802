"""Exemptions in the form of a threshold: whom a row is for is searched for and ticked, or typed as it is called."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from django.http import HttpResponse, QueryDict

from core.ids import Prefix, to_public
from insight.selectors.directory import Directory
from people.models import Member
from policies.engine.rules import RuleType
from policies.forms import RULE_FORMS, RuleForm
from tests.factories import Cast, actor_for, make_cast
from tests.policies.samples import make_agent, make_policy, reload
from tests.policies.sent import Controls, shown
from tests.policies.test_pages import signed_in
from tests.policies.test_picks import OTHER, SmallTown
from tests.policies.test_rule_forms import AGENT, AROUND, PAYEE
from tests.spend.samples import a_counterparty, public

THRESHOLD = RULE_FORMS[RuleType.APPROVAL_THRESHOLD]
NAMESAKE = "cpt_01kas4t5n0e1wr9m4t7b2c6d0h"
EXEMPT = {"agent": AGENT, "counterparty": PAYEE, "above": {"EUR": "9"}}
RULE = {"key": "a", "type": "APPROVAL_THRESHOLD", "above": {"EUR": "5"}, "exemptions": [EXEMPT]}


class TwoOfOneName(SmallTown):
    """A town in which two are called alike."""

    payees = (*SmallTown.payees, (NAMESAKE, "Border Books"))


IN_TOWN = replace(AROUND, directory=TwoOfOneName(), agents=((AGENT, "Robin"),))


def sent(**changed: str | list[str]) -> QueryDict:
    """What a browser sends of a threshold with one exemption, where somebody changed that row."""
    found = shown(THRESHOLD(around=IN_TOWN, rule=RULE))
    for name, value in changed.items():
        found.setlist(f"exemptions-0-{name}", value if isinstance(value, list) else [value])
    return found


def judged(**changed: str | list[str]) -> RuleForm:
    return THRESHOLD(sent(**changed), around=IN_TOWN, rule=RULE)


def payees(form: RuleForm) -> list[str]:
    assert form.is_valid(), form.errors
    return [one["counterparty"] for one in form.plain["exemptions"]]


def refused(form: RuleForm) -> tuple[str, str]:
    """What is said at the field, and the field as it is shown then."""
    assert not form.is_valid()
    assert list(form.errors) == ["exemptions"]
    return str(form.errors["exemptions"][0]), str(form["exemptions"])


def choices(page: str) -> list[str]:
    """Whom a page offers to be ticked."""
    return [one for one in (PAYEE, OTHER, NAMESAKE) if f'value="{one}"><span>' in page]


def test_whom_a_row_is_for_stands_there_by_name_and_stays() -> None:
    page = str(THRESHOLD(around=IN_TOWN, rule=RULE)["exemptions"])
    assert f'value="{PAYEE}" checked><span>Acme Data</span>' in page
    assert payees(judged()) == [PAYEE]


def test_a_counterparty_is_found_by_a_part_of_its_name_and_ticked() -> None:
    form = THRESHOLD.typed(sent(counterparty=[], find="acm"), around=IN_TOWN, rule=RULE, find="exemptions-0")
    assert choices(str(form["exemptions"])) == [PAYEE]
    assert shown(form).getlist("exemptions-0-counterparty") == [], "found is not yet chosen"
    assert payees(judged(counterparty=[PAYEE], find="acm")) == [PAYEE]


def test_a_search_in_a_row_behind_an_empty_one_stays_in_that_row() -> None:
    rows = sent(agent="", counterparty=[], amount="")
    for part, value in {"agent": AGENT, "find": "border", "amount": "7", "currency": "EUR"}.items():
        rows[f"exemptions-1-{part}"] = value
    form = THRESHOLD.typed(rows, around=IN_TOWN, rule=RULE, find="exemptions-1")
    assert choices(str(form["exemptions"]).split("exemptions-1-payee", 1)[1]) == [OTHER, NAMESAKE]
    rows.setlist("exemptions-1-counterparty", [OTHER])
    assert payees(THRESHOLD(rows, around=IN_TOWN, rule=RULE)) == [OTHER]


@pytest.mark.parametrize("words", ["Acme Data", " acme data ", PAYEE])
def test_who_is_typed_as_they_are_called_is_meant(words: str) -> None:
    assert payees(judged(counterparty=[], find=words)) == [PAYEE]


@pytest.mark.parametrize(
    ("words", "said", "offered"),
    [
        ("border books", "several are called “border books”. Tick who is meant.", [OTHER, NAMESAKE]),
        ("acme", "nobody is called exactly “acme”. Tick who is meant.", [PAYEE]),
        ("Nobody", "nobody is known by “Nobody”, as a name, an identifier or an id.", []),
    ],
)
def test_who_is_not_clear_is_asked_for_at_the_field_and_stays_typed(
    words: str, said: str, offered: Sequence[str]
) -> None:
    form = judged(counterparty=[], find=words)
    detail, page = refused(form)
    assert (detail, choices(page)) == (f"Row 1, counterparty: {said}", offered)
    assert shown(form)["exemptions-0-find"] == words


def test_two_of_whom_one_is_meant_are_not_guessed_at() -> None:
    detail, page = refused(judged(counterparty=[PAYEE, OTHER]))
    assert detail == "Row 1, counterparty: an exemption is for one. Leave one ticked."
    assert page.count("checked") == 2
    detail, _ = refused(judged(counterparty=[PAYEE], find="border"))
    assert detail == "Row 1, counterparty: “border” is somebody else. Leave one of the two."


def test_an_empty_row_is_none_and_one_without_a_counterparty_is_a_fault() -> None:
    form = judged(agent="", counterparty=[], amount="")
    assert form.is_valid()
    assert "exemptions" not in form.plain
    detail, _ = refused(judged(counterparty=[]))
    assert detail.startswith("Row 1, counterparty: Must be the id of a counterparty")


# --- With what an organization knows ----------------------------------------------------------------------------------


@pytest.fixture
def people(db: None) -> Cast:
    return make_cast()


def acme(member: Member, **more: Any) -> str:
    identifiers = ["domain:api.acme.example", "address:0xAb5801a7D398351b8bE11C439e05C5B3259aeC9B"]
    return public(a_counterparty(member, "Acme Data", identifiers=identifiers, **more))


def test_an_organization_knows_a_counterparty_by_name_identifier_reference_and_id(people: Cast) -> None:
    mine = (acme(people.olu, external_ref="vendor-7"), "Acme Data")
    foreign = acme(people.mallory)
    town = Directory(people.organization.pk)
    address = "0xab5801a7d398351B8BE11C439e05C5B3259AEC9B"
    for words in ("acme DATA", "API.acme.example", "domain:api.acme.example", address, "vendor-7", mine[0]):
        assert town.called(words) == [mine], words
    for words in ("acme", "account:api.acme.example", "", "cpt_x", foreign, "acme\0"):
        assert town.called(words) == [], words


def test_a_rule_is_saved_without_scripts_with_a_counterparty_that_is_typed_by_name(people: Cast) -> None:
    payee, agent = acme(people.olu), to_public(Prefix.AGENT, make_agent(people.organization).pk)
    policy, olu = make_policy(people.organization, actor_for(people.olu)), signed_in(people.olu)
    at = f"/policies/{to_public(Prefix.POLICY, policy.pk)}/draft/add/APPROVAL_THRESHOLD/"
    sent = Controls(olu.get(at).content.decode()).sent
    row = {"exemptions-0-agent": agent, "exemptions-0-find": "Acme", "exemptions-0-amount": "200"}
    for name, value in {"above-0-amount": "50", **row}.items():
        sent[name] = value

    def answer(**more: str) -> HttpResponse:
        body = sent.urlencode() + "".join(f"&{name}={value}" for name, value in more.items())
        return olu.post(at, body, content_type="application/x-www-form-urlencoded")  # type: ignore[return-value]

    found = answer(find="exemptions-0")
    assert found.status_code == 200
    assert f'value="{payee}"><span>Acme Data</span>' in found.content.decode()
    asked = answer()
    assert asked.status_code == 422
    assert "nobody is called exactly “Acme”. Tick who is meant." in asked.content.decode()
    sent["exemptions-0-find"] = "acme data"
    assert answer().status_code == 302
    draft = reload(policy.pk).draft
    assert draft is not None
    exemption = {"agent": agent, "counterparty": payee, "above": {"USD": "200.00"}}
    assert draft["rules"][-1]["exemptions"] == [exemption]
