"""Whether history follows from itself: each ask decided on the world of its moment, in the order of time."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import orjson

from approvals.replay.past import Past
from approvals.replay.running import Decided, Run, longest_lookback
from approvals.replay.timeline import AsWas
from approvals.replay.twins import Twins
from approvals.replay.whole import WholeBooks, ahead
from core.canonical import decimal_text
from core.db import rows
from core.ids import Prefix, to_public
from people.models import Organization
from policies.engine.stored import payment_to_plain

NEAR: Final = timedelta(seconds=10)
"""How far apart the clocks of processes, and what was asked and what was stored, may be."""
BEGINNING: Final = datetime(2000, 1, 1, tzinfo=UTC)
FACTS: Final = "select facts::text from approvals_authorization where id = %(id)s::uuid"
NEIGHBOURS: Final = """
select count(*) from approvals_authorization where organization_id = %(organization)s::uuid and id <> %(id)s::uuid
  and asked_at between %(since)s::timestamptz and %(until)s::timestamptz
"""


@dataclass(frozen=True, slots=True)
class Difference:
    """An ask that history answered otherwise than the world of its moment does, and what that comes from."""

    authorization: str
    stored: str
    again: str
    causes: tuple[str, ...]

    def __str__(self) -> str:
        causes = "; ".join(self.causes) or "no cause was found"
        return f"{self.authorization}: answered {self.stored}, in the order of time {self.again}: {causes}"


@dataclass(slots=True)
class Followed:
    """How many asks were decided so far."""

    asks: int = 0


def as_was(organization_id: UUID, counted: Followed, *, until: datetime) -> Iterator[Difference]:
    """Follow all of an organization's history and yield each ask whose outcome is not the stored one.

    A part of it is in memory at a time, beside the sums and the payments that some rule of it looks back at.
    """
    organization = Organization.objects.get(pk=organization_id)
    world = AsWas(organization_id, organization.time_zone, until=until)
    rules = tuple(world.rules())
    books = WholeBooks(rules, ahead(organization_id, organization.time_zone, until=until))
    run = Run(world, books, Twins(longest_lookback(rules)), paid=lambda _: ())
    past = Past(organization_id, BEGINNING, until)
    run.begin(past.unasked())
    for asks in past.asks():
        for asked in asks:
            run.advance(asked.asked_at)
            for decided in run.follow([asked]):
                counted.asks += 1
                if decided.decision.outcome.value != asked.outcome:
                    yield _difference(organization_id, world, decided)
        run.forget_before(asks[-1].asked_at)


def _difference(organization_id: UUID, world: AsWas, decided: Decided) -> Difference:
    asked = decided.asked
    stored = orjson.loads(str(rows(FACTS, {"id": asked.id})[0][0]))
    found = [*_of_policies(stored, decided), *_of_payment(stored, decided), *_of_facts(stored, decided)]
    near = [
        f"{told.action} {abs(told.at - asked.asked_at).total_seconds():.3f} s away"
        for told in (*world.last, *([world.next] if world.next else []))
        if abs(told.at - asked.asked_at) <= NEAR
    ]
    span = {"since": asked.asked_at - NEAR, "until": asked.asked_at + NEAR}
    ((others,),) = rows(NEIGHBOURS, {"organization": organization_id, "id": asked.id} | span)
    if found and near:
        found.append(f"told meanwhile: {', '.join(near)}")
    if found and others:
        found.append(f"asked within {NEAR.seconds} s: {others} others, whose order was another one")
    name = to_public(Prefix.AUTHORIZATION, asked.id)
    return Difference(name, asked.outcome, decided.decision.outcome.value, tuple(found))


def _of_policies(stored: dict[str, Any], decided: Decided) -> Iterator[str]:
    then = {one["version_id"]: f"{one['name']} {one['version']}" for one in stored["policies"]}
    now = {one.version_id: f"{one.name} {one.version}" for one in decided.policies}
    for version in sorted(then.keys() - now.keys()):
        yield f"version {then[version]} was in force"
    for version in sorted(now.keys() - then.keys()):
        yield f"version {now[version]} was not in force"


def _of_payment(stored: dict[str, Any], decided: Decided) -> Iterator[str]:
    then, now = stored["payment"], payment_to_plain(decided.payment)
    for name in ("standing", "counting_currency"):
        if then[name] != now[name]:
            yield f"{name.replace('_', ' ')} was {then[name]}, not {now[name]}"


def _of_facts(stored: dict[str, Any], decided: Decided) -> Iterator[str]:
    then, now = stored["facts"], decided.facts
    if tuple(then["frozen"]) != now.frozen:
        yield f"frozen was {', '.join(then['frozen']) or 'nothing'}, not {', '.join(now.frozen) or 'nothing'}"
    for digest, tally in sorted(then["tallies"].items()):
        mine = now.tallies.get(digest)
        if mine is not None and decimal_text(mine.used) != tally["used"]:
            yield f"counter {digest[:8]} held {tally['used']}, not {decimal_text(mine.used)}"
    if len(then["earlier"]) != len(now.earlier):
        yield f"{len(then['earlier'])} equal payments were seen, not {len(now.earlier)}"
    if then["has_paid_counterparty"] != now.has_paid_counterparty:
        yield "whether the payee had been paid before"
