"""Exact amounts with a currency beside them; floats never touch money."""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from core.errors import Invalid

AMOUNT_PATTERN: Final = re.compile(r"\d{1,14}(\.\d{1,6})?", re.ASCII)
CURRENCY_PATTERN: Final = re.compile(r"[A-Z][A-Z0-9]{2,9}", re.ASCII)
MINIMUM_DECIMALS: Final = 2
LARGEST_AMOUNT: Final = Decimal("99999999999999.999999")


@dataclass(frozen=True, slots=True)
class Money:
    """An exact amount of one currency; adds only like to like."""

    amount: Decimal
    currency: str

    def __add__(self, other: "Money") -> "Money":
        assert self.currency == other.currency, "currencies do not mix"
        return Money(self.amount + other.amount, self.currency)

    def __sub__(self, other: "Money") -> "Money":
        assert self.currency == other.currency, "currencies do not mix"
        return Money(self.amount - other.amount, self.currency)

    def __str__(self) -> str:
        return f"{amount_text(self.amount)} {self.currency}"


def parse_amount(value: object, *, field: str = "amount") -> Decimal:
    r"""Return the exact positive amount in `value`, a string or a number parsed from its JSON text.

    Follows `^\d{1,14}(\.\d{1,6})?$` (specification §4). Raises `Invalid` (`amount_invalid`,
    `amount_not_positive`); a Python float is refused, for its text is not the caller's, and so is a Decimal
    of a class of its own, which was not written as plain digits.
    """
    is_exact = isinstance(value, (str, int)) or type(value) is Decimal
    if isinstance(value, bool) or not is_exact:
        raise Invalid(
            "amount_invalid",
            'Send the amount as a string such as "12.50".',
            field=field,
        )
    text = str(value)
    if AMOUNT_PATTERN.fullmatch(text) is None:
        raise Invalid(
            "amount_invalid",
            "An amount has at most 14 digits before and 6 after the point, without sign or exponent.",
            field=field,
        )
    amount = Decimal(text)
    if amount <= 0:
        raise Invalid("amount_not_positive", "The amount must be greater than zero.", field=field)
    return amount


def parse_currency(value: object, *, field: str = "currency") -> str:
    """Return the currency code in `value`: three to ten capital letters and digits, as in ISO 4217 or a ticker."""
    if not isinstance(value, str) or CURRENCY_PATTERN.fullmatch(value) is None:
        raise Invalid(
            "currency_invalid",
            "Send a currency code in capitals, such as USD or USDC.",
            field=field,
        )
    return value


def amount_text(amount: Decimal) -> str:
    """Return `amount` in plain digits with at least two decimals and no further trailing zeros: `12.50`, `0.000125`."""
    whole, _, fraction = f"{amount:f}".partition(".")
    fraction = fraction.rstrip("0").ljust(MINIMUM_DECIMALS, "0")
    return f"{whole}.{fraction}"
