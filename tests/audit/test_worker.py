"""The real worker, over the real broker: beat's task seals what waits."""

from threading import Event as Signal
from typing import Any

import pytest
from celery.contrib.testing.worker import start_worker
from celery.signals import task_success
from django.conf import settings

from audit.selectors import seal_state
from audit.tasks import seal_audit
from conto_admin.celery import app
from core.ids import new_id
from tests.audit.logbook import tell
from tests.factories import NOW

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.worker]

PATIENCE = 30


def test_the_worker_seals_what_waits() -> None:
    organization_id, done = new_id(NOW), Signal()
    tell(organization_id)

    def note_success(**_: Any) -> None:
        done.set()

    task_success.connect(note_success, sender=seal_audit)
    try:
        with start_worker(app, pool="threads", concurrency=1, perform_ping_check=False):
            seal_audit.delay()
            assert done.wait(PATIENCE)
    finally:
        task_success.disconnect(note_success, sender=seal_audit)
    assert seal_state(organization_id).unsealed == 0
    assert seal_state(organization_id).size == 1


def test_beat_sends_both_tasks_by_the_names_they_have() -> None:
    scheduled = {entry["task"] for entry in app.conf.beat_schedule.values()}
    assert {"audit.seal", "audit.verify"} <= scheduled & set(app.tasks)
    assert settings.CELERY_TASK_IGNORE_RESULT
