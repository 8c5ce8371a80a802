"""The words for moments and lengths of time; static/js/time.js words moments the same way."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from django.utils import timezone

NEAR_SECONDS: Final = 45
MINUTE: Final = 60
HOUR: Final = 3_600
DAY: Final = 86_400
RELATIVE_DAYS: Final = 30


def relative_text(when: datetime, *, now: datetime) -> str:
    """The words for the distance from `now` to `when`; past `RELATIVE_DAYS` days it is a date in the viewer's zone."""
    distance = when - now
    seconds = abs(distance).total_seconds()
    if seconds < NEAR_SECONDS:
        return "just now" if distance <= timedelta(0) else "in a moment"
    if seconds >= RELATIVE_DAYS * DAY:
        return f"{timezone.localtime(when):%-d %b %Y}"
    amount = rounded_text(seconds)
    return f"{amount} ago" if distance < timedelta(0) else f"in {amount}"


def rounded_text(seconds: float) -> str:
    """Whole minutes, hours or days."""
    minutes = max(1, round(seconds / MINUTE))
    if minutes < HOUR // MINUTE:
        return f"{minutes} min"
    if minutes < DAY // MINUTE:
        return f"{round(minutes / 60)} h"
    days = round(minutes / (DAY // MINUTE))
    return "1 day" if days == 1 else f"{days} days"


def span_text(seconds: float) -> str:
    """A length of time by its two leading units: `320 ms`, `1.5 s`, `3 min 5 s`, `4 d 3 h`."""
    if seconds < 1:
        return f"{seconds * 1_000:.0f} ms"
    if seconds < 10 and seconds != int(seconds):
        return f"{seconds:.1f} s"
    return " ".join(list(span_parts(int(seconds)))[:2])


def span_parts(seconds: int) -> Iterator[str]:
    """The units of a number of seconds from the largest down, empty ones left out."""
    for size, unit in ((DAY, "d"), (HOUR, "h"), (MINUTE, "min"), (1, "s")):
        count, seconds = divmod(seconds, size)
        if count:
            yield f"{count} {unit}"
