"""The vendored front-end files are those the manifest names, and nothing in them points outside."""

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MANIFEST = json.loads((ROOT / "static/vendor/manifest.json").read_text(encoding="utf-8"))
KEPT = [ROOT / file["keep"] for package in MANIFEST["packages"] for file in package["files"]]


def test_every_vendored_file_is_the_one_that_was_pinned() -> None:
    script = ROOT / "static/vendor/vendor.py"
    done = subprocess.run([sys.executable, str(script), "--check"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_no_vendored_file_is_unknown_to_the_manifest() -> None:
    own = {"vendor.py", "manifest.json", "tabler-core.txt"}
    found = {path for path in (ROOT / "static/vendor").rglob("*") if path.is_file() and path.name not in own}
    assert {path for path in found if path.suffix != ".pyc"} <= set(KEPT)


def test_no_style_or_script_loads_anything_from_elsewhere() -> None:
    for path in [*(ROOT / "static/css").glob("*.css"), ROOT / "static/vendor/tabler.css"]:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"url\(\"?(?:https?:)?//|@import", text), path
    for path in (ROOT / "static").rglob("*.js"):
        assert "sourceMappingURL" not in path.read_text(encoding="utf-8"), path


def test_no_page_has_inline_style_script_or_handler() -> None:
    for path in (ROOT / "templates").rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"\sstyle=|<style|\son[a-z]{3,}=|hx-on|javascript:", text), path
        for attributes in re.findall(r"<script\b([^>]*)>", text):
            assert "src=" in attributes or 'type="application/json"' in attributes, path
