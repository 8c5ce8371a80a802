"""Replay: each stored decision made again from its stored versions and facts, and compared byte for byte."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, cast
from uuid import UUID

import orjson

from core.canonical import canonical_json
from core.db import one_snapshot, rows, streamed
from core.errors import NotFound, Unavailable
from core.ids import Prefix, from_public, to_public
from policies.engine.evaluate import evaluate
from policies.engine.rules import PolicyInForce
from policies.engine.stored import decision_bytes, facts_from_plain, payment_from_plain
from policies.engine.types import Mode
from policies.selectors import compiled

VERSIONS_KEPT: Final = 2_000
SHOWN: Final = 60
"""Characters of a differing value that are shown; the row has the whole."""
ABSENT: Final = object()
CANNOT: Final = (ArithmeticError, AttributeError, KeyError, NotFound, TypeError, Unavailable, ValueError)
"""What reading back says of facts that this edition did not write."""

STORED: Final = """
select id, outcome, reasons, versions, facts::text, decision::text, redecision_facts::text, redecision::text
from approvals_authorization
where (%(organization)s::uuid is null or organization_id = %(organization)s::uuid)
  and (%(since)s::timestamptz is null or asked_at >= %(since)s::timestamptz)
order by organization_id, asked_at, id
"""
VERSION: Final = "select document::text from policies_policyversion where id = %(version)s::uuid"

Plain = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Difference:
    """Where a stored decision is not what its own versions and facts say: `path` in it, what stands there, what comes.

    `which` is `decision`, the answer to the ask, or `redecision`, the one at quorum.
    """

    authorization: str
    which: str
    path: str
    stored: str
    again: str

    def __str__(self) -> str:
        return (
            f"{self.authorization} {self.which}: {self.path} is stored as {self.stored} and comes out as {self.again}"
        )


@dataclass(slots=True)
class Replayed:
    """How many decisions were made again so far."""

    decisions: int = 0


def replay(
    counted: Replayed, *, organization_id: UUID | None = None, since: datetime | None = None
) -> Iterator[Difference]:
    """Make every stored decision again, of one organization or of all, and yield each difference.

    A stream over one snapshot: memory does not grow with history. `counted` says how far it has come.
    """
    with one_snapshot():
        for found in streamed(STORED, {"organization": organization_id, "since": since}):
            row = cast(tuple[UUID, str, list[str], list[UUID], str, str, str | None, str | None], found)
            authorization = to_public(Prefix.AUTHORIZATION, row[0])
            counted.decisions += 1
            yield from _compared(authorization, "decision", row[4], row[5])
            yield from _columns(authorization, *row[1:6])
            if row[7] is not None:
                counted.decisions += 1
                yield from _compared(authorization, "redecision", row[6] or "{}", row[7])


def _compared(authorization: str, which: str, facts: str, decision: str) -> Iterator[Difference]:
    """Yield every place in which the decision that these facts lead to is not the stored one."""
    stored = orjson.loads(decision)
    try:
        again = _decided_again(orjson.loads(facts))
    except CANNOT as error:
        yield Difference(authorization, which, "facts", _shown(facts), f"nothing: {type(error).__name__} {error}")
        return
    if again == canonical_json(stored):
        return
    for path, before, after in _places("", stored, orjson.loads(again)):
        yield Difference(authorization, which, path or "everything", _shown(before), _shown(after))


def _columns(
    authorization: str, outcome: str, reasons: list[str], versions: list[UUID], facts: str, decision: str
) -> Iterator[Difference]:
    """Yield where the columns that lists and sums go by say something else than what was decided."""
    told, rests_on = orjson.loads(decision), orjson.loads(facts).get("policies", [])
    named = [policy.get("version_id") for policy in rests_on]
    columns = (
        ("outcome", outcome, told.get("outcome")),
        ("reasons", reasons, told.get("reasons")),
        ("versions", [to_public(Prefix.VERSION, one) for one in versions], named),
    )
    for name, column, said in columns:
        if column != said:
            yield Difference(authorization, "column", name, _shown(column), _shown(said))


def _decided_again(facts: Plain) -> bytes:
    policies = [_in_force(policy) for policy in facts["policies"]]
    payment, known = payment_from_plain(facts["payment"]), facts_from_plain(facts["facts"])
    return decision_bytes(evaluate(payment, policies, known))


def _in_force(stored: Plain) -> PolicyInForce:
    """Return the version as it was in force, under the name that its policy had then."""
    version = from_public(Prefix.VERSION, stored["version_id"])
    return PolicyInForce(
        policy=stored["policy"],
        name=stored["name"],
        version_id=stored["version_id"],
        version=stored["version"],
        mode=Mode(stored["mode"]),
        rules=compiled(version, _document(version)),
    )


@lru_cache(maxsize=VERSIONS_KEPT)
def _document(version: UUID) -> str:
    """Return the text of a published version, which never changes."""
    found = rows(VERSION, {"version": version})
    if not found:
        raise NotFound()
    return str(found[0][0])


def _places(path: str, stored: object, again: object) -> Iterator[tuple[str, object, object]]:
    """Yield the paths at which two plain values differ."""
    if isinstance(stored, dict) and isinstance(again, dict):
        for name in sorted(stored.keys() | again.keys()):
            below = f"{path}.{name}" if path else str(name)
            yield from _places(below, stored.get(name, ABSENT), again.get(name, ABSENT))
    elif isinstance(stored, list) and isinstance(again, list) and len(stored) == len(again):
        for index, (one, other) in enumerate(zip(stored, again, strict=True)):
            yield from _places(f"{path}[{index}]", one, other)
    elif stored != again:
        yield path, stored, again


def _shown(value: object) -> str:
    if value is ABSENT:
        return "nothing"
    text = value if isinstance(value, str) else canonical_json(value).decode()
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
