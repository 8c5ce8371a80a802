"""What the fields of agents, keys and credentials may hold; each function returns the value as it is stored."""

import re
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from agents.models import DESCRIPTION_LENGTH, LABEL_LENGTH, NAME_LENGTH, REASON_LENGTH, REFERENCE_LENGTH, Agent
from core.errors import Invalid
from core.ids import Prefix, to_public
from people.models import Member

MOST_LABELS: Final = 20
"""Labels per agent: every label may bring policies, and a decision evaluates all of them."""
LONGEST_KEY_LIFE: Final = timedelta(days=3_660)
LABEL_PATTERN: Final = re.compile(r"[a-z0-9][a-z0-9_.:/-]*", re.ASCII)
# What PostgreSQL cannot store (NUL, halves of surrogate pairs) and what no reader can see.
UNREADABLE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


def name_of(text: str, *, field: str = "name") -> str:
    """Return a name without the spaces around it; raises `Invalid` (`name_invalid`)."""
    return _text(text, field=field, longest=NAME_LENGTH, code="name_invalid")


def description_of(text: str) -> str:
    """Return a description, which may be empty; raises `Invalid` (`description_invalid`)."""
    return _text(text, field="description", longest=DESCRIPTION_LENGTH, code="description_invalid", shortest=0)


def reason_of(text: str) -> str:
    """Return why somebody acts; raises `Invalid` (`reason_invalid`): an empty reason explains nothing."""
    return _text(text, field="reason", longest=REASON_LENGTH, code="reason_invalid")


def reference_of(text: str) -> str:
    """Return the app's own id of an agent; raises `Invalid` (`reference_invalid`)."""
    return _text(text, field="external_ref", longest=REFERENCE_LENGTH, code="reference_invalid")


def labels_of(labels: Collection[str]) -> list[str]:
    """Return labels sorted, each once; raises `Invalid` (`label_invalid`, `too_many_labels`)."""
    demand_labels(labels, field="labels")
    wanted = sorted(set(labels))
    if len(wanted) > MOST_LABELS:
        raise Invalid("too_many_labels", f"An agent has at most {MOST_LABELS} labels.", field="labels")
    return wanted


def demand_labels(labels: Collection[str], *, field: str) -> None:
    """Raise `Invalid` (`label_invalid`) for what is no label; policies that go by labels ask the same."""
    for index, label in enumerate(labels):
        if len(label) > LABEL_LENGTH or LABEL_PATTERN.fullmatch(label) is None:
            detail = f"A label has 1 to {LABEL_LENGTH} of a-z, 0-9 and . _ - : / and begins with a letter or digit."
            raise Invalid("label_invalid", detail, field=f"{field}[{index}]")


def owner_of(organization_id: UUID, owner_id: UUID | None) -> UUID | None:
    """Return the person who answers for an agent; raises `Invalid` (`owner_unknown`) for who is no present member."""
    if owner_id is None:
        return None
    if not Member.objects.filter(organization_id=organization_id, person_id=owner_id, removed_at=None).exists():
        raise Invalid("owner_unknown", "The owner must be a member of the organization.", field="owner")
    return owner_id


def expiry_of(expires_at: datetime | None, *, now: datetime) -> datetime | None:
    """Return when a key ends, `None` for never; raises `Invalid` (`expiry_is_past`, `expiry_too_far`)."""
    if expires_at is not None and expires_at <= now:
        raise Invalid("expiry_is_past", "The key would be expired from the start.", field="expires_at")
    if expires_at is not None and expires_at - now > LONGEST_KEY_LIFE:
        raise Invalid("expiry_too_far", f"A key lives at most {LONGEST_KEY_LIFE.days} days.", field="expires_at")
    return expires_at


def agent_facts(agent: Agent) -> dict[str, object]:
    """Return an agent as the history shows it."""
    return {
        "name": agent.name,
        "description": agent.description,
        "external_ref": agent.external_ref,
        "owner": agent.owner_id and to_public(Prefix.PERSON, agent.owner_id),
        "labels": list(agent.labels),
    }


def _text(text: str, *, field: str, longest: int, code: str, shortest: int = 1) -> str:
    cleaned = text.strip()
    if not shortest <= len(cleaned) <= longest:
        raise Invalid(code, f"This has {shortest} to {longest} characters.", field=field)
    if UNREADABLE.search(cleaned):
        raise Invalid(code, "This holds characters that cannot be stored or shown.", field=field)
    return cleaned
