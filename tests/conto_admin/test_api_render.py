"""JSON keeps amounts exact and refuses what is too long, too deep or ambiguous."""

import io
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from django.utils.translation import gettext_lazy
from hypothesis import given
from hypothesis import strategies as st

from conto_admin.api_render import (
    DEEPEST_NESTING,
    LARGEST_BODY_BYTES,
    LONGEST_NUMBER,
    JsonParser,
    JsonRenderer,
    depth,
    read_json,
)
from core.errors import Invalid, Malformed, TooLarge
from core.money import parse_amount


def test_a_number_keeps_the_digits_of_its_text() -> None:
    assert read_json(b'{"amount": 0.10, "count": 3}') == {"amount": Decimal("0.10"), "count": 3}
    assert str(read_json(b"[0.10]")[0]) == "0.10"


def test_a_number_with_an_exponent_is_exact_and_no_amount() -> None:
    small, large = read_json(b"[1e-5, 1.25E+1]")

    assert (small, large) == (Decimal("0.00001"), Decimal("12.5"))
    for value in (small, large):
        with pytest.raises(Invalid, match="Send the amount as a string"):
            parse_amount(value)


def test_amounts_leave_as_text() -> None:
    assert JsonRenderer().render({"amount": Decimal("0.000001"), "many": Decimal("1E+3")}) == (
        b'{"amount":"0.000001","many":"1000"}'
    )


def test_moments_and_ids_leave_as_text() -> None:
    rendered = JsonRenderer().render([datetime(2026, 11, 22, 15, tzinfo=UTC), UUID(int=1), gettext_lazy("words")])

    assert rendered == b'["2026-11-22T15:00:00Z","00000000-0000-0000-0000-000000000001","words"]'


def test_nothing_leaves_as_nothing() -> None:
    assert JsonRenderer().render(None) == b""


def test_a_float_and_an_object_have_no_silent_form() -> None:
    with pytest.raises(TypeError, match="not JSON serializable: object"):
        JsonRenderer().render(object())


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"{'a': 1}",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": -Infinity}',
        b'{"a": 1, "a": 2}',
        b'{"a": 1} x',
        b'\xff\xfe{"a": 1}',
        b'"\x80"',
        b"[" * 100_000,
        b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
        b"[" + b"9" * 5_000 + b"]",
        b"[" + b"9" * (LONGEST_NUMBER + 1) + b"]",
        b"[0." + b"9" * LONGEST_NUMBER + b"]",
        b"[1e65]",
        b"[1e-999999999]",
        b"[1e99999999999999999999]",
        b"[" * (DEEPEST_NESTING + 1) + b"]" * (DEEPEST_NESTING + 1),
    ],
)
def test_what_is_not_plain_json_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed) as caught:
        read_json(body)
    assert caught.value.code == "malformed"


def test_as_deep_as_allowed_is_read() -> None:
    assert depth(read_json(b"[" * DEEPEST_NESTING + b"]" * DEEPEST_NESTING)) == DEEPEST_NESTING


def test_a_wide_body_is_not_a_deep_one() -> None:
    assert len(read_json(b"[" + b",".join([b"{}"] * 500) + b"]")) == 500


def test_a_body_over_the_limit_is_refused_before_it_is_read_whole() -> None:
    stream = io.BytesIO(b" " * (LARGEST_BODY_BYTES + 100))

    with pytest.raises(TooLarge):
        JsonParser().parse(stream)

    assert stream.tell() == LARGEST_BODY_BYTES + 1


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(PLAIN.filter(lambda value: value is not None))
def test_what_was_rendered_reads_back(value: object) -> None:
    assert read_json(JsonRenderer().render(value)) == value
