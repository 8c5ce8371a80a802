"""Exports and the stand-alone verifier: files that were changed on their way, and selections with proofs."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audit.catalogue import Action
from audit.seal import public_key_text
from audit.selectors.events import Filters
from audit.services.sealing import seal
from core.errors import Conflict
from core.ids import Prefix, new_id, to_public
from tests.audit.logbook import (
    VERIFIER,
    export,
    kept_checkpoint,
    read_lines,
    run_verifier,
    sealed_log,
    tamper,
    tell,
    write_lines,
)
from tests.factories import NOW

pytestmark = pytest.mark.django_db

Lines = list[dict[str, Any]]


# --- A whole export that was changed on its way -----------------------------------------------------------------------


def edit(lines: Lines) -> None:
    lines[2]["event"]["after"] = {"step": 9}


def edit_a_name(lines: Lines) -> None:
    lines[2]["event"]["actor"]["name"] = "Mallory"


def leave_out_a_leaf(lines: Lines) -> None:
    del lines[2]
    lines[-1]["leaves"] -= 1


def swap_two_leaves(lines: Lines) -> None:
    lines[2], lines[3] = lines[3], lines[2]


def swap_two_leaves_and_their_numbers(lines: Lines) -> None:
    lines[2], lines[3] = lines[3] | {"index": 1}, lines[2] | {"index": 2}


def cut_the_tail(lines: Lines) -> None:
    """Take the leaves behind the first checkpoint away, and nothing else."""
    lines[:] = [line for line in lines if line.get("index", 0) < 3]
    lines[-1]["leaves"] = 3


def cut_off_the_file(lines: Lines) -> None:
    del lines[-2:]


def leave_out_the_last_checkpoint(lines: Lines) -> None:
    del lines[-2]
    lines[-1]["checkpoints"] -= 1


def swap_checkpoints(lines: Lines) -> None:
    lines[4], lines[-2] = lines[-2], lines[4]


def name_another_size(lines: Lines) -> None:
    lines[0]["size"] = 4


def name_another_organization(lines: Lines) -> None:
    lines[0]["organization_id"] = "org_other"


def count_wrongly(lines: Lines) -> None:
    lines[-1]["unsealed"] = 2


def add_behind_the_end(lines: Lines) -> None:
    lines.append(lines[1])


def add_what_nobody_knows(lines: Lines) -> None:
    lines.insert(1, {"type": "note"})


def forget_a_field(lines: Lines) -> None:
    del lines[2]["hash"]


def write_a_float(lines: Lines) -> None:
    lines[2]["event"]["after"] = {"step": 1.0}


def lose_the_header(lines: Lines) -> None:
    del lines[0]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (edit, "leaf 1: event"),
        (edit_a_name, "does not match its leaf"),
        (leave_out_a_leaf, "leaves 1 to 1: missing"),
        (swap_two_leaves, "leaf 1: stands behind leaf 2, the log was reordered"),
        (swap_two_leaves_and_their_numbers, "checkpoint at 3: the leaves do not have this root"),
        (cut_the_tail, "checkpoint at 5: the log now ends at 3 leaves, its tail was cut"),
        (cut_off_the_file, "the export is cut off"),
        (leave_out_the_last_checkpoint, "leaves 3 to 4: no checkpoint covers them"),
        (swap_checkpoints, "checkpoint at 3: stands behind leaf 4"),
        (name_another_size, "states a log of 4 leaves and holds one of 5"),
        (name_another_organization, "belongs to another organization"),
        (count_wrongly, "states 2 unsealed and holds 0"),
        (add_behind_the_end, "stands behind the end"),
        (add_what_nobody_knows, "unknown type 'note'"),
        (forget_a_field, "line 3: cannot be read"),
        (write_a_float, "line 3: 1.0: an event holds no such number"),
        (lose_the_header, "this is not an export"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_was_done_to_an_export_is_found(change: Callable[[Lines], None], problem: str, tmp_path: Path) -> None:
    path = export(sealed_log(3, 2), tmp_path)
    lines = read_lines(path)
    change(lines)
    write_lines(path, lines)
    code, said = run_verifier(path)
    assert (code, problem in said) == (1, True), said


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (b'"index":1', b'"index":1,"index":1', "a name stands twice"),
        (b'"step":1', b'"step":NaN', "NaN"),
        (b'"type":"leaf"', b'"type":"leaf', "line 2"),
        (b'"unsealed":0}', b'"unsealed":0', "cut off"),
        (b'{"checkpoints"', b"[" * 99_999 + b'{"checkpoints"', "recursion"),
    ],
)
def test_json_that_can_be_read_in_two_ways_is_refused(old: bytes, new: bytes, problem: str, tmp_path: Path) -> None:
    path = export(sealed_log(3), tmp_path)
    raw = path.read_bytes()
    assert old in raw
    path.write_bytes(raw.replace(old, new, 1))
    code, said = run_verifier(path)
    assert (code, problem in said) == (1, True), said


def test_an_export_is_bound_to_the_key_that_is_known_from_elsewhere(tmp_path: Path) -> None:
    path = export(sealed_log(3), tmp_path)
    other = public_key_text(Ed25519PrivateKey.generate().public_key())
    code, said = run_verifier(path, key=other)
    assert (code, "is not signed for this log by a given key" in said) == (1, True), said


def test_what_cannot_be_checked_at_all(tmp_path: Path) -> None:
    path = export(sealed_log(3), tmp_path)
    assert run_verifier(tmp_path / "nowhere.jsonl")[0] == 2
    assert run_verifier(path, key="nonsense")[0] == 2
    assert run_verifier(path, VERIFIER)[0] == 2


def test_an_empty_log_is_exported_and_verified(tmp_path: Path) -> None:
    code, said = run_verifier(export(new_id(NOW), tmp_path))
    assert (code, "verified; 0 events, 0 checkpoints, all sealed" in said) == (0, True), said


# --- Selections -------------------------------------------------------------------------------------------------------


@pytest.fixture
def mixed_log() -> UUID:
    """Twelve sealed events in three rounds, every third about another agent, and one that waits."""
    organization_id = new_id(NOW)
    for step in range(12):
        subject = "agt_third" if step % 3 == 2 else "agt_other"
        tell(organization_id, subject=subject, after={"step": step}, now=NOW + timedelta(seconds=step))
        if step in (4, 9, 11):
            seal(organization_id, now=NOW)
    tell(organization_id, Action.AGENT_RETIRED, subject="agt_third", now=NOW + timedelta(hours=1))
    return organization_id


THIRD = Filters(subject="agt_third")


def test_a_selection_proves_each_event_without_the_others(mixed_log: UUID, tmp_path: Path) -> None:
    path = export(mixed_log, tmp_path, filters=THIRD)
    assert [line["index"] for line in read_lines(path) if line["type"] == "leaf"] == [2, 5, 8, 11]
    code, said = run_verifier(path)
    assert (code, "verified; 4 events of a log of 12, 1 checkpoints, 1 not sealed yet" in said) == (0, True), said


def test_a_selection_proves_that_it_continues_an_earlier_checkpoint(tmp_path: Path) -> None:
    organization_id = sealed_log(5)
    kept = kept_checkpoint(organization_id, tmp_path)
    tell(organization_id, subject="agt_third")
    seal(organization_id, now=NOW)
    assert run_verifier(export(organization_id, tmp_path, filters=THIRD, since=[5]), kept)[0] == 0
    code, said = run_verifier(export(organization_id, tmp_path, filters=THIRD), kept)
    assert (code, "does not prove that the log continues it" in said) == (1, True), said


def test_a_selection_of_another_history_does_not_continue_it(tmp_path: Path) -> None:
    organization_id = sealed_log(5)
    kept = kept_checkpoint(organization_id, tmp_path)
    for table in ("audit_leaf", "audit_event", "audit_checkpoint"):
        tamper(f"delete from {table} where organization_id = %s", organization_id)
    for _ in range(6):
        tell(organization_id, subject="agt_third")
    seal(organization_id, now=NOW)
    code, said = run_verifier(export(organization_id, tmp_path, filters=THIRD, since=[5]), kept)
    assert (code, "kept checkpoint at 5: the log no longer begins with" in said) == (1, True), said


@pytest.mark.parametrize(
    ("line", "member", "value", "problem"),
    [
        (2, "index", 3, "leaf 3: its proof does not lead to the root"),
        (2, "proof", [], "leaf 2: its proof does not lead to the root"),
        (2, "event", {"id": "evt_1"}, "does not match its leaf"),
        (4, "index", 1, "leaf 1: stands behind leaf 5"),
        (0, "size", 11, "states a log of 11 leaves"),
    ],
)
def test_a_changed_selection_is_found(
    mixed_log: UUID, tmp_path: Path, line: int, member: str, value: object, problem: str
) -> None:
    path = export(mixed_log, tmp_path, filters=THIRD)
    lines = read_lines(path)
    lines[line][member] = value
    write_lines(path, lines)
    code, said = run_verifier(path)
    assert (code, problem in said) == (1, True), said


def test_a_broken_log_proves_nothing_about_a_selection(tmp_path: Path) -> None:
    organization_id = sealed_log(3)
    tamper("delete from audit_leaf where organization_id = %s and index = 1", organization_id)
    with pytest.raises(Conflict, match="export the whole of it"):
        export(organization_id, tmp_path, filters=THIRD)


# --- The command ------------------------------------------------------------------------------------------------------


def test_the_command_writes_an_export(mixed_log: UUID, tmp_path: Path) -> None:
    path, public = tmp_path / "export.jsonl", to_public(Prefix.ORGANIZATION, mixed_log)
    call_command("export_audit", public, output=path)
    assert run_verifier(path)[0] == 0
    call_command("export_audit", public, "--subject=agt_third", "--from=2026-11-22T12:00:05Z", output=path)
    assert [line["index"] for line in read_lines(path) if line["type"] == "leaf"] == [5, 8, 11]
    assert run_verifier(path)[0] == 0


def test_the_command_writes_the_last_checkpoint(mixed_log: UUID, tmp_path: Path) -> None:
    path, public = tmp_path / "kept.txt", to_public(Prefix.ORGANIZATION, mixed_log)
    call_command("export_audit", public, "--checkpoint", output=path)
    assert path.read_text().startswith(f"conto/audit/{public}\n12\n")
    with pytest.raises(CommandError, match="nothing of this organization is sealed"):
        call_command("export_audit", to_public(Prefix.ORGANIZATION, new_id(NOW)), "--checkpoint", output=path)


@pytest.mark.parametrize("arguments", [["org_nonsense"], ["--from=noon", "org_01m81j18g0fnsttprfkmt0sg0n"]])
def test_the_command_refuses_what_it_cannot_read(arguments: list[str]) -> None:
    with pytest.raises(CommandError):
        call_command("export_audit", *arguments)


def test_reads_do_not_grow_with_the_log(tmp_path: Path) -> None:
    counts = []
    for size in (2, 40):
        organization_id = sealed_log(size)
        with CaptureQueriesContext(connection) as queries:
            export(organization_id, tmp_path)
        counts.append(len(queries))
    assert counts[0] == counts[1]
