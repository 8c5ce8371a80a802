"""Files as they are read: plain data, exact amounts, and refusals with path and line before anything costs."""

import time
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Invalid
from policies.engine.texts import DEEPEST, LARGEST_TEXT_BYTES, MOST_NODES, read_text, write_yaml
from tests.policies.engine.strategies import law


def test_words_are_what_they_look_like() -> None:
    text = b"""
    # a comment
    country: NO
    on: yes
    opens: 09:30
    date: 2026-12-24
    amount: 500.00
    quoted: "12"
    number: 12
    version: 1e3
    hex: 0x52
    nothing: null
    empty:
    is: true
    list: [a, {b: c}]
    """
    assert read_text(text) == {
        "country": "NO",
        "on": "yes",
        "opens": "09:30",
        "date": "2026-12-24",
        "amount": Decimal("500.00"),
        "quoted": "12",
        "number": 12,
        "version": "1e3",
        "hex": "0x52",
        "nothing": None,
        "empty": None,
        "is": True,
        "list": ["a", {"b": "c"}],
    }


def test_json_is_read_with_its_digits() -> None:
    found = read_text(b'{"amount": 0.10, "n": 7, "emoji": "\\ud83d\\ude00"}')
    assert found == {"amount": Decimal("0.10"), "n": 7, "emoji": "\U0001f600"}
    assert str(found["amount"]) == "0.10"


LONG = b"k" * 70
REFUSED = [
    (b"a: &x 1\nb: *x", "alias_refused", "a", "Anchors are not read: write it out. (line 1)"),
    (b"a: [*x]", "alias_refused", "a[0]", "Aliases are not read: write it out. (line 1)"),
    (b"a: {b: &l [1]}", "alias_refused", "a.b", "Anchors are not read: write it out. (line 1)"),
    (b"a: !!python/object:os.system x", "tag_refused", "a", "Tags are not read. (line 1)"),
    (b"a: !!str 1", "tag_refused", "a", "Tags are not read. (line 1)"),
    (b"a: ! 1", "tag_refused", "a", "Tags are not read. (line 1)"),
    (b"a: 1\nb: 2\na: 3", "key_repeated", "file", "The key a stands twice. (line 3)"),
    (b"p:\n - n: 1\n - n: 1\n   n: 2", "key_repeated", "p[1]", "The key n stands twice. (line 4)"),
    (b"%b: 1\n%b: 2" % (LONG, LONG), "key_repeated", "file", f"The key {'k' * 60} stands twice. (line 2)"),
    (b"? [a]\n: b", "key_invalid", "file", "A key is a text. (line 1)"),
    (b"a: 1\n---\nb: 2", "documents_many", "file", "Must be one document. (line 2)"),
    (b"a: [1", "yaml_invalid", "file", "Cannot be read as YAML: did not find expected ',' or ']' (line 2)."),
    (b"a: \x01", "yaml_invalid", "file", "Cannot be read as YAML: unknown character."),
    (b"a: \xff", "text_invalid", "file", "Must be UTF-8."),
    (b'{"a": 1, "a": 2}', "key_repeated", "file", "The key a stands twice."),
    (b'{"%b": 1, "%b": 2}' % (LONG, LONG), "key_repeated", "file", f"The key {'k' * 60} stands twice."),
    (b'{"a": NaN}', "json_invalid", "file", "NaN is no number."),
    (b'{"a": ', "json_invalid", "file", "Cannot be read as JSON: Expecting value: line 1 column 7 (char 6)."),
    (b"\n [1,", "json_invalid", "file", "Cannot be read as JSON: Expecting value: line 2 column 5 (char 5)."),
    (b"[" * 5000, "too_deep", "file", "May be at most 20 levels deep."),
    (b"a: " + b"[" * (DEEPEST + 1), "too_deep", "a" + "[0]" * (DEEPEST - 1), "May be at most 20 levels deep. (line 1)"),
    (b"x" * (LARGEST_TEXT_BYTES + 1), "too_large", "file", "May have at most 1048576 bytes."),
    (b"- 1\n" * MOST_NODES, "too_many", f"[{MOST_NODES - 1}]", f"May have at most 200000 values. (line {MOST_NODES})"),
]


@pytest.mark.parametrize(("text", "code", "path", "words"), REFUSED, ids=range(len(REFUSED)))
def test_what_is_not_plain_is_refused_with_its_place(text: bytes, code: str, path: str, words: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_text(text)
    assert (refused.value.code, refused.value.field, refused.value.detail) == (code, path, words)


@pytest.mark.parametrize("text", [b"", b"# only a comment", b"---"])
def test_what_says_nothing_is_nothing(text: bytes) -> None:
    assert read_text(text) is None


def test_a_text_is_written_in_lines_and_in_its_own_order() -> None:
    written = write_yaml({"b": ["\u00e9t\u00e9", "x" * 100 + " y" * 10], "a": {"c": 1}})
    assert written == f"b:\n- \u00e9t\u00e9\n- {'x' * 100}{' y' * 5}\n  y{' y' * 4}\na:\n  c: 1\n"


def test_ten_megabytes_and_a_bomb_are_refused_at_once() -> None:
    bomb = b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(
        b"%c: &%c [%s]\n" % (letter, letter, b",".join([b"*%c" % (letter - 1)] * 9)) for letter in range(98, 110)
    )
    began = time.process_time()
    for text, code in ((b"a: b\n" * 2_000_000, "too_large"), (bomb, "alias_refused")):
        with pytest.raises(Invalid) as refused:
            read_text(text)
        assert refused.value.code == code
    with pytest.raises(Invalid) as refused:
        read_text(b"a:\n" + b"- 1\n" * (MOST_NODES + 1))
    assert refused.value.code == "too_many"
    assert time.process_time() - began < 20


def test_the_largest_text_is_read() -> None:
    line = b"- " + b"x" * 98 + b"\n"
    number = LARGEST_TEXT_BYTES // len(line)
    found = read_text((line * number).ljust(LARGEST_TEXT_BYTES, b"\n"))
    assert isinstance(found, list)
    assert len(found) == number


def test_the_most_values_are_read() -> None:
    assert read_text(b"- 1\n" * (MOST_NODES - 1)) == [1] * (MOST_NODES - 1)


printable = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")) | st.just(" "), max_size=20)
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**17), 10**17) | printable,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(printable, inner, max_size=3),
    max_leaves=12,
)


@law
@given(st.dictionaries(printable.filter(bool), plain, max_size=4))
def test_what_is_written_is_read_back(value: dict[str, object]) -> None:
    assert (read_text(write_yaml(value).encode()) or {}) == value


def test_texts_that_look_like_something_else_are_quoted() -> None:
    value = {"a": "500.00", "b": "NO", "c": "09:30", "d": "null", "e": "12", "f": "2026-12-24", "g": "true"}
    assert read_text(write_yaml(value).encode()) == value
