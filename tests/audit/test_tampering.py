"""Planted faults: each is found by `manage.py verify_audit` and by the stand-alone verifier on an export."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.management import CommandError, call_command

from audit.models import Checkpoint, Event, Leaf, Pending
from audit.seal import Frontier, event_bytes, leaf_hash, origin_of, signed_checkpoint
from audit.services.sealing import configured_key, seal
from core.ids import new_id
from tests.audit.logbook import (
    as_intruder,
    event_at,
    export,
    kept_checkpoint,
    run_verifier,
    sealed_log,
    tamper,
    tell,
    verify_audit,
)
from tests.factories import NOW

pytestmark = pytest.mark.django_db(transaction=True)

Fault = Callable[[UUID], None]


def edit(organization_id: UUID) -> None:
    tamper("update audit_event set after = '{\"step\": 99}' where id = %s", event_at(organization_id, 3).id)


def edit_to_a_float(organization_id: UUID) -> None:
    tamper("update audit_event set after = '{\"step\": 3.5}' where id = %s", event_at(organization_id, 3).id)


def edit_who_did_it(organization_id: UUID) -> None:
    tamper("update audit_event set actor_name = 'Mallory' where id = %s", event_at(organization_id, 3).id)


def edit_and_hash_its_leaf(organization_id: UUID) -> None:
    edit(organization_id)
    event = event_at(organization_id, 3)
    tamper("update audit_leaf set hash = %s where event_id = %s", leaf_hash(event_bytes(event)), event.id)


def write_anew(organization_id: UUID, key: Ed25519PrivateKey) -> None:
    """Hash leaves and checkpoints again, as the sealer would have, from what the events say now."""
    leaves = Leaf.objects.filter(organization_id=organization_id).order_by("index").select_related("event")
    hashes = [leaf_hash(event_bytes(leaf.event)) for leaf in leaves]
    with as_intruder():
        for leaf, digest in zip(leaves, hashes, strict=True):
            Leaf.objects.filter(pk=leaf.pk).update(hash=digest)
        for checkpoint in Checkpoint.objects.filter(organization_id=organization_id):
            frontier = Frontier().grown(hashes[: checkpoint.size])
            text = signed_checkpoint(origin_of(organization_id), frontier.size, frontier.root(), key)
            changed = {"root": frontier.root(), "frontier": frontier.packed(), "text": text}
            Checkpoint.objects.filter(pk=checkpoint.pk).update(**changed)


def hash_the_tail_again(organization_id: UUID) -> None:
    edit(organization_id)
    write_anew(organization_id, Ed25519PrivateKey.generate())


def hash_the_tail_again_with_the_stolen_key(organization_id: UUID) -> None:
    edit(organization_id)
    write_anew(organization_id, configured_key())


def cut_the_leaves(organization_id: UUID) -> None:
    cut = list(Leaf.objects.filter(organization_id=organization_id, index__gte=5).values_list("event_id", flat=True))
    tamper("delete from audit_leaf where event_id = any(%s)", cut)
    tamper("delete from audit_event where id = any(%s)", cut)


def cut_leaves_and_checkpoint(organization_id: UUID) -> None:
    cut_the_leaves(organization_id)
    tamper("delete from audit_checkpoint where organization_id = %s and size > 5", organization_id)


def cut_and_go_on(organization_id: UUID) -> None:
    """Cut the tail cleanly, then let the sealer seal other events in its place."""
    cut_leaves_and_checkpoint(organization_id)
    for _ in range(4):
        tell(organization_id, after={"step": -1})
    seal(organization_id, now=NOW)


def cut_the_checkpoint(organization_id: UUID) -> None:
    tamper("delete from audit_checkpoint where organization_id = %s and size > 5", organization_id)


def make_a_gap(organization_id: UUID) -> None:
    event_id = event_at(organization_id, 2).id
    tamper("delete from audit_leaf where event_id = %s", event_id)
    tamper("delete from audit_event where id = %s", event_id)


def delete_an_event(organization_id: UUID) -> None:
    tamper("delete from audit_event where id = %s", event_at(organization_id, 2).id)


def close_the_gap(organization_id: UUID) -> None:
    """Take an event out and move all behind it up by one."""
    make_a_gap(organization_id)
    for index in range(3, 8):
        tamper(
            "update audit_leaf set index = %s where organization_id = %s and index = %s",
            index - 1,
            organization_id,
            index,
        )


def reorder(organization_id: UUID) -> None:
    """Let two leaves change places, each with its event."""
    for old, new in ((1, 1000), (2, 1), (1000, 2)):
        tamper("update audit_leaf set index = %s where organization_id = %s and index = %s", new, organization_id, old)


def swap_events(organization_id: UUID) -> None:
    """Let two events change places under their leaves."""
    one, other = event_at(organization_id, 1).id, event_at(organization_id, 2).id
    for old, new in ((one, new_id(NOW)), (other, one)):
        tamper("update audit_leaf set event_id = %s where event_id = %s", new, old)
    tamper("update audit_leaf set event_id = %s where organization_id = %s and index = 1", other, organization_id)


def take_from_another_organization(organization_id: UUID) -> None:
    other = event_at(sealed_log(2), 1)
    tamper("delete from audit_leaf where event_id = %s", other.id)
    tamper("update audit_leaf set event_id = %s where organization_id = %s and index = 2", other.id, organization_id)


FAULTS: list[tuple[Fault, str, str]] = [
    (edit, "leaf 3: event", "leaf 3: event"),
    (edit_to_a_float, "holds what no event can hold", "3.5: an event holds no such number"),
    (edit_who_did_it, "does not match its leaf", "does not match its leaf"),
    (
        edit_and_hash_its_leaf,
        "checkpoint at 5: the leaves do not have this root",
        "checkpoint at 5: the leaves do not have",
    ),
    (hash_the_tail_again, "checkpoint at 5: its text and signature do not vouch", "checkpoint at 5: is not signed"),
    (cut_the_leaves, "checkpoint at 8: the log now ends at 5 leaves", "checkpoint at 8: the log now ends at 5 leaves"),
    (make_a_gap, "leaf 2: missing: the log has a gap", "leaves 2 to 2: missing, the log has a gap"),
    (delete_an_event, "leaf 2: missing: the log has a gap", "leaves 2 to 2: missing, the log has a gap"),
    (close_the_gap, "checkpoint at 5: the leaves do not have this root", "checkpoint at 5: the leaves do not have"),
    (reorder, "changed or reordered", "changed or reordered"),
    (swap_events, "leaf 1: event", "leaf 1: event"),
    (take_from_another_organization, "belongs to another organization", "belongs to another organization"),
]


def name_of(value: Any) -> str:
    return getattr(value, "__name__", "")


def test_an_untouched_log_passes_both_checks(tmp_path: Path) -> None:
    """The control: without a fault nothing is found."""
    organization_id = sealed_log(5, 3)
    kept = kept_checkpoint(organization_id, tmp_path)
    tell(organization_id)
    code, said = verify_audit(organization_id, kept)
    assert (code, "verified; 8 events, 2 checkpoints, 1 events not sealed yet" in said) == (0, True), said
    code, said = run_verifier(export(organization_id, tmp_path), kept)
    assert (code, "verified; 8 events, 2 checkpoints, 1 not sealed yet" in said) == (0, True), said


@pytest.mark.parametrize(("fault", "by_command", "by_verifier"), FAULTS, ids=name_of)
def test_a_planted_fault_is_found(fault: Fault, by_command: str, by_verifier: str, tmp_path: Path) -> None:
    organization_id = sealed_log(5, 3)
    fault(organization_id)
    code, said = verify_audit(organization_id)
    assert (code, by_command in said) == (1, True), said
    code, said = run_verifier(export(organization_id, tmp_path))
    assert (code, by_verifier in said) == (1, True), said


@pytest.mark.parametrize(
    ("fault", "problem"),
    [
        (hash_the_tail_again_with_the_stolen_key, "kept checkpoint at 8: the log no longer begins with"),
        (cut_leaves_and_checkpoint, "kept checkpoint at 8: the log now ends at 5 leaves"),
        (cut_and_go_on, "kept checkpoint at 8: the log no longer begins with"),
    ],
    ids=name_of,
)
def test_what_only_an_earlier_checkpoint_shows(fault: Fault, problem: str, tmp_path: Path) -> None:
    organization_id = sealed_log(5, 3)
    kept = kept_checkpoint(organization_id, tmp_path)
    fault(organization_id)
    assert verify_audit(organization_id)[0] == 0
    code, said = verify_audit(organization_id, kept)
    assert (code, problem in said) == (1, True), said
    exported = export(organization_id, tmp_path)
    assert run_verifier(exported)[0] == 0
    code, said = run_verifier(exported, kept)
    assert (code, problem in said) == (1, True), said


def test_a_removed_history_is_missed_where_a_checkpoint_was_kept(tmp_path: Path) -> None:
    organization_id = sealed_log(3)
    kept = kept_checkpoint(organization_id, tmp_path)
    for table in ("audit_leaf", "audit_event", "audit_checkpoint"):
        tamper(f"delete from {table} where organization_id = %s", organization_id)
    code, said = verify_audit(organization_id, kept)
    assert (code, "kept checkpoint at 3: the log now ends at 0 leaves" in said) == (1, True), said


def test_leaves_that_no_checkpoint_covers_are_found(tmp_path: Path) -> None:
    organization_id = sealed_log(5, 3)
    cut_the_checkpoint(organization_id)
    code, said = verify_audit(organization_id)
    assert (code, "leaf 5: no checkpoint covers the leaves from 5 to 7" in said) == (1, True), said


def test_an_event_taken_off_the_waiting_list_is_found() -> None:
    organization_id = sealed_log(2)
    tell(organization_id)
    tamper("delete from audit_pending where organization_id = %s", organization_id)
    code, said = verify_audit(organization_id)
    assert (code, "is neither sealed nor waiting" in said) == (1, True), said


def test_an_event_that_is_sealed_and_waits_is_found() -> None:
    organization_id = sealed_log(2)
    Pending.objects.create(event=Event.objects.order_by("id")[0], organization_id=organization_id)
    code, said = verify_audit(organization_id)
    assert (code, "is sealed and still waits" in said) == (1, True), said


def test_a_changed_frontier_is_found() -> None:
    organization_id = sealed_log(3)
    tamper("update audit_checkpoint set frontier = %s where organization_id = %s", bytes(64), organization_id)
    code, said = verify_audit(organization_id)
    assert (code, "its frontier is not that of the log" in said) == (1, True), said


def test_a_kept_file_that_is_no_checkpoint_of_this_log_is_refused(tmp_path: Path) -> None:
    organization_id = sealed_log(3)
    kept = kept_checkpoint(organization_id, tmp_path)
    for changed in (kept.read_text().replace("\n3\n", "\n2\n"), kept.read_text().replace("\n3\n", "\n9\n")):
        kept.write_text(changed)
        code, said = verify_audit(organization_id, kept)
        assert (code, "is not a checkpoint of this log" in said) == (1, True), said
    code, said = verify_audit(organization_id, tmp_path / "nowhere.txt")
    assert (code, "cannot be read" in said) == (2, True), said


def test_every_organization_is_checked_where_none_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    sound, damaged = sealed_log(2), sealed_log(5)
    edit(damaged)
    with pytest.raises(CommandError, match="1 faults: the history is not what was sealed"):
        call_command("verify_audit")
    said = capsys.readouterr()
    assert f"{origin_of(sound)}: verified; 2 events" in said.out
    assert f"FAULT {origin_of(damaged)}, leaf 3" in said.err


def test_a_history_of_which_only_a_kept_checkpoint_is_left_is_missed(tmp_path: Path) -> None:
    kept = kept_checkpoint(sealed_log(3), tmp_path)
    for table in ("audit_leaf", "audit_event", "audit_checkpoint"):
        tamper(f"delete from {table}")
    with pytest.raises(CommandError, match="no history is left of conto/audit/org_"):
        call_command("verify_audit", since=[kept])


def test_an_organization_that_is_no_id_is_refused() -> None:
    with pytest.raises(CommandError, match="is not the id of an organization"):
        call_command("verify_audit", "--organization=acme")
