#!/usr/bin/env python3
"""The commands of this project, with nothing but Python 3.11: it fetches what it needs, then hands over."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
LOCKS = [ROOT / "requirements" / f"{name}.lock" for name in ("app", "embedded", "dev")]
UV_LOCK = ROOT / "requirements" / "uv.lock"
OLDEST_PYTHON = (3, 11)

ENGINE_TESTS = "tests/policies/engine"
"""What shows that the engine is covered: examples that say what they show, not the laws, which try things at random."""
ENGINE_COVERAGE = [
    *("coverage", "run", f"--rcfile={ENGINE_TESTS}/coverage.ini", "-m", "pytest", "--quiet", "--noconftest"),
    *("-o", "addopts=", "-o", "filterwarnings=", "-p", "no:django", "-p", "no:schemathesis", "-p", "no:cacheprovider"),
    *(ENGINE_TESTS, f"--ignore={ENGINE_TESTS}/test_evaluate_laws.py", f"--ignore={ENGINE_TESTS}/test_changes_laws.py"),
]

CHECKS = [
    ["ruff", "format", "--check", "--quiet", "."],
    ["ruff", "check", "--quiet", "."],
    ["mypy", "."],
    ["lint-imports", "--no-logo"],
    ["manage.py", "makemigrations", "--check", "--dry-run"],
    ["manage.py", "check", "--fail-level", "WARNING"],
    ENGINE_COVERAGE,
    ["coverage", "report", f"--rcfile={ENGINE_TESTS}/coverage.ini"],
    ["bandit", "--quiet", "--recursive", ".", "--configfile", "pyproject.toml"],
]

USAGE = """\
python3 run.py demo      a whole Conto with a month of history on this machine (--port --fresh --no-history --once)
python3 run.py test      the test suite (further arguments go to pytest)
python3 run.py check     format, lint, types, layers, templates, migrations, settings, the engine's coverage
python3 run.py serve     the web server alone        python3 run.py worker    the worker and its clock alone
python3 run.py migrate   bring the database up to date
python3 run.py bench     what this machine can do, and what Conto does on it
python3 run.py photos    a photo of every page and state, light, dark and on a phone, in .conto/photos (needs Chromium)
python3 run.py install   only fetch what the others need"""


def main(arguments: list[str]) -> None:
    name, *rest = arguments or ["help"]
    if name not in COMMANDS:
        print(USAGE, file=sys.stdout if name in ("help", "-h", "--help") else sys.stderr)
        sys.exit(0 if name in ("help", "-h", "--help") else 2)
    if sys.version_info < OLDEST_PYTHON:
        sys.exit(f"Conto needs Python 3.11 or later; this is {sys.version.split()[0]}.")
    os.chdir(ROOT)
    install()
    COMMANDS[name](rest)


def install() -> None:
    """Bring `.venv` to exactly what the lock files say; does nothing when it is there already."""
    wanted = fingerprint()
    stamp = VENV / "conto-installed"
    tools = ROOT / ".tools"
    tools.mkdir(exist_ok=True)
    with (tools / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if stamp.exists() and stamp.read_text() == wanted and PYTHON.exists():
            return
        uv = find_uv(tools)
        settings = os.environ | {"UV_SYSTEM_CERTS": "1", "UV_PYTHON_DOWNLOADS": "never", "UV_PYTHON": sys.executable}
        stamp.unlink(missing_ok=True)
        call([uv, "venv", "--quiet", "--allow-existing" if suits() else "--clear", str(VENV)], settings)
        settings["UV_PYTHON"] = str(PYTHON)
        call([uv, "pip", "sync", "--quiet", "--compile-bytecode", "--require-hashes", *map(str, LOCKS)], settings)
        stamp.write_text(wanted)


def fingerprint() -> str:
    digest = hashlib.sha256(f"{sys.version_info[:2]} {sys.base_prefix} {ROOT}".encode())
    for path in [*LOCKS, UV_LOCK]:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def suits() -> bool:
    """Whether `.venv` was made by this very Python, so that syncing it is enough."""
    config = VENV / "pyvenv.cfg"
    return PYTHON.exists() and config.exists() and f"version_info = {sys.version.split()[0]}" in config.read_text()


def find_uv(tools: Path) -> str:
    """Install the pinned uv beside the project: this needs no venv module and no rights on the system's Python."""
    home = tools / ("uv-" + hashlib.sha256(UV_LOCK.read_bytes()).hexdigest()[:12])
    if not (home / "bin" / "uv").exists():
        print("Fetching what Conto runs on (once; about a minute) ...", file=sys.stderr)
        if subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True, check=False).returncode:
            sys.exit("This Python has no pip. On Debian: apt-get install python3-pip, then run this again.")
        shutil.rmtree(home, ignore_errors=True)
        quietly = ["--quiet", "--disable-pip-version-check", "--no-warn-script-location"]
        options = [*quietly, "--target", str(home), "--require-hashes", "-r", str(UV_LOCK)]
        call([sys.executable, "-m", "pip", "install", *options], dict(os.environ, PIP_ROOT_USER_ACTION="ignore"))
    return str(home / "bin" / "uv")


def call(command: list[str], settings: dict[str, str]) -> None:
    done = subprocess.run(command, env=settings, check=False)
    if done.returncode:
        sys.exit(f"Could not install: {' '.join(command[:4])} ... ended with {done.returncode}.")


def become(*command: str) -> NoReturn:
    """Replace this process, so that signals reach the one that does the work."""
    sys.stdout.flush()
    os.execv(PYTHON, [str(PYTHON), *command])


def test(rest: list[str]) -> NoReturn:
    options = [] if any(word.startswith(("-n", "--numprocesses")) for word in rest) else ["-n2"]
    if not (os.environ.get("CHROMIUM") or shutil.which("chromium")):
        if os.environ.get("CI") == "true":
            sys.exit("The journeys need Chromium (Debian: apt-get install chromium), and in CI they are not optional.")
        print("No Chromium here: the browser journeys are deselected (Debian: apt-get install chromium).", flush=True)
        options += ["-m", "not journey"]
    become("-m", "pytest", *options, *rest)


def check() -> NoReturn:
    """Run every check to its end, also after one has failed, and say at last which did."""
    os.environ.setdefault("CONTO_DEMO", "1")
    templates = sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("templates/**/*.html"))
    failed = []
    for command in [*CHECKS, ["djade", "--check", "--target-version", "5.2", *templates]]:
        shown = " ".join(command[:3])
        print(f"== {shown}", flush=True)
        program = [str(PYTHON)] if command[0].endswith(".py") else []
        if subprocess.run([*program, *command], env=os.environ | {"PATH": path_of_tools()}, check=False).returncode:
            failed.append(shown)
    sys.exit("Failed: " + ", ".join(failed) if failed else 0)


def path_of_tools() -> str:
    return f"{PYTHON.parent}{os.pathsep}{os.environ['PATH']}"


def manage(name: str) -> Callable[[list[str]], NoReturn]:
    return lambda rest: become("manage.py", name, *rest)


COMMANDS: dict[str, Callable[[list[str]], object]] = {
    "install": lambda _rest: None,
    "demo": manage("demo"),
    "serve": manage("serve"),
    "worker": manage("worker"),
    "migrate": manage("migrate"),
    "check": lambda _rest: check(),
    "bench": lambda rest: become("-m", "bench", *rest),
    "photos": lambda _rest: become("-m", "tests.journeys.photos"),
    "test": test,
}

if __name__ == "__main__":
    main(sys.argv[1:])
