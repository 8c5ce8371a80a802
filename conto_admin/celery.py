"""The worker: tasks look for rows that are due, every few seconds, by this clock.

Only a backtest is announced besides, by whoever asks for it; a message that was lost costs it half a minute.
"""

import os
import sys
from pathlib import Path
from typing import Any

from celery import Celery
from celery.schedules import crontab
from celery.signals import celeryd_init, worker_init, worker_ready
from django.core.exceptions import ImproperlyConfigured

from conto_admin import checks
from core.db import limit_connections

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "conto_admin.settings")

app = Celery("conto")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
# A run that nobody took before the next is due is dropped: the next one finds the same rows.
app.conf.beat_schedule = {
    "expire-due-authorizations": {"task": "approvals.expire_due", "schedule": 5.0, "options": {"expires": 5.0}},
    "expire-changes": {"task": "approvals.expire_changes", "schedule": 30.0, "options": {"expires": 30.0}},
    "finalise-reviews": {"task": "approvals.finalise_reviews", "schedule": 1.0, "options": {"expires": 1.0}},
    "run-backtests": {"task": "approvals.run_backtests", "schedule": 30.0, "options": {"expires": 30.0}},
    "seal-audit": {"task": "audit.seal", "schedule": 1.0, "options": {"expires": 1.0}},
    "roll-ledgers": {"task": "insight.roll", "schedule": 60.0, "options": {"expires": 60.0}},
    "forget-ended-sessions": {
        "task": "people.forget_ended_sessions",
        "schedule": 3600.0,
        "options": {"expires": 3600.0},
    },
    # A turn each minute of the night until everything is looked at, once.
    "check-books": {
        "task": "insight.check_books",
        "schedule": crontab(hour="2-5", minute="*"),
        "options": {"expires": 60.0},
    },
    "verify-audit": {"task": "audit.verify", "schedule": crontab(hour="3", minute="17")},
}


@celeryd_init.connect  # type: ignore[untyped-decorator]
def give_up_in_time(**_: Any) -> None:
    """Keep nobody at a gate for long; a task may sum a whole history. Sent for the command, not for tests' workers."""
    limit_connections()


@worker_init.connect  # type: ignore[untyped-decorator]
def refuse_unsafe(**_: Any) -> None:
    """Do not work with unsafe settings; Celery swallows every exception of a handler but this one."""
    try:
        checks.refuse_unsafe()
    except ImproperlyConfigured as refusal:
        sys.exit(str(refusal))


@worker_ready.connect  # type: ignore[untyped-decorator]
def tell_ready(**_: Any) -> None:
    """Make the file that whoever started this worker waits for."""
    if path := os.environ.get("CONTO_READY_FILE"):
        Path(path).touch()
