"""Fetch the pinned front-end packages, keep the few files the console needs, and prove that they are unchanged.

`python static/vendor/vendor.py` fetches with `npm pack` and rewrites files and checksums; `--check` only verifies.
"""

import argparse
import hashlib
import json
import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypedDict

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
MANIFEST = HERE / "manifest.json"
SPRITE = ROOT / "static/img/icons.svg"
NPM_SECONDS = 300

# Tabler's classes the console never uses or draws by itself: each prefix drops the selectors that name it.
UNUSED_CLASSES = (
    "accordion alert animated apexcharts aspect avatar badge bg-x bg-facebook bg-twitter bg-linkedin bg-google bg-youtube "
    "bg-vimeo bg-dribbble bg-github bg-instagram bg-pinterest bg-vk bg-rss bg-flickr bg-bitbucket bg-tabler bg-gradient "
    "blockquote breadcrumb bs- btn calendar callout card carousel chart chat close collapse column datagrid demo dimmer "
    "display- divide- dropdown dropend dropstart dropup dz- dropzone empty fade figure flatpickr float- flex-fill-xx "
    "form-colorinput form-fieldset form-file form-floating form-footer form-imagecheck form-range form-selectgroup "
    "form-switch fslightbox g-col grid hr-text hr- icon img- input-group input-icon io- irs is-loading jsvectormap jvm "
    "kbd layout- lead legend link- list- litepicker loader mark markdown mention modal nav nice noUi object- offcanvas "
    "offset- opacity- order- otp page pagination payment placeholder plyr popover progress prose ratio ribbon "
    "rounded-top rounded-bottom rounded-end rounded-start scrollable selectgroup signal signature social sortable "
    "space-y sparkline spinner stars star- status step subheader switch-icon tab- table- tag text-bg text-x text-facebook "
    "text-twitter text-linkedin text-google text-youtube text-vimeo text-dribbble text-github text-instagram "
    "text-pinterest text-vk text-rss text-flickr text-bitbucket text-tabler theme- timeline tinymce toast toolbar tom- "
    "ts- tooltip tracking translate typed vc vr was- wizard"
).split()
UNUSED = re.compile(
    r"\.(?:"
    + "|".join(map(re.escape, UNUSED_CLASSES))
    + r")|\[data-vc|\[data-(?:bs-)?navbar-theme|data-bs-theme=dark\] \["
)
COLOURS_UNUSED = re.compile(
    r"--tblr-(?:x|facebook|twitter|linkedin|google|youtube|vimeo|dribbble|github|instagram|pinterest|vk|rss|flickr|"
    r"bitbucket|tabler)(?:-[a-z]+)*:[^;}]*;?"
)


class File(TypedDict):
    """One file of a package and where it is kept, from the root of the repository."""

    take: str
    keep: str
    sha256: str


class Package(TypedDict):
    """One pinned package."""

    name: str
    version: str
    license: str
    package_sha256: str
    files: list[File]


def main() -> int:
    """Refresh or check the vendored files; the exit status says whether they are as the manifest names them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="verify the checksums, fetch nothing")
    manifest = json.loads(MANIFEST.read_text(encoding="utf-8"))
    if parser.parse_args().check:
        wrong = changed_files(manifest)
        for path in wrong:
            sys.stderr.write(f"{path} is missing or differs from static/vendor/manifest.json\n")
        return 1 if wrong else 0
    refresh(manifest)
    MANIFEST.write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    return 0


def changed_files(manifest: dict[str, Any]) -> list[str]:
    """The kept files that are missing or not what the manifest says."""
    files: list[File] = [file for package in manifest["packages"] for file in package["files"]]
    files.append({"take": "", "keep": str(SPRITE.relative_to(ROOT)), "sha256": manifest["sprite_sha256"]})
    return [
        file["keep"]
        for file in files
        if not (ROOT / file["keep"]).is_file() or checksum((ROOT / file["keep"]).read_bytes()) != file["sha256"]
    ]


def refresh(manifest: dict[str, Any]) -> None:
    """Fetch every package, write the files kept of it, and note their checksums in `manifest`."""
    with tempfile.TemporaryDirectory() as folder:
        for package in manifest["packages"]:
            archive = fetch(package, Path(folder))
            with tarfile.open(archive) as packed:
                keep_files(package, packed)
                if package["name"] == "@tabler/icons":
                    manifest["sprite_sha256"] = write_sprite(packed, manifest["icons"], package["version"])


def fetch(package: Package, folder: Path) -> Path:
    """The package's archive; a pinned one whose checksum changed is refused."""
    wanted = f"{package['name']}@{package['version']}"
    done = subprocess.run(
        ["npm", "pack", "--silent", wanted],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
        timeout=NPM_SECONDS,
    )
    archive = folder / done.stdout.strip().splitlines()[-1]
    found = checksum(archive.read_bytes())
    if package["package_sha256"] not in ("", found):
        raise SystemExit(f"{wanted}: the package is not the one that was pinned")
    package["package_sha256"] = found
    return archive


def keep_files(package: Package, packed: tarfile.TarFile) -> None:
    """Write the files kept of one package."""
    for file in package["files"]:
        content = SHAPE.get(file["take"], without_source_map)(member(packed, file["take"]))
        target = ROOT / file["keep"]
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        file["sha256"] = checksum(content)


def member(packed: tarfile.TarFile, path: str) -> bytes:
    """The bytes of one file of a package."""
    stream = packed.extractfile(f"package/{path}")
    if stream is None:
        raise SystemExit(f"{path} is not a file of the package")
    return stream.read()


def checksum(content: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(content).hexdigest()


def without_source_map(content: bytes) -> bytes:
    """The file without the line that points at a source map, which the manifest storage would look for in vain."""
    return re.sub(rb"\n?(?://|/\*)# sourceMappingURL=[^\n]*", b"", content)


def tabler(content: bytes) -> bytes:
    """Tabler without what is not used, in a cascade layer of its own, so that every rule of ours wins over it."""
    text = without_source_map(content).decode().removeprefix('@charset "UTF-8";')
    banner, _, rest = text.partition("*/")
    kept = "".join(kept_rules(COLOURS_UNUSED.sub("", rest)))
    return f"{banner}*/\n@layer tabler{{{kept}}}\n".encode()


def kept_rules(css: str) -> Iterator[str]:
    """The rules that some class of ours can match; `css` is minified and well-formed."""
    for head, body in blocks(css):
        if head.startswith(("@media", "@supports", "@container")):
            inner = "".join(kept_rules(body))
            if inner:
                yield f"{head}{{{inner}}}"
        elif head.startswith("@"):
            yield f"{head}{{{body}}}"
        else:
            selectors = [selector for selector in split_selectors(head) if not UNUSED.search(selector)]
            if selectors:
                yield f"{','.join(selectors)}{{{body}}}"


def blocks(css: str) -> Iterator[tuple[str, str]]:
    """Each top-level `head{body}`; quoted braces (data URIs) do not count."""
    depth, start, opened, quote = 0, 0, 0, ""
    for index, character in enumerate(css):
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif character == "{":
            depth += 1
            opened = index if depth == 1 else opened
        elif character == "}":
            depth -= 1
            if depth == 0:
                yield css[start:opened].strip(), css[opened + 1 : index]
                start = index + 1


def split_selectors(head: str) -> list[str]:
    """A selector list at its outer commas."""
    parts, depth, current = [], 0, ""
    for character in head:
        depth += (character in "([") - (character in ")]")
        if character == "," and depth == 0:
            parts.append(current)
            current = ""
        else:
            current += character
    return [*parts, current]


def write_sprite(packed: tarfile.TarFile, names: list[str], version: str) -> str:
    """One SVG file with a symbol per icon; colour and stroke come from the page's style sheet."""
    symbols = "".join(f'<symbol id="{name}" viewBox="0 0 24 24">{drawing(packed, name)}</symbol>\n' for name in names)
    content = f'<svg xmlns="http://www.w3.org/2000/svg"><!-- @tabler/icons {version}, MIT -->\n{symbols}</svg>\n'
    SPRITE.parent.mkdir(parents=True, exist_ok=True)
    SPRITE.write_text(content, encoding="utf-8")
    return checksum(content.encode())


def drawing(packed: tarfile.TarFile, name: str) -> str:
    """The shapes of one icon, without the wrapper."""
    text = member(packed, f"icons/outline/{name}.svg").decode()
    inner = re.sub(r"<!--.*?-->|</?svg[^>]*>", "", text, flags=re.DOTALL)
    return re.sub(r"\s*\n\s*", "", inner.replace(" />", "/>"))


SHAPE: dict[str, Callable[[bytes], bytes]] = {"dist/css/tabler.min.css": tabler}

if __name__ == "__main__":
    sys.exit(main())
