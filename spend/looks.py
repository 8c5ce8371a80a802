"""What a name looks like: one form for names that an eye takes for the same, whatever letters they are written in.

A hint for people and never more: what is decided rests on identifiers.
"""

import unicodedata
from collections.abc import Set as AbstractSet
from functools import cache
from string import ascii_letters
from typing import Final

from homoglyphs_fork import Homoglyphs

LONGEST_LOOK: Final = 200
"""As long as a name; one letter may look like several, and an index takes no text of any length."""
SEVERAL: Final = frozenset({"rn", "ae", "oe", "AE", "OE"})
"""Letters that look like one letter: m, æ, œ and their like."""
LETTERS: Final = range(0x20000)
"""Where letters are that look like Latin ones; those behind are Chinese, or decompose into these."""
ONE: Final = {"i": "l"}
"""A capital I looks like a small L, so that where case does not count a small one does too."""


def look_of(name: str) -> str:
    """Return what a name looks like: without case, accents, spaces and signs, each letter as the one it looks like.

    Empty for a name of signs only, which looks like nothing.
    """
    looks = _looks()
    letters = "".join(looks.get(one, one) for one in unicodedata.normalize("NFKD", name) if one.isalnum())
    # Once more without case: a capital M is one of the letters that look like an r and an n only when they are small.
    small = "".join(looks.get(one, one) for one in letters.casefold())
    return "".join(ONE.get(one, one) for one in small.casefold())[:LONGEST_LOOK]


def is_same_name(name: str, other: str) -> bool:
    """Say whether two names are written with the same letters: case, spaces and signs aside."""
    return _plain(name) == _plain(other)


def _plain(name: str) -> str:
    return "".join(one for one in unicodedata.normalize("NFKC", name).casefold() if one.isalnum())


@cache
def _looks() -> dict[str, str]:
    """Return the Latin letters that letters and digits look like, by Unicode's table of confusables."""
    alphabet: AbstractSet[str] = {one for one in map(chr, LETTERS) if one.isalnum()} | SEVERAL
    table: dict[str, set[str]] = Homoglyphs.get_table(alphabet)
    found = {one: _latin(like) for one, like in table.items() if len(one) == 1}
    return {one: like for one, like in found.items() if like and not (one in ascii_letters and like < one)}


def _latin(like: AbstractSet[str]) -> str:
    """Return the longest of these that is Latin letters only, a small one before a capital one."""
    latin = [one for one in like if set(one) <= set(ascii_letters)]
    return max(latin, key=lambda one: (len(one), one), default="")
