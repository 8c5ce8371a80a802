"""The worker's clock names every task there is, and only those; each may take as long as its work is meant to."""

from datetime import timedelta

from approvals.services.backtests import LEASE as BACKTEST_LEASE
from approvals.services.backtests import TASK as BACKTESTS
from audit.tasks import VERIFICATION_SECONDS
from conto_admin.celery import app
from conto_admin.embedded import ROOT
from insight.services.checks import LEASE as BOOKS_LEASE
from insight.services.checks import PART_MILLISECONDS, TURN


def own() -> set[str]:
    """The product's tasks by name."""
    app.loader.import_default_modules()
    return {name for name, task in app.tasks.items() if (ROOT / task.__module__.partition(".")[0]).is_dir()}


def longest(name: str) -> timedelta:
    """After what time a pool of processes ends it."""
    app.loader.import_default_modules()
    limit = app.tasks[name].time_limit
    return timedelta(seconds=app.conf.task_time_limit if limit is None else limit)


def test_every_task_has_its_time_and_every_time_its_task() -> None:
    assert {entry["task"] for entry in app.conf.beat_schedule.values()} == own()


def test_what_looks_often_is_ended_within_minutes_and_what_reads_a_history_is_not() -> None:
    limits = {name: longest(name) for name in own()}

    assert limits.pop(BACKTESTS) == timedelta(hours=6)
    assert limits.pop("audit.verify") == timedelta(seconds=VERIFICATION_SECONDS)
    assert limits.pop("insight.check_books") == BOOKS_LEASE
    assert set(limits.values()) == {timedelta(minutes=5)}


def test_a_turn_of_the_nightly_check_ends_before_another_worker_takes_it_for_left() -> None:
    assert TURN + timedelta(milliseconds=PART_MILLISECONDS) < longest("insight.check_books") <= BOOKS_LEASE


def test_a_backtest_that_hangs_is_taken_over_long_before_its_process_is_ended() -> None:
    assert BACKTEST_LEASE < timedelta(minutes=1) < longest(BACKTESTS)
