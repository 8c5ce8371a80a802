"""Sealing: every event gets one place, no place stays empty, and one organization's log knows nothing of another's."""

from datetime import timedelta

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from pytest_django import Settings

from audit.catalogue import Action
from audit.models import Checkpoint, Event, Leaf, Pending
from audit.seal import Tree, event_bytes, leaf_hash, origin_of, signing_key
from audit.selectors.state import seal_state
from audit.selectors.verification import verify
from audit.services import NewEvent
from audit.services.sealing import BATCH, accepted_keys, organizations_waiting, seal
from audit.services.writing import append_all
from audit.tasks import seal_audit, verify_audit
from core.ids import new_id
from tests.audit.logbook import ADA, checkpoints, sealed_log, steps, tell
from tests.factories import NOW

pytestmark = pytest.mark.django_db(transaction=True)


def test_leaves_are_gapless_and_in_the_order_of_the_events() -> None:
    organization_id = sealed_log(3, 1, 4)
    assert steps(organization_id) == list(range(8))
    assert list(Leaf.objects.order_by("index").values_list("index", flat=True)) == list(range(8))
    assert not Pending.objects.exists()


def test_each_round_signs_where_the_log_ends() -> None:
    organization_id = sealed_log(3, 1, 4)
    signed = checkpoints(organization_id)
    tree = Tree(leaf_hash(event_bytes(event)) for event in Event.objects.order_by("leaf__index"))
    assert [one.size for one in signed] == [3, 4, 8]
    assert [bytes(one.root) for one in signed] == [tree.root(3), tree.root(4), tree.root(8)]
    assert signed[-1].text.startswith(f"{origin_of(organization_id)}\n8\n")


def test_each_organization_has_its_own_log() -> None:
    one, other = sealed_log(2), sealed_log(3)
    assert [seal_state(one).size, seal_state(other).size] == [2, 3]
    for organization_id in (one, other):
        assert verify(organization_id, keys=accepted_keys()).faults == ()


def test_a_backlog_is_sealed_in_batches() -> None:
    organization_id = new_id(NOW)
    told = [
        NewEvent(
            organization_id=organization_id,
            actor=ADA,
            action=Action.AGENT_CHANGED,
            subject_kind="agent",
            subject_id="agt_1",
            after={"step": step},
            now=NOW,
        )
        for step in range(2 * BATCH + 5)
    ]
    with transaction.atomic():
        append_all(told)
    assert seal(organization_id, now=NOW) == len(told)
    assert [one.size for one in checkpoints(organization_id)] == [BATCH, 2 * BATCH, len(told)]
    assert verify(organization_id, keys=accepted_keys()).faults == ()


def test_nothing_to_seal_signs_nothing() -> None:
    organization_id = sealed_log(2)
    assert seal(organization_id, now=NOW) == 0
    assert Checkpoint.objects.count() == 1


def test_the_state_tells_what_is_sealed_and_what_waits() -> None:
    organization_id = sealed_log(2)
    assert seal_state(organization_id).status == "sealed"
    tell(organization_id, now=NOW + timedelta(minutes=1))
    state = seal_state(organization_id)
    assert (state.size, state.unsealed, state.oldest_unsealed_at) == (2, 1, NOW + timedelta(minutes=1))
    assert (state.verified_size, state.verified_at, state.is_complete) == (0, None, True)
    assert seal_state(new_id(NOW)).status == "unsealed"


def test_without_a_signing_key_nothing_is_sealed(settings: Settings) -> None:
    organization_id = new_id(NOW)
    tell(organization_id)
    settings.CONTO_AUDIT_SIGNING_KEY = ""
    with pytest.raises(ImproperlyConfigured, match="CONTO_AUDIT_SIGNING_KEY"):
        seal(organization_id, now=NOW)
    assert Pending.objects.count() == 1


def test_a_former_key_still_counts(settings: Settings) -> None:
    organization_id = sealed_log(2)
    former = accepted_keys()[0]
    settings.CONTO_AUDIT_SIGNING_KEY = "B" * 43 + "="
    tell(organization_id)
    seal(organization_id, now=NOW)
    present = signing_key(settings.CONTO_AUDIT_SIGNING_KEY).public_key()
    assert verify(organization_id, keys=[present, former]).faults == ()
    assert [fault.place for fault in verify(organization_id, keys=[present]).faults] == ["checkpoint at 2"]


def test_the_task_seals_every_organization_that_waits() -> None:
    one, other = new_id(NOW), new_id(NOW)
    for organization_id in (one, other, one):
        tell(organization_id)
    assert set(organizations_waiting()) == {one, other}
    assert seal_audit() == 3
    assert organizations_waiting() == []
    assert seal_audit() == 0


def test_one_damaged_log_keeps_no_other_waiting(caplog: pytest.LogCaptureFixture) -> None:
    damaged, sound = sealed_log(2), new_id(NOW)
    Checkpoint.objects.create(organization_id=damaged, size=3, root=bytes(32), frontier=b"", text="", at=NOW)
    tell(damaged)
    tell(sound)
    assert seal_audit() == 1
    assert seal_state(sound).unsealed == 0
    assert seal_state(damaged).unsealed == 1
    assert "audit_seal_failed" in caplog.messages


def test_the_nightly_check_is_kept_for_the_log_page() -> None:
    sound, damaged = sealed_log(2), sealed_log(3)
    Checkpoint.objects.create(organization_id=damaged, size=9, root=bytes(32), frontier=b"", text="", at=NOW)
    assert verify_audit() == 1
    state = seal_state(sound)
    assert (state.verified_size, state.faults, state.status) == (2, 0, "sealed")
    assert (seal_state(damaged).faults, seal_state(damaged).status) == (1, "broken")
