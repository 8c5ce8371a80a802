"""What each page costs a browser, compared with a reviewed baseline: requests, and kilobytes before compression.

A page may make one request more than the baseline says and be a tenth heavier, or ten kilobytes if that is more: rows
and names differ from day to day. Changed on purpose, or a new page: `CONTO_WEIGH_PAGES=write python -m pytest -n0
tests/journeys/test_every_page.py`, then look at the difference of `tests/page_weights.toml`.
"""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from playwright.sync_api import Page

BASELINE: Final = Path(__file__).parent.parent / "page_weights.toml"
HEAD: Final = """\
# Requests and kilobytes (uncompressed) of each page, written by tests/journeys/weights.py, reviewed by people.

"""
TOLERANCE: Final = 1.1
TOLERANCE_KILOBYTES: Final = 10
TOLERANCE_REQUESTS: Final = 1
"""A part that renews itself may do so before the page is weighed, where the machine is slow."""
COST: Final = """() => [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")].map(
  (one) => [one.name, one.decodedBodySize])"""


@dataclass(frozen=True, slots=True)
class Weight:
    """How often a page asks, and how much it is answered."""

    requests: int
    kilobytes: int


class Scale:
    """Weighs the pages of one window; a file that the browser has in its cache weighs what the server sends."""

    def __init__(self) -> None:
        self.sizes: dict[str, int] = {}

    def weigh(self, page: Page) -> Weight:
        """Return what the page that is open has cost until now; what it polls counts once."""
        parts: list[tuple[str, int]] = page.evaluate(COST)
        self.sizes |= {name: size for name, size in parts if size}
        asked = {name for name, _ in parts}
        for name in asked - self.sizes.keys():
            self.sizes[name] = len(page.request.get(name).body())
        return Weight(len(asked), round(sum(self.sizes[name] for name in asked) / 1000))


def judge(found: Mapping[str, Weight]) -> list[str]:
    """Return what is heavier than it was reviewed, or was not; writes the baseline instead where that is asked for."""
    known = baseline()
    if os.environ.get("CONTO_WEIGH_PAGES") == "write":
        keep({**known, **found})
        return []
    return [fault for name, weight in found.items() for fault in faults_of(name, weight, known.get(name))]


def faults_of(name: str, now: Weight, reviewed: Weight | None) -> list[str]:
    """Return what is wrong with the weight of one page."""
    if reviewed is None:
        return [f"{name} has no line in {BASELINE.name}: it costs {now}"]
    most = max(reviewed.kilobytes * TOLERANCE, reviewed.kilobytes + TOLERANCE_KILOBYTES)
    too_many = now.requests > reviewed.requests + TOLERANCE_REQUESTS
    return [f"{name} costs {now}, reviewed were {reviewed}"] if too_many or now.kilobytes > most else []


def baseline() -> dict[str, Weight]:
    """Return what was reviewed."""
    text = BASELINE.read_text() if BASELINE.exists() else ""
    return {name: Weight(**line) for name, line in tomllib.loads(text).items()}


def keep(weights: Mapping[str, Weight]) -> None:
    """Write the baseline."""
    lines = [
        f"{name} = {{ requests = {one.requests}, kilobytes = {one.kilobytes} }}\n" for name, one in weights.items()
    ]
    BASELINE.write_text(HEAD + "".join(sorted(lines)))
