"""The worker's clock names every task there is, and only those."""

from conto_admin.celery import app
from conto_admin.embedded import ROOT


def test_every_task_has_its_time_and_every_time_its_task() -> None:
    app.loader.import_default_modules()
    own = {name for name, task in app.tasks.items() if (ROOT / task.__module__.partition(".")[0]).is_dir()}

    assert {entry["task"] for entry in app.conf.beat_schedule.values()} == own
