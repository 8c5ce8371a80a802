"""The pure parts of what components draw: segments of a meter, lines of a diff, points of a sparkline."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

SPARK_WIDTH: Final = 96
SPARK_HEIGHT: Final = 24
SPARK_MARGIN: Final = 2


@dataclass(frozen=True, slots=True)
class Segment:
    """One part of a meter, in per cent of its width."""

    kind: str
    start: str
    width: str
    word: str
    amount: Decimal


def segments(amounts: Mapping[str, Decimal], scale: Decimal) -> Iterator[Segment]:
    """The parts of the bar from left to right; empty ones are left out."""
    start = Decimal(0)
    for kind, amount in amounts.items():
        width = 100 * max(amount, Decimal(0)) / scale
        if width > 0:
            yield Segment(
                kind=kind,
                start=f"{start:.2f}",
                width=f"{width:.2f}",
                word=kind,
                amount=amount,
            )
        start += width


@dataclass(frozen=True, slots=True)
class Difference:
    """One field of a change."""

    path: str
    kind: str
    before: str
    after: str


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """Every field that is not the same in both; nested ones by dotted path."""
    old, new = dict(flat(before)), dict(flat(after))
    paths = [*old, *(path for path in new if path not in old)]
    return [difference(path, old, new) for path in paths if old.get(path) != new.get(path)]


def difference(path: str, old: Mapping[str, str], new: Mapping[str, str]) -> Difference:
    """One changed field; `kind` says whether it came, went or changed."""
    kind = "added" if path not in old else "removed" if path not in new else "changed"
    return Difference(path=path, kind=kind, before=old.get(path, ""), after=new.get(path, ""))


def flat(value: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Every leaf of a nested mapping with its dotted path."""
    for key, item in value.items():
        if isinstance(item, Mapping) and item:
            yield from flat(item, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", leaf_text(item)


def leaf_text(item: object) -> str:
    """A leaf in words."""
    if isinstance(item, bool):
        return "yes" if item else "no"
    if isinstance(item, (list, tuple, set)):
        return ", ".join(leaf_text(part) for part in item) or "none"
    return "none" if item in (None, "") or item == {} else str(item)


def spark_points(values: Sequence[Decimal | int | float]) -> list[str]:
    """The points of a line through `values`, as SVG wants them; none for fewer than two values."""
    if len(values) < 2:
        return []
    low, high = float(min(values)), float(max(values))
    height = SPARK_HEIGHT - 2 * SPARK_MARGIN
    return [
        f"{SPARK_WIDTH * index / (len(values) - 1):.1f},{SPARK_MARGIN + height * (1 - rise(value, low, high)):.1f}"
        for index, value in enumerate(values)
    ]


def spark_words(values: Sequence[Decimal | int | float], step: str, say: Callable[[Decimal | int | float], str]) -> str:
    """What a line through `values` shows, in words: its highest value, how many steps ago, and its last."""
    if not values:
        return "nothing yet"
    last, highest = values[-1], max(values)
    if highest == min(values):
        return f"{say(last)} throughout"
    ago = values[::-1].index(highest)
    return (
        f"highest {say(highest)} {ago} {step}{'s' if ago > 1 else ''} ago, now {say(last)}"
        if ago
        else (f"highest now, {say(last)}")
    )


def rise(value: Decimal | float, low: float, high: float) -> float:
    """Where a value lies between the lowest and the highest; a flat line lies at the bottom."""
    return (float(value) - low) / (high - low) if high > low else 0.0
