"""Kinds of value with parameters of their own: words of a set, bounded numbers, lists, amounts by currency, ids."""

import re
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Any, Final

from core.errors import Invalid
from core.ids import Prefix
from core.money import CURRENCY_PATTERN, amount_text, parse_amount
from policies.engine.rules import MoneyMap
from policies.engine.values import Faults, Kind, below, read_currency, read_public_id

MAX_CURRENCIES: Final = 20
"""More currencies than anybody caps in one rule."""
ZERO_PATTERN: Final = re.compile(r"0{1,14}(\.0{1,6})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Choice:
    """One word out of a closed set."""

    members: tuple[Enum, ...]

    @property
    def says(self) -> str:
        """What the value is, for people."""
        return f"one of {', '.join(member.value for member in self.members)}"

    def read(self, value: object, path: str) -> Enum:
        """Return the member that the word stands for."""
        for member in self.members:
            if isinstance(value, str) and member.value == value:
                return member
        raise Invalid("value_unknown", f"Must be {self.says}.", field=path)

    def write(self, value: Enum) -> object:
        """Return the word."""
        return value.value

    def schema(self) -> dict[str, object]:
        """Return the JSON schema of the value."""
        return {"enum": [member.value for member in self.members]}


@dataclass(frozen=True, slots=True)
class Integer:
    """A whole number within bounds."""

    least: int
    most: int
    unit: str

    @property
    def says(self) -> str:
        """What the value is, for people."""
        return f"a whole number ({self.unit}) from {self.least} to {self.most}"

    def read(self, value: object, path: str) -> int:
        """Return the number."""
        if isinstance(value, bool) or not isinstance(value, int):
            raise Invalid("type_wrong", "Must be a whole number.", field=path)
        if not self.least <= value <= self.most:
            raise Invalid("out_of_bounds", f"Must be between {self.least} and {self.most}.", field=path)
        return value

    def write(self, value: int) -> object:
        """Return the number."""
        return value

    def schema(self) -> dict[str, object]:
        """Return the JSON schema of the value."""
        return {"type": "integer", "minimum": self.least, "maximum": self.most}


@dataclass(frozen=True, slots=True)
class Many:
    """A list; as a set its order and repetitions mean nothing, and it is kept sorted."""

    of: Kind
    least: int
    most: int
    is_set: bool = True

    @property
    def says(self) -> str:
        """What the value is, for people."""
        return f"up to {self.most}, each {self.of.says}"

    def read(self, value: object, path: str) -> tuple[Any, ...]:
        """Return the members."""
        if not isinstance(value, list):
            raise Invalid("type_wrong", "Must be a list.", field=path)
        if len(value) < self.least:
            raise Invalid("too_few", f"Must have at least {self.least} entry.", field=path)
        if len(value) > self.most:
            raise Invalid("too_many", f"May have at most {self.most} entries.", field=path)
        faults = Faults()
        members = [faults.read(self.of.read, member, f"{path}[{index}]") for index, member in enumerate(value)]
        faults.raise_if_any()
        return self._sorted(members) if self.is_set else tuple(members)

    def write(self, value: tuple[Any, ...]) -> object:
        """Return the members as a list."""
        return [self.of.write(member) for member in value]

    def schema(self) -> dict[str, object]:
        """Return the JSON schema of the value."""
        return {"type": "array", "items": self.of.schema(), "minItems": self.least, "maxItems": self.most}

    def _sorted(self, members: list[Any]) -> tuple[Any, ...]:
        """Words of a closed set stand in its order, everything else by what it is."""
        if isinstance(self.of, Choice):
            return tuple(member for member in self.of.members if member in members)
        return tuple(sorted(set(members)))


@dataclass(frozen=True, slots=True)
class Money:
    """Amounts by currency; a payment in another currency is denied."""

    admits_zero: bool = False

    @property
    def says(self) -> str:
        """What the value is, for people."""
        return "amounts by currency; 0 is allowed" if self.admits_zero else "amounts by currency"

    def read(self, value: object, path: str) -> MoneyMap:
        """Return the amounts, sorted by currency."""
        if not isinstance(value, dict):
            raise Invalid("type_wrong", 'Must map currencies to amounts, such as {"USD": "500.00"}.', field=path)
        if not value:
            raise Invalid("too_few", "Must name at least one currency.", field=path)
        if len(value) > MAX_CURRENCIES:
            raise Invalid("too_many", f"May name at most {MAX_CURRENCIES} currencies.", field=path)
        faults = Faults()
        pairs = [faults.read(self._pair, pair, below(path, pair[0])) for pair in value.items()]
        faults.raise_if_any()
        return tuple(sorted(pairs))

    def write(self, value: MoneyMap) -> object:
        """Return the amounts as texts."""
        return {currency: amount_text(amount) for currency, amount in value}

    def schema(self) -> dict[str, object]:
        """Return the JSON schema of the value."""
        return {
            "type": "object",
            "propertyNames": {"pattern": f"^{CURRENCY_PATTERN.pattern}$"},
            "additionalProperties": {"type": "string", "pattern": r"^\d{1,14}(\.\d{1,6})?$"},
            "minProperties": 1,
            "maxProperties": MAX_CURRENCIES,
        }

    def _pair(self, pair: Any, path: str) -> tuple[str, Decimal]:
        currency, value = read_currency(pair[0], path), pair[1]
        is_zero = isinstance(value, (str, int, Decimal)) and ZERO_PATTERN.fullmatch(str(value)) is not None
        return currency, Decimal(0) if self.admits_zero and is_zero else parse_amount(value, field=path)


@dataclass(frozen=True, slots=True)
class PublicId:
    """The public id of something."""

    prefix: Prefix
    noun: str

    @property
    def says(self) -> str:
        """What the value is, for people."""
        return f"the id of {self.noun} (`{self.prefix.value}_…`)"

    def read(self, value: object, path: str) -> str:
        """Return the id."""
        return read_public_id(self.prefix, self.noun, value, path)

    def write(self, value: str) -> object:
        """Return the id."""
        return value

    def schema(self) -> dict[str, object]:
        """Return the JSON schema of the value."""
        return {"type": "string", "pattern": f"^{self.prefix.value}_"}
