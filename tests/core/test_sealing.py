"""Sealing secrets: they open in their own place, with their own key, unchanged, and nowhere else."""

from base64 import b64encode
from dataclasses import replace

import pytest
from pytest_django import Settings

from core.ids import new_id
from core.sealing import CannotOpen, Place, Sealed, keyring, keyring_problems, rewrap, seal, unseal
from tests.factories import NOW

SECRET = "sk_provider_4f9d1c7e_ü"
PLACE = Place("agents_sealedcredential", new_id(NOW), "sealed")
FIRST, SECOND = b64encode(bytes(range(32))).decode(), b64encode(bytes(range(32, 64))).decode()


@pytest.fixture(autouse=True)
def two_keys(settings: Settings) -> None:
    settings.CONTO_KEKS = {"first": FIRST, "second": SECOND}
    settings.CONTO_KEK_CURRENT = "first"


def test_a_sealed_secret_opens_in_its_place() -> None:
    assert unseal(seal(SECRET, PLACE), PLACE) == SECRET


def test_the_secret_is_not_in_what_is_stored() -> None:
    sealed = seal(SECRET, PLACE)
    assert SECRET.encode() not in sealed.text + sealed.wrapped_key
    assert sealed.kek == "first"


def test_the_same_secret_is_sealed_differently_each_time() -> None:
    one, two = seal(SECRET, PLACE), seal(SECRET, PLACE)
    assert one.text != two.text
    assert one.wrapped_key != two.wrapped_key


@pytest.mark.parametrize(
    "elsewhere",
    [
        replace(PLACE, row=new_id(NOW)),
        replace(PLACE, field="wrapped_key"),
        replace(PLACE, table="agents_agentkey"),
        replace(PLACE, table="agents_sealedcredentials", field="ealed"),
    ],
)
def test_moved_to_another_place_it_does_not_open(elsewhere: Place) -> None:
    with pytest.raises(CannotOpen):
        unseal(seal(SECRET, PLACE), elsewhere)


def test_a_data_key_of_another_secret_does_not_open_it() -> None:
    one, two = seal(SECRET, PLACE), seal("other", PLACE)
    with pytest.raises(CannotOpen):
        unseal(replace(one, wrapped_key=two.wrapped_key), PLACE)


@pytest.mark.parametrize("part", ["text", "wrapped_key"])
def test_every_changed_byte_is_noticed(part: str) -> None:
    sealed = seal("s", PLACE)
    stored: bytes = getattr(sealed, part)
    for index in range(len(stored)):
        changed = stored[:index] + bytes([stored[index] ^ 1]) + stored[index + 1 :]
        with pytest.raises(CannotOpen):
            unseal(replace(sealed, text=changed) if part == "text" else replace(sealed, wrapped_key=changed), PLACE)


@pytest.mark.parametrize("stored", [b"", b"\x01", b"\x01" + b"n" * 12, b"\x02" + b"n" * 40])
def test_what_is_no_sealed_text_does_not_open(stored: bytes) -> None:
    with pytest.raises(CannotOpen):
        unseal(replace(seal(SECRET, PLACE), text=stored), PLACE)


def test_another_key_of_the_same_name_does_not_open_it(settings: Settings) -> None:
    sealed = seal(SECRET, PLACE)
    settings.CONTO_KEKS = {"first": SECOND}
    with pytest.raises(CannotOpen):
        unseal(sealed, PLACE)


def test_without_its_key_it_does_not_open(settings: Settings) -> None:
    sealed = seal(SECRET, PLACE)
    settings.CONTO_KEKS, settings.CONTO_KEK_CURRENT = {"second": SECOND}, "second"
    with pytest.raises(CannotOpen):
        unseal(sealed, PLACE)


def test_the_name_of_the_key_is_bound_too(settings: Settings) -> None:
    settings.CONTO_KEKS = {"first": FIRST, "second": FIRST}
    with pytest.raises(CannotOpen):
        unseal(replace(seal(SECRET, PLACE), kek="second"), PLACE)


def test_rewrapping_changes_the_key_and_nothing_else(settings: Settings) -> None:
    sealed = seal(SECRET, PLACE)
    settings.CONTO_KEK_CURRENT = "second"
    moved = rewrap(sealed, PLACE)
    assert (moved.text, moved.kek) == (sealed.text, "second")
    settings.CONTO_KEKS = {"second": SECOND}
    assert unseal(moved, PLACE) == SECRET


def test_rewrapping_needs_the_old_key(settings: Settings) -> None:
    sealed = seal(SECRET, PLACE)
    settings.CONTO_KEKS, settings.CONTO_KEK_CURRENT = {"second": SECOND}, "second"
    with pytest.raises(CannotOpen):
        rewrap(sealed, PLACE)


@pytest.mark.parametrize(
    ("keks", "current"),
    [
        ({}, ""),
        ({"first": FIRST}, "second"),
        ({"first": "not base 64!"}, "first"),
        ({"first": "ü"}, "first"),
        ({"first": b64encode(b"1" * 16).decode()}, "first"),
        ({"first": b64encode(bytes(32)).decode()}, "first"),
        ({"first": FIRST, "second": b64encode(b"12345678" * 4).decode()}, "first"),
        ({"first": FIRST, "": SECOND}, "first"),
        ({"first": FIRST, "k" * 41: SECOND}, "first"),
    ],
)
def test_unfit_keys_are_named_and_seal_nothing(settings: Settings, keks: dict[str, str], current: str) -> None:
    settings.CONTO_KEKS, settings.CONTO_KEK_CURRENT = keks, current
    assert keyring_problems()
    assert not any(text in problem for text in keks.values() for problem in keyring_problems())
    with pytest.raises(CannotOpen):
        seal(SECRET, PLACE)


def test_the_keyring_does_not_show_its_keys() -> None:
    assert keyring_problems() == []
    assert not any(repr(key)[2:-1] in repr(keyring()) for key in keyring().keys.values())


def test_a_failure_tells_neither_the_secret_nor_a_cause() -> None:
    with pytest.raises(CannotOpen) as failure:
        unseal(Sealed(b"", b"", "first"), PLACE)
    assert failure.value.__cause__ is None
    assert (failure.value.code, failure.value.status) == ("secret_unreadable", 503)


def test_as_one_text_it_is_the_same_whatever_the_key_is_called(settings: Settings) -> None:
    settings.CONTO_KEKS, settings.CONTO_KEK_CURRENT = {"a.b:c": FIRST}, "a.b:c"
    sealed = seal(SECRET, PLACE)
    assert Sealed.read(sealed.written()) == sealed
    assert unseal(Sealed.read(sealed.written()), PLACE) == SECRET


@pytest.mark.parametrize("text", ["", "JBSWY3DPEHPK3PXP", "a.b", "ü.ü.first", "a b.c.first", "=.=.first"])
def test_a_text_that_was_never_sealed_is_not_read(text: str) -> None:
    with pytest.raises(CannotOpen):
        Sealed.read(text)
