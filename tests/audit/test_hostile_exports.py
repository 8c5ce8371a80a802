"""Exports made to break the verifier, or to speak to the terminal of whoever runs it, are refused in plain words."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from tests.audit.logbook import export, kept_checkpoint, read_lines, run_verifier, sealed_log

pytestmark = pytest.mark.django_db

Lines = list[dict[str, Any]]
DEEP: Final = 40_000
SURROGATE: Final = "evt_\ud800"
ESCAPES: Final = "evt_\x1b[2K\x1b[1A\rverified\u202e\x9b31m"


def cover_nothing(lines: Lines) -> None:
    """A checkpoint of no leaf, before the first one."""
    origin, _, rest = lines[-2]["text"].split("\n", 2)
    lines.insert(1, {"type": "checkpoint", "text": f"{origin}\n0\n{rest}"})


def name_half_a_letter(lines: Lines) -> None:
    lines[2]["event"] |= {"id": SURROGATE, "organization_id": SURROGATE}


def name_the_organization_by_half_a_letter(lines: Lines) -> None:
    lines[0] |= {"organization_id": SURROGATE, "origin": SURROGATE}


def sign_for_half_a_letter(lines: Lines) -> None:
    name_the_organization_by_half_a_letter(lines)
    lines[-2]["text"] = "conto/audit/" + SURROGATE + "\n" + lines[-2]["text"].split("\n", 1)[1]


def leave_an_event_of_half_a_letter_unsealed(lines: Lines) -> None:
    lines.insert(-1, {"type": "unsealed", "event": {"id": SURROGATE, "organization_id": SURROGATE}})


def write_to_the_terminal(lines: Lines) -> None:
    lines[2]["event"] |= {"id": ESCAPES, "organization_id": ESCAPES}
    lines[0]["origin"] = ESCAPES


def know_a_type_of_the_terminal(lines: Lines) -> None:
    lines.insert(1, {"type": ESCAPES})


def speak_long(lines: Lines) -> None:
    lines[0]["origin"] = "x" * 1_000_000


HOSTILE: Final[list[Callable[[Lines], None]]] = [
    cover_nothing,
    name_half_a_letter,
    name_the_organization_by_half_a_letter,
    sign_for_half_a_letter,
    leave_an_event_of_half_a_letter_unsealed,
    write_to_the_terminal,
    know_a_type_of_the_terminal,
    speak_long,
]


def demand_plain_refusal(said: tuple[int, str]) -> None:
    code, text = said
    assert code == 1
    assert "Traceback" not in text
    assert "FAULT" in text
    assert all(one == "\n" or (one.isascii() and one.isprintable()) for one in text)
    assert max(len(line) for line in text.splitlines()) < 2_000


@pytest.mark.parametrize("spoil", HOSTILE, ids=lambda spoil: spoil.__name__)
def test_an_export_made_to_break_it_is_refused(tmp_path: Path, spoil: Callable[[Lines], None]) -> None:
    path = export(sealed_log(3, 2), tmp_path)
    lines = read_lines(path)
    spoil(lines)
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="ascii")
    demand_plain_refusal(run_verifier(path))


@pytest.mark.parametrize("place", ["header", "origin", "event", "type", "unsealed", "proof", "end"])
@pytest.mark.parametrize("depth", [500, 990, DEEP])
def test_what_is_nested_too_deeply_is_refused(tmp_path: Path, place: str, depth: int) -> None:
    path = export(sealed_log(3), tmp_path)
    lines = path.read_text(encoding="utf-8").splitlines()
    deep = "[" * depth + "]" * depth
    header, first = json.loads(lines[0]), json.loads(lines[1])
    match place:
        case "header":
            lines[0] = json.dumps(header | {"organization_id": 0}).replace(
                '"organization_id": 0', f'"organization_id": {deep}'
            )
        case "origin":
            lines[0] = json.dumps(header | {"origin": 0}).replace('"origin": 0', f'"origin": {deep}')
        case "event":
            lines[1] = json.dumps(first | {"event": 0}).replace('"event": 0', f'"event": {{"after": {deep}}}')
        case "type":
            lines[1] = f'{{"type": {deep}}}'
        case "unsealed":
            lines[1] = f'{{"type": "unsealed", "event": {{"id": {deep}}}}}'
        case "proof":
            lines[1] = f'{{"type": "checkpoint", "text": {deep}}}'
        case _:
            lines[-1] = f'{{"type": "end", "leaves": {deep}, "checkpoints": 1, "unsealed": 0}}'
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    demand_plain_refusal(run_verifier(path))


def test_a_kept_checkpoint_of_nothing_is_none(tmp_path: Path) -> None:
    organization_id = sealed_log(3)
    path, kept = export(organization_id, tmp_path), kept_checkpoint(organization_id, tmp_path)
    kept.write_text(kept.read_text(encoding="utf-8").replace("\n3\n", "\n0\n"), encoding="utf-8")
    code, text = run_verifier(path, kept)
    assert (code, "Traceback" in text) == (2, False)
    assert "this is not a checkpoint" in text
