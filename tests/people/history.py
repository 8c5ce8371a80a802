"""What the history says, for tests."""

from dataclasses import dataclass
from typing import Any

from audit.models import Event


@dataclass(frozen=True)
class Told:
    """The one event of an action, with its facts as plain dicts."""

    event: Event
    before: dict[str, Any]
    after: dict[str, Any]


def told(action: str) -> Told:
    """Return the one event of `action`."""
    event = Event.objects.get(action=action)
    return Told(event, event.before or {}, event.after or {})
