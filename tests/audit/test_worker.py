"""The real worker, over the real broker: beat's task seals what waits."""

import pytest
from django.conf import settings

from audit.selectors import seal_state
from audit.tasks import seal_audit
from conto_admin.celery import app
from core.ids import new_id
from tests.audit.logbook import tell
from tests.factories import NOW
from tests.workers import worker_until_done

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.worker]


def test_the_worker_seals_what_waits() -> None:
    organization_id = new_id(NOW)
    tell(organization_id)
    with worker_until_done(seal_audit):
        seal_audit.delay()
    assert seal_state(organization_id).unsealed == 0
    assert seal_state(organization_id).size == 1


def test_beat_sends_both_tasks_by_the_names_they_have() -> None:
    scheduled = {entry["task"] for entry in app.conf.beat_schedule.values()}
    assert {"audit.seal", "audit.verify"} <= scheduled & set(app.tasks)
    assert settings.CELERY_TASK_IGNORE_RESULT
