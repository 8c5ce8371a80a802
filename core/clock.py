"""The one place that reads the clock; only views, API handlers, tasks and commands may call it."""

from datetime import UTC, datetime


def now() -> datetime:
    """Return the present moment, aware, in UTC."""
    return datetime.now(UTC)
