"""Minting keys and telling them from other text."""

import re

import pytest
from pytest_django import Settings

from core import keys
from core.ids import Prefix, new_id, to_public
from tests.factories import NOW

KEY_ID = new_id(NOW)


def test_a_key_has_the_documented_form() -> None:
    for kind in (keys.AGENT, keys.ORGANIZATION):
        text = keys.mint(kind, KEY_ID)
        assert re.fullmatch(rf"conto_{kind}_[0-9a-z]{{26}}_[0-9A-Za-z]{{43}}[0-9A-Za-z]{{6}}", text)
        assert to_public(Prefix.KEY, KEY_ID).removeprefix("key_") == text.split("_")[2]


def test_parsing_returns_kind_and_id() -> None:
    text = keys.mint(keys.AGENT, KEY_ID)
    parsed = keys.parse(text)
    assert parsed is not None
    assert (parsed.kind, parsed.key_id, parsed.text) == ("agent", KEY_ID, text)
    assert text not in repr(parsed)


def test_two_keys_of_one_id_differ() -> None:
    assert keys.mint(keys.AGENT, KEY_ID) != keys.mint(keys.AGENT, KEY_ID)


def test_every_single_wrong_letter_is_noticed() -> None:
    text = keys.mint(keys.AGENT, KEY_ID)
    for index, letter in enumerate(text):
        wrong = text[:index] + ("b" if letter == "a" else "a") + text[index + 1 :]
        assert keys.parse(wrong) is None, index


@pytest.mark.parametrize(
    "text",
    ["", "conto_agent_", "sk_live_123", "conto_person_" + "0" * 76, "conto_agent_" + "u" * 26 + "_" + "0" * 49],
)
def test_other_text_is_no_key(text: str) -> None:
    assert keys.parse(text) is None


def test_an_id_of_more_than_128_bits_is_no_key() -> None:
    body = "conto_agent_" + "8" * 26 + "_" + "0" * 43
    assert keys.parse(body + keys._checksum(body)) is None


def test_space_and_line_ends_are_not_cut_off() -> None:
    assert keys.parse(keys.mint(keys.AGENT, KEY_ID) + "\n") is None


def test_the_hash_matches_only_its_own_key() -> None:
    text, other = keys.mint(keys.AGENT, KEY_ID), keys.mint(keys.AGENT, KEY_ID)
    stored = keys.secret_hash(text)
    assert re.fullmatch("[0-9a-f]{64}", stored)
    assert keys.matches(text, stored)
    assert not keys.matches(other, stored)


def test_the_hash_depends_on_the_pepper(settings: Settings) -> None:
    text = keys.mint(keys.AGENT, KEY_ID)
    settings.CONTO_KEY_PEPPER = "one pepper"
    stored = keys.secret_hash(text)
    settings.CONTO_KEY_PEPPER = "another pepper"
    assert not keys.matches(text, stored)


def test_without_a_pepper_nothing_is_hashed(settings: Settings) -> None:
    settings.CONTO_KEY_PEPPER = ""
    with pytest.raises(AssertionError):
        keys.secret_hash("anything")
