"""The stories as a page for people, `docs/stories.md`: `python -m tests.policies.engine.telling`."""

import tomllib
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from tests.policies.engine.stories import CASES

INTRODUCTION: Final = """\
# Stories

<!-- Made by `python -m tests.policies.engine.telling`. -->

What the engine answers, situation by situation. Each line is a test; the whole of it (payment, policies, facts)
stands in the file of that name in `tests/policies/engine/cases/`.
"""


def telling() -> str:
    """The page, in Markdown."""
    return "\n".join(_page())


def _page() -> Iterator[str]:
    yield INTRODUCTION
    for folder, paths in groupby(sorted(CASES.rglob("*.toml")), key=lambda path: path.parent.name):
        yield f"## {folder.replace('_', ' ').capitalize()}\n"
        for path in paths:
            yield from _story(path)
        yield ""


def _story(path: Path) -> Iterator[str]:
    said = tomllib.loads(path.read_text())
    yield f"- {said['says']} → {_answer(said['expect'])} ({path.stem})"
    for turn in said.get("turns", ()):
        yield f"  - {turn['says']} → {_answer(turn['expect'])}"


def _answer(expect: dict[str, Any]) -> str:
    reasons = ", ".join(f"`{reason}`" for reason in expect.get("reasons", ()))
    return f"**{expect['outcome']}** {reasons}".strip()


if __name__ == "__main__":
    print(telling(), end="")
