"""What names look like: whatever an eye takes for the same has one look, and what it tells apart has not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spend.looks import LONGEST_LOOK, is_same_name, look_of


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("PayPal", "PayPaI"),
        ("PayPal", "\N{GREEK CAPITAL LETTER RHO}\N{CYRILLIC SMALL LETTER A}yPal"),
        ("PAYPAL", "paypal"),
        ("Invoice Inc.", "1NVO1CE INC"),
        ("Modern", "Modem"),
        ("Amazon", "AMAZON"),
        ("IBM", "ibm"),
        ("Vimeo", "VIMEO"),
        ("AMAZON", "Amaz\N{CYRILLIC SMALL LETTER O}n"),
        ("Google", "G00gle"),
        ("Café Æon", "CAFE AEON"),
        ("ACME", "\N{FULLWIDTH LATIN CAPITAL LETTER A}-CME"),
        ("Straße", "STRASSE"),
        ("北京", "北 京"),
    ],
)
def test_what_an_eye_takes_for_the_same_has_one_look(name: str, other: str) -> None:
    assert look_of(name) == look_of(other) != ""
    assert look_of(name.upper()) == look_of(name.lower()) or not name.isascii()


@pytest.mark.parametrize(
    ("name", "other"),
    [("Nova", "Vova"), ("Never", "Hever"), ("Acme", "Acne"), ("Foundry", "Foundry 2"), ("北京", "北海")],
)
def test_what_an_eye_tells_apart_has_two(name: str, other: str) -> None:
    assert look_of(name) != look_of(other)


def test_the_same_name_is_written_with_the_same_letters() -> None:
    assert is_same_name("Foundry Hardware", "foundry-HARDWARE.")
    assert not is_same_name("Foundry", "F0undry")
    assert not is_same_name("Cafe", "Café")


@pytest.mark.parametrize("name", ["", "…", "-- !", "\u0301"])
def test_a_name_of_signs_looks_like_nothing(name: str) -> None:
    assert look_of(name) == ""


@given(st.text(max_size=200), st.sampled_from([" ", "-", ".", "\u200d"]))
def test_any_name_has_a_look_that_fits_and_that_neither_case_nor_signs_change(name: str, sign: str) -> None:
    assert len(look_of(name)) <= LONGEST_LOOK
    assert look_of(sign.join(name)) == look_of(name) or len(look_of(name)) == LONGEST_LOOK


def test_the_longest_look_is_cut() -> None:
    assert len(look_of("\N{ARABIC LIGATURE SALLALLAHOU ALAYHE WASALLAM}" * 200)) == LONGEST_LOOK
