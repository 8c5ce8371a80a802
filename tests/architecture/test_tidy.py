"""Style that matters is a test: sizes, file names, words that may not stand anywhere, templates that nobody uses."""

import ast
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest

ROOT: Final = Path(__file__).resolve().parent.parent.parent
APPS: Final = ("agents", "approvals", "audit", "insight", "people", "policies", "spend")
NOT_OURS: Final = {
    ".conto", ".git", ".hypothesis", ".import_linter_cache", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".tools",
    ".venv", "__pycache__", "mutants", "node_modules", "screenshots", "staticfiles",
}  # fmt: skip

LONGEST_FUNCTION: Final = 70
LONGEST_FILE: Final = 400
LONGEST_TEMPLATE: Final = 150

CORE: Final = {
    "actor", "broker", "canonical", "chips", "clock", "db", "errors", "filters", "http", "ids", "keys", "lists",
    "money", "paging", "prepared", "sealing", "span", "tables", "templatetags", "urls", "views",
}  # fmt: skip
HOUSE: Final = {
    "ahead", "api_errors", "api_render", "apps", "asgi", "celery", "checks", "embedded", "env", "limits", "logs",
    "management", "middleware", "openapi", "paths", "programs", "proof", "seeding", "sessions", "settings", "supervise",
    "urls", "views", "wsgi",
}  # fmt: skip
NAMELESS: Final = {"common", "functions", "helpers", "misc", "stuff", "tools", "util", "utils"}
"""Names that say nothing of what is inside."""

# Cut in two, so that this file passes its own test.
FORBIDDEN_WORDS: Final = [
    "pypi" + ".org",
    "python" + "hosted.org",
    "registry." + "npmjs",
    "deb." + "debian.org",
    "/ro" + "ot/",
    "/ho" + "me/",
    "/wo" + "rk/",
    "/tmp/" + "conto/",
    "--extra-" + "index-url",
    "--index" + "-url",
]
TEXT: Final = {
    "", ".cfg", ".css", ".html", ".ini", ".js", ".json", ".lock", ".md", ".mjs", ".py", ".sh", ".svg", ".toml", ".txt",
    ".yaml", ".yml",
}  # fmt: skip
FROM_LIBRARIES: Final = ("account", "allauth", "mfa", "socialaccount", "admin", "registration")
"""Folders of templates that replace those of a library, which names them itself."""
FROM_DJANGO: Final = {"400.html", "403.html", "403_csrf.html", "404.html", "500.html"}


@cache
def texts() -> dict[Path, str]:
    """Every text file of ours, with what it holds."""
    return {path: path.read_text() for path in walk(ROOT) if path.suffix in TEXT}


def walk(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name in NOT_OURS or path == ROOT / "static" / "vendor":
            continue
        if path.is_dir():
            yield from walk(path)
        else:
            yield path


def ours(suffix: str) -> list[Path]:
    return [path for path in texts() if path.suffix == suffix]


def written() -> list[Path]:
    """Python files that people write; the first migrations are generated."""
    return [path for path in ours(".py") if path.name != "0001_initial.py"]


def shown(path: Path) -> str:
    return str(path.relative_to(ROOT))


def ranks() -> set[str]:
    """The file names that the import contracts give a rank to."""
    settings: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
    contracts = settings["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract.get("exhaustive"))
    return {name for layer in layers for name in re.findall(r"\w+", layer)}


def names_in(package: Path) -> set[str]:
    files = {path.stem for path in package.glob("*.py")} - {"__init__"}
    folders = {path.parent.name for path in package.glob("*/__init__.py")}
    return files | folders


@pytest.mark.parametrize("app", APPS)
def test_file_names_of_an_app_are_a_closed_set(app: str) -> None:
    assert names_in(ROOT / app) - ranks() == set()


def test_file_names_of_core_and_of_the_house_are_closed_sets() -> None:
    assert names_in(ROOT / "core") - CORE == set()
    assert names_in(ROOT / "conto_admin") - HOUSE == set()


def test_no_file_has_a_name_that_says_nothing() -> None:
    assert [shown(path) for path in written() if path.stem in NAMELESS] == []


def test_files_are_short() -> None:
    lengths = {shown(path): len(texts()[path].splitlines()) for path in written()}
    assert {path: lines for path, lines in lengths.items() if lines > LONGEST_FILE} == {}


def test_functions_are_short() -> None:
    long = {
        f"{shown(path)}:{node.name}": node.end_lineno - node.lineno + 1
        for path in written()
        for node in ast.walk(ast.parse(texts()[path]))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.end_lineno
    }
    assert {name: lines for name, lines in long.items() if lines > LONGEST_FUNCTION} == {}


def test_templates_are_short() -> None:
    lengths = {shown(path): len(texts()[path].splitlines()) for path in ours(".html")}
    assert {path: lines for path, lines in lengths.items() if lines > LONGEST_TEMPLATE} == {}


@pytest.mark.parametrize("word", FORBIDDEN_WORDS)
def test_no_file_names_a_registry_or_somebodys_machine(word: str) -> None:
    assert [shown(path) for path, text in texts().items() if word in text] == []


def test_every_template_is_used() -> None:
    sources = [text for path, text in texts().items() if path.suffix in (".py", ".html")]
    templates = [path.relative_to(ROOT / "templates") for path in (ROOT / "templates").rglob("*.html")]
    own = [one for one in templates if one.parts[0] not in FROM_LIBRARIES and str(one) not in FROM_DJANGO]
    names = {str(one): (str(one), f'{{% component "{one.stem}"') for one in own}
    assert [one for one, ways in names.items() if not any(way in text for text in sources for way in ways)] == []


def test_nothing_is_enqueued_but_a_backtest_by_whoever_asks_for_it() -> None:
    enqueues, wakes = re.compile(r"\.(delay|apply_async|send_task)\("), re.compile(r"\bwake\(")
    code = [path for path in written() if path.relative_to(ROOT).parts[0] != "tests"]
    assert [shown(path) for path in code if enqueues.search(texts()[path])] == ["core/broker.py"]
    waking = [shown(path) for path in code if wakes.search(texts()[path])]
    assert sorted(waking) == ["approvals/api/backtests.py", "approvals/views/backtests.py", "core/broker.py"]


def test_no_generic_keys_and_no_signals_of_models() -> None:
    banned = re.compile(r"GenericForeignKey|from django\.db\.models\.signals|post_save|(?<!def )pre_save|@receiver")
    code = [path for path in written() if path != Path(__file__)]
    assert [shown(path) for path in code if banned.search(texts()[path])] == []


def test_tests_are_neither_skipped_nor_expected_to_fail() -> None:
    evasions = re.compile(r"pytest\.mark\.(skip|skipif|xfail)|pytest\.(skip|xfail|importorskip)\(")
    tests = [path for path in ours(".py") if path.relative_to(ROOT).parts[0] == "tests" and path != Path(__file__)]
    assert [shown(path) for path in tests if evasions.search(texts()[path])] == []
