"""Reading rule documents: what is refused, with which path and code, and what is brought to one form."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Invalid, InvalidMany
from core.money import LARGEST_AMOUNT
from policies.engine import values
from policies.engine.document import MAX_RULES, Document, json_schema, parse, rule_to_plain, to_plain
from policies.engine.places import COUNTRIES, is_country, is_time_zone
from policies.engine.rule_shapes import SHAPES
from policies.engine.rules import (
    ApprovalThreshold,
    BudgetAllocation,
    Duplicate,
    Hours,
    OnBreach,
    Period,
    RuleType,
    SpendLimit,
    TimeWindow,
    Whitelist,
)
from spend.payee import normal_identifier
from tests.policies.engine.machine import machine_in
from tests.policies.engine.strategies import law
from tests.policies.engine.writing import CPT, USD, document, faults, limit, parsed, rule


@pytest.mark.parametrize("value", [None, [], "rules", 1, True])
def test_a_document_is_an_object(value: object) -> None:
    assert faults(value) == [("document", "type_wrong")]


@pytest.mark.parametrize("schema", [None, 2, "1", True, 1.5])
def test_the_schema_is_known(schema: object) -> None:
    assert faults({"schema": schema, "rules": []}) == [("schema", "schema_unknown")]


@pytest.mark.parametrize("rules", [None, {}, "x"])
def test_rules_are_a_list(rules: object) -> None:
    assert faults({"schema": 1, "rules": rules}) == [("rules", "type_wrong")]


def test_all_faults_are_named_at_once() -> None:
    broken = {
        "schema": 3,
        "note": "",
        "also": 1,
        "rules": [limit(daily={"USD": "x", "usd": "1"}, colour="red"), 7, rule("MAGIC"), limit(window="sliding")],
    }
    assert faults(broken) == [
        ("document.also", "field_unknown"),
        ("document.note", "field_unknown"),
        ("schema", "schema_unknown"),
        ("rules[0].colour", "field_unknown"),
        ("rules[0].daily.USD", "amount_invalid"),
        ("rules[0].daily.usd", "currency_invalid"),
        ("rules[1]", "type_wrong"),
        ("rules[2].type", "type_unknown"),
        ("rules[3].window", "value_unknown"),
    ]


def test_faults_are_named_up_to_a_bound() -> None:
    names = {f"field_{number:03}": 1 for number in range(values.MAX_FAULTS + 1)}
    assert len(faults(document(limit(**names)))) == values.MAX_FAULTS == 100


def test_a_long_name_is_cut_in_the_path() -> None:
    assert faults(document(limit(**{"x" * 500: 1}))) == [("rules[0]." + "x" * 60, "field_unknown")]


def test_an_empty_document_is_read() -> None:
    assert parse(document()).rules == ()
    assert to_plain(parse(document())) == {"schema": 1, "rules": []}


def test_a_policy_has_at_most_fifty_rules() -> None:
    assert len(parse(document(*(limit(key=f"k{place}") for place in range(50)))).rules) == MAX_RULES == 50
    assert faults(document(*(limit(key=f"k{place}") for place in range(51)))) == [("rules", "too_many")]


def test_keys_are_unique() -> None:
    assert faults(document(limit(), limit(key="other"), limit())) == [("rules[2].key", "key_repeated")]


@pytest.mark.parametrize("key", ["", "1st", "Daily", "a-b", "a" * 41, "é", 5, None])
def test_a_key_is_a_short_plain_name(key: object) -> None:
    assert faults(document(limit(key=key))) == [("rules[0].key", "key_invalid")]


def test_the_longest_key_is_read() -> None:
    assert parsed(limit(key="a" * 40)).key == "a" * 40


def test_a_rule_has_a_key_and_a_type() -> None:
    assert faults(document({"type": "SPEND_LIMIT", "daily": USD})) == [("rules[0].key", "field_missing")]
    assert faults(document({"key": "limit", "daily": USD})) == [("rules[0].type", "type_unknown")]
    assert faults(document({"key": "limit", "type": ["SPEND_LIMIT"]})) == [("rules[0].type", "type_unknown")]


@pytest.mark.parametrize(
    "plain",
    [
        limit(daily={f"C{n:02}": str(LARGEST_AMOUNT) for n in range(20)}),
        limit(review={"approvals": 10, "timeout_minutes": 43_200}),
        limit(when={"categories": ["x" * 200]}),
        limit(when={"categories": [f"c{n}" for n in range(200)]}),
        rule("WHITELIST", allowed=[f"account:A{n}" for n in range(1_000)]),
        rule("VELOCITY", limit=1_000_000, period_minutes=527_040),
        rule("DUPLICATE", minutes=44_640),
        rule("BUDGET_ALLOCATION", amount=USD, period="once", warn_at=[1, 100]),
        rule("TIME_WINDOW", windows=[{"from": "00:00", "to": "24:00"}] * 50),
        rule("BLACKOUT_PERIOD", dates=[{"from": "2026-01-01", "to": "2026-01-01"}] * 200),
        rule("EXPIRATION", valid_until="9999-12-31T23:59:59Z"),
    ],
)
def test_the_bounds_themselves_are_read(plain: dict[str, Any]) -> None:
    assert parse(document(rule_to_plain(parsed(plain)))).rules == (parsed(plain),)


def test_defaults() -> None:
    spend = parsed(limit())
    assert isinstance(spend, SpendLimit)
    assert (spend.window, spend.per, spend.time_zone, spend.on_breach) == ("calendar", "agent", None, OnBreach.DENY)
    assert (spend.review.approvals, spend.review.roles, spend.review.people) == (1, (), ())
    assert spend.review.timeout_minutes == 1_440
    budget = parsed(rule("BUDGET_ALLOCATION", amount=USD, period="once"))
    assert isinstance(budget, BudgetAllocation)
    assert (budget.shared, budget.period, budget.starts_at, budget.ends_at) == (True, Period.ONCE, None, None)
    duplicate = parsed(rule("DUPLICATE", minutes=5))
    assert isinstance(duplicate, Duplicate)
    assert duplicate.on_breach is OnBreach.REVIEW
    windows = parsed(rule("TIME_WINDOW", windows=[{"from": "09:30", "to": "24:00"}]))
    assert isinstance(windows, TimeWindow)
    assert windows.windows == (Hours(570, 1_440),)
    assert len(windows.windows[0].days) == 7


def test_what_is_at_its_default_is_left_out() -> None:
    spelled_out = limit(
        window="calendar",
        per="agent",
        on_breach="deny",
        when={},
        review={"approvals": 1, "roles": [], "people": [], "timeout_minutes": 1_440},
    )
    assert rule_to_plain(parsed(spelled_out)) == limit()


def test_ids_come_back_as_they_were() -> None:
    payee, person = "cpt_01kaa00000000000000000000a", "per_01kaa00000000000000000000a"
    plain = limit(when={"counterparties": [payee]}, review={"people": [person]})
    assert rule_to_plain(parsed(plain)) == plain


def test_sets_are_sorted_and_told_once() -> None:
    plain = rule_to_plain(
        parsed(
            limit(
                daily={"USD": "5", "EUR": Decimal("4.5")},
                when={
                    "categories": ["b", " A", "b"],
                    "rails": ["x402", "card"],
                    "minimum_amount": {"USD": 1, "CHF": "2"},
                },
            )
        )
    )
    assert plain["daily"] == {"EUR": "4.50", "USD": "5.00"}
    assert list(plain["daily"]) == ["EUR", "USD"]
    assert plain["when"] == {
        "categories": ["a", "b"],
        "rails": ["card", "x402"],
        "minimum_amount": {"CHF": "2.00", "USD": "1.00"},
    }
    windows = [{"from": "20:00", "to": "21:00", "days": ["sun", "mon"]}, {"from": "09:00", "to": "10:00"}]
    assert rule_to_plain(parsed(rule("TIME_WINDOW", windows=windows)))["windows"] == [
        {"days": ["mon", "sun"], "from": "20:00", "to": "21:00"},
        {"from": "09:00", "to": "10:00"},
    ]


@pytest.mark.parametrize("zero", ["0", "0.00", 0, Decimal("0.0")])
def test_a_threshold_may_be_zero(zero: object) -> None:
    threshold = parsed(rule("APPROVAL_THRESHOLD", above={"USD": zero}))
    assert isinstance(threshold, ApprovalThreshold)
    assert threshold.above == (("USD", Decimal(0)),)


@pytest.mark.parametrize(
    ("text", "moment", "written"),
    [
        ("2026-11-18T12:00:00Z", datetime(2026, 11, 18, 12, tzinfo=UTC), "2026-11-18T12:00:00Z"),
        (
            "2026-11-18t12:00:00.25z",
            datetime(2026, 11, 18, 12, 0, 0, 250_000, tzinfo=UTC),
            "2026-11-18T12:00:00.250000Z",
        ),
        ("2026-11-18T13:00:00+01:00", datetime(2026, 11, 18, 12, tzinfo=UTC), "2026-11-18T12:00:00Z"),
    ],
)
def test_moments_are_kept_in_utc(text: str, moment: datetime, written: str) -> None:
    read = values.read_moment(text, "at")
    assert read == moment
    assert read.tzinfo is UTC
    assert values.write_moment(read) == written


def test_a_moment_is_written_in_utc_whatever_the_machine_is_set_to() -> None:
    with machine_in("Asia/Kathmandu"):
        assert values.write_moment(datetime(2026, 11, 18, 12, tzinfo=UTC)) == "2026-11-18T12:00:00Z"


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("domain:API.OpenAI.com", "domain:api.openai.com"),
        ("domain:api.openai.com.", "domain:api.openai.com"),
        ("domain:*.OpenAI.com", "domain:*.openai.com"),
        ("domain:xn--mnchen-3ya.de", "domain:xn--mnchen-3ya.de"),
        ("address:0xABCDEF0000000000000000000000000000000001", "address:0xabcdef0000000000000000000000000000000001"),
        ("address:1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2", "address:1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2"),
        ("domain:SHOP.XXX", "domain:shop.xxx"),
        ("account:de89 3704 0044 0532 0130 00", "account:DE89370400440532013000"),
        ("account:ach:021000021/7", "account:ACH:021000021/7"),
        ("account:a" + " " * 290 + "b", "account:AB"),
        (CPT, CPT),
    ],
)
def test_identifiers_are_brought_to_one_form(sent: str, read: str) -> None:
    whitelist = parsed(rule("WHITELIST", allowed=[sent]))
    assert isinstance(whitelist, Whitelist)
    assert whitelist.allowed == (read,)


@pytest.mark.parametrize(
    "sent",
    [
        "OpenAI",
        "domain:",
        "domain:*",
        "domain:*.com",
        "domain:münchen.de",
        "domain:https://openai.com",
        "domain:a..b.com",
        "domain:a*.openai.com",
        "name:openai",
        "address:0x1",
        "address:0x12 34",
        "account:x",
        "account:a,b",
        "cpt:abc",
        "",
    ],
)
def test_what_is_no_identifier(sent: str) -> None:
    assert faults(document(rule("WHITELIST", allowed=[sent]))) == [("rules[0].allowed[0]", "identifier_invalid")]


@pytest.mark.parametrize(
    ("sent", "code"), [("cpt_x", "id_invalid"), (5, "type_wrong"), ("account:" + "x" * 293, "type_wrong")]
)
def test_what_is_no_identifier_at_all(sent: object, code: str) -> None:
    assert faults(document(rule("WHITELIST", allowed=[sent]))) == [("rules[0].allowed[0]", code)]


def test_of_an_id_that_is_none_it_is_said_whose_it_had_to_be() -> None:
    with pytest.raises(Invalid, match=r"^Must be the id of a counterparty, such as cpt_….$"):
        values.read_identifier("cpt_x", "allowed")
    with pytest.raises(InvalidMany) as refused:
        parse(document(limit(review={"people": ["rui"]})))
    assert [detail for _, _, detail in refused.value.errors] == ["Must be the id of a person, such as per_…."]


@law
@given(
    st.one_of(
        st.tuples(
            st.just("domain"),
            st.from_regex(r"[a-zA-Z0-9]{1,8}(-[a-z0-9]{1,4})?(\.[a-zA-Z]{2,6}){1,3}\.?", fullmatch=True),
        ),
        st.tuples(st.just("address"), st.from_regex(r"0[xX][0-9a-fA-F]{40}|[!-~]{4,60}", fullmatch=True)),
        st.tuples(
            st.just("account"), st.from_regex(r"[A-Za-z0-9:/_.@+-]{2,30}( [A-Za-z0-9]{1,4}){0,3}", fullmatch=True)
        ),
    )
)
def test_a_rule_means_the_identifier_that_a_payment_carries(identifier: tuple[str, str]) -> None:
    kind, value = identifier
    carried = normal_identifier(kind, value, field="counterparty")
    assert values.read_identifier(f"{kind}:{value}", "allowed") == carried
    assert values.read_identifier(carried, "allowed") == carried


@law
@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text(max_size=5)
        | st.sampled_from(["1", "mon", "USD"]),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["USD", "from", "to", "days"]), inner, max_size=3)
        ),
        max_leaves=6,
    ),
    st.sampled_from([(kind, parameter.name) for kind, shape in SHAPES.items() for parameter in shape.parameters]),
)
def test_nothing_but_invalid_comes_out_of_junk(junk: object, place: tuple[RuleType, str]) -> None:
    kind, name = place
    read: list[Document] = []
    with suppress(Invalid):
        read.append(parse(document({"key": "it", "type": kind.value, name: junk})))
    assert all(parse(to_plain(found)) == found for found in read)


@pytest.mark.parametrize("check", [is_country, is_time_zone], ids=["country", "time zone"])
def test_places_are_exact(check: Callable[[str], bool]) -> None:
    assert not check("")
    assert not check("posix/UTC")
    assert not check("right/UTC")
    assert not check("Factory")


def test_places_that_exist() -> None:
    assert len(COUNTRIES) == 249
    assert is_country("DE")
    assert not is_country("UK")
    assert is_time_zone("Europe/Berlin")
    assert is_time_zone("UTC")
    assert not is_time_zone("../etc/passwd")


def test_the_schema_knows_every_type_and_parameter() -> None:
    schema: Any = json_schema()
    alternatives = schema["properties"]["rules"]["items"]["oneOf"]
    assert [one["title"] for one in alternatives] == list(RuleType)
    for one in alternatives:
        shape = SHAPES[RuleType(one["title"])]
        assert set(one["properties"]) == {"type", *(parameter.name for parameter in shape.parameters)}
        assert one["required"][:2] == ["type", "key"]
        assert one["additionalProperties"] is False
        assert one["properties"]["type"] == {"const": one["title"]}
    limits = alternatives[0]["properties"]
    assert limits["daily"]["additionalProperties"]["type"] == "string"
    assert limits["when"]["properties"]["rails"]["items"]["enum"][0] == "card"
    assert limits["window"]["enum"] == ["calendar", "rolling"]
