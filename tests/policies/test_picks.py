"""Lists that people pick from: chips to tick, a search by name, categories that were seen, countries by name."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import pytest
from django.http import QueryDict

from policies.engine.rules import RuleType
from policies.forms import RULE_FORMS, RuleForm
from policies.forms.picks import MOST_CHIPS
from tests.policies.sent import shown
from tests.policies.test_rule_forms import AROUND, PAYEE

OTHER = "cpt_01kas4t5n0e1wr9m4t7b2c6d0g"


class SmallTown:
    """An organization that has paid two, for two things."""

    payees: Sequence[tuple[str, str]] = ((PAYEE, "Acme Data"), (OTHER, "Border Books"))

    def names(self, ids: Iterable[str]) -> Mapping[str, str]:
        return {one: name for one, name in self.payees if one in set(ids)}

    def find(self, words: str) -> Sequence[tuple[str, str]]:
        return [pair for pair in self.payees if words.lower() in pair[1].lower()]

    def called(self, words: str) -> Sequence[tuple[str, str]]:
        return [pair for pair in self.payees if words.lower() in (pair[0], pair[1].lower())]

    def categories(self) -> Sequence[str]:
        return ["data", "books"]


IN_TOWN = replace(AROUND, directory=SmallTown())


def sent_by(type_: RuleType, **changed: str | list[str]) -> QueryDict:
    sent = shown(RULE_FORMS[type_](around=IN_TOWN))
    for name, value in changed.items():
        sent.setlist(name.replace("__", "-"), value if isinstance(value, list) else [value])
    return sent


def drawn_again(type_: RuleType, sent: QueryDict, *, more: str = "", find: str = "") -> RuleForm:
    return RULE_FORMS[type_].typed(sent, around=IN_TOWN, rule=None, more=more, find=find)


def test_a_counterparty_is_found_by_name_and_ticked() -> None:
    form = drawn_again(RuleType.WHITELIST, sent_by(RuleType.WHITELIST, allowed__find="border"), find="allowed")
    page = str(form["allowed"])
    assert "Border Books" in page
    assert "Acme Data" not in page
    assert shown(form).getlist("allowed") == [], "found is not yet chosen"
    sent = sent_by(RuleType.WHITELIST, allowed=[OTHER], allowed__find="acme")
    again = drawn_again(RuleType.WHITELIST, sent, find="allowed")
    assert shown(again).getlist("allowed") == [OTHER], "another search keeps what was ticked"
    saved = RULE_FORMS[RuleType.WHITELIST](sent, around=IN_TOWN)
    assert saved.is_valid()
    assert saved.plain["allowed"] == [OTHER]


def test_who_is_chosen_is_called_by_name() -> None:
    rule = {"key": "a", "type": "COUNTERPARTY", "blocked": [PAYEE, "domain:evil.example"]}
    page = str(RULE_FORMS[RuleType.COUNTERPARTY](around=IN_TOWN, rule=rule)["blocked"])
    assert "<span>Acme Data</span>" in page
    assert "<span>domain:evil.example</span>" in page


def test_what_is_unticked_is_dropped() -> None:
    rule = {"key": "a", "type": "WHITELIST", "allowed": [PAYEE, OTHER]}
    kind = RULE_FORMS[RuleType.WHITELIST]
    sent = shown(kind(around=IN_TOWN, rule=rule))
    sent.setlist("allowed", [OTHER])
    form = kind(sent, around=IN_TOWN, rule=rule)
    assert form.is_valid()
    assert form.plain["allowed"] == [OTHER]


def test_what_is_typed_becomes_a_chip_when_it_is_added() -> None:
    sent = sent_by(RuleType.WHITELIST, allowed=[PAYEE], allowed__typed="api.example.com\n0xabc\n")
    again = shown(drawn_again(RuleType.WHITELIST, sent, more="allowed"))
    assert again.getlist("allowed") == [PAYEE, "domain:api.example.com", "address:0xabc"]
    assert again["allowed-typed"] == ""


def test_a_long_list_stands_as_lines_and_loses_nothing() -> None:
    allowed = [f"domain:n{number:04}.example.com" for number in range(1000)]
    kind, rule = RULE_FORMS[RuleType.WHITELIST], {"key": "a", "type": "WHITELIST", "allowed": allowed}
    sent = shown(kind(around=IN_TOWN, rule=rule))
    assert len(sent.getlist("allowed")) == MOST_CHIPS
    form = kind(sent, around=IN_TOWN, rule=rule)
    assert form.is_valid()
    assert form.plain["allowed"] == allowed


def test_categories_that_were_seen_are_offered() -> None:
    page = str(RULE_FORMS[RuleType.CATEGORY](around=IN_TOWN)["allowed"])
    assert 'value="data"' in page
    assert "checked" not in page
    sent = sent_by(RuleType.CATEGORY, allowed=["data"], allowed__typed="ai services")
    form = RULE_FORMS[RuleType.CATEGORY](sent, around=IN_TOWN)
    assert form.is_valid()
    assert form.plain["allowed"] == ["data", "ai services"]


@pytest.mark.parametrize(
    ("typed", "codes"),
    [
        ("Germany", ["DE"]),
        ("germany, FR", ["DE", "FR"]),
        ("DE FR us", ["DE", "FR", "US"]),
        ("Bolivia; DE", ["BO", "DE"]),
        ("Congo, The Democratic Republic of the", ["CD"]),
    ],
)
def test_countries_are_named_in_words_or_codes(typed: str, codes: list[str]) -> None:
    form = RULE_FORMS[RuleType.GEOGRAPHIC](sent_by(RuleType.GEOGRAPHIC, allowed__typed=typed), around=IN_TOWN)
    assert form.is_valid(), form.errors
    assert form.plain["allowed"] == codes


def test_a_country_that_does_not_exist_is_named_in_the_error_and_stays_typed() -> None:
    sent = sent_by(RuleType.GEOGRAPHIC, allowed__typed="Germany, Atlantis")
    form = RULE_FORMS[RuleType.GEOGRAPHIC](sent, around=IN_TOWN)
    assert not form.is_valid()
    assert str(form.errors["allowed"][0]).startswith("Atlantis: Must be a country code")
    assert shown(form)["allowed-typed"] == "Germany, Atlantis"


def test_a_chosen_country_is_called_by_its_name() -> None:
    rule = {"key": "a", "type": "GEOGRAPHIC", "blocked": ["KP"]}
    assert "<span>North Korea</span>" in str(RULE_FORMS[RuleType.GEOGRAPHIC](around=IN_TOWN, rule=rule)["blocked"])
