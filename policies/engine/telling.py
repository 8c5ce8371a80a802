"""Parameters of rules in words, and what became of them, such as "Daily: $500.00 becomes $400.00"."""

from collections.abc import Sequence
from datetime import datetime
from enum import Enum
from typing import Any, Final

from policies.engine import wording
from policies.engine.kinds import Integer, Many, Money
from policies.engine.rules import DateRange, Exemption, Holidays, Hours
from policies.engine.shapes import Parameter

NOT_SET: Final = "not set"
MINUTES: Final = "minutes"


def parameter_change(parameter: Parameter, before: Any, after: Any, within: str = "") -> str:
    """Return a sentence on a parameter that changed; `within` names the one of which it is a part.

    Nothing is left out: a list names each member that came or went.
    """
    # The value says its unit itself.
    own = parameter.name.removesuffix(f"_{MINUTES}")
    name = ", ".join(word.replace("_", " ") for word in (within, own) if word)
    is_list = isinstance(parameter.kind, Many) and parameter.kind.is_set
    # An empty list means something else than a list with one member less.
    found = _list_change(before, after) if is_list and before and after else ""
    found = found or f"{in_words(parameter, before)} becomes {in_words(parameter, after)}"
    return f"{name[0].upper()}{name[1:]}: {found}."


def in_words(parameter: Parameter, value: Any) -> str:  # noqa: PLR0911  one arm per kind of value
    """Return what a parameter is set to, whole."""
    if value in (None, ()):
        return NOT_SET
    if isinstance(parameter.kind, Money):
        return wording.listed([wording.money(amount, currency) for currency, amount in value], "and", shown=len(value))
    if isinstance(parameter.kind, Integer) and parameter.kind.unit == MINUTES:
        return wording.minutes(value)
    match value:
        case bool():
            return "yes" if value else "no"
        case datetime():
            return wording.moment(value)
        case Holidays():
            return "-".join(part for part in (value.country, value.subdivision) if part)
        case (Hours(), *_):
            return wording.hours(value, shown=len(value))
        case (DateRange(), *_):
            return wording.date_ranges(value, shown=len(value))
        case tuple():
            return _members(value)
        case _:
            return _word(value)


def _list_change(before: Sequence[Any], after: Sequence[Any]) -> str:
    came = [one for one in after if one not in before]
    gone = [one for one in before if one not in after]
    parts = [f"{_members(members)} {verb}" for members, verb in ((came, "added"), (gone, "removed")) if members]
    return ", ".join(parts)


def _members(members: Sequence[Any]) -> str:
    return wording.listed([_word(one) for one in members], "and", shown=len(members))


def _word(value: object) -> str:
    if isinstance(value, Exemption):
        return f"{wording.amounts(value.above)} where {value.agent} pays {value.counterparty}"
    return str(value.value).replace("_", " ") if isinstance(value, Enum) else str(value)
