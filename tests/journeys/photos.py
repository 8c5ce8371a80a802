"""`python -m tests.journeys.photos`: a photo of every page and state, and from them the pictures of README and docs."""

import os
import shutil
import sys
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parent.parent.parent
FOLDER: Final = "CONTO_PHOTOS"
"""The environment variable that names where photos go; without it none are taken."""

DAYS: Final = 30
PAGES: Final = (
    "test_every_page.py", "test_states.py", "test_rare_states.py", "test_rare_lists.py", "test_turned_away.py",
    "test_policy_pages.py", "test_bulk.py::test_steps_of_several_answers",
    "test_bulk.py::test_several_answers_of_which_some_came_too_late",
    "test_operator.py", "test_policies.py",
)  # fmt: skip
"""The tests that look at pages and states; each takes photos of them."""
IN_README: Final = {
    "approvals-inbox": "approvals",
    "insight-agent-runtime": "runtime",
    "insight-analytics": "analytics",
}
LARGEST_BYTES: Final = 250_000
"""A README that loads within a second on a slow line."""


def main() -> int:
    """Look at every page and state with the camera on; returns what pytest returns."""
    folder = ROOT / ".conto" / "photos"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    os.environ[FOLDER] = str(folder)
    tests = [str(Path(__file__).with_name(name)) for name in PAGES]
    code = pytest.main(["-q", "-n0", "-p", "no:randomly", *tests])
    if code == pytest.ExitCode.OK:
        choose(folder, ROOT / "docs" / "img")
    print(f"{len(list(folder.glob('*.png')))} photos in {folder}")
    return int(code)


def choose(photos: Path, docs: Path) -> None:
    """Copy what README shows; raises `ValueError` for a picture that is too heavy for it."""
    docs.mkdir(parents=True, exist_ok=True)
    for page, name in IN_README.items():
        photo = photos / f"{page}.light.first.png"
        if photo.stat().st_size > LARGEST_BYTES:
            raise ValueError(f"{photo} has {photo.stat().st_size:,} bytes; README takes {LARGEST_BYTES:,} at most.")
        shutil.copyfile(photo, docs / f"{name}.png")


if __name__ == "__main__":
    sys.exit(main())
