"""What many counters held at one moment of the past, summed from the holds of the time before: a read per kind."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final, cast
from uuid import UUID

from core.db import rows
from core.ids import Prefix, from_public, to_public
from core.span import CounterKey, Subject, first_counted_bucket
from spend.selectors.matching import BUCKET, CONDITION, COUNTED, counter_params

ZERO: Final = Decimal(0)
NOBODY: Final = "unknown"
"""How a key calls payees that resolve to no counterparty."""

BEFORE: Final = f"""
select agent_id, session, coalesce(merged.merged_into_id, counted.counterparty_id), {{bucket}},
    coalesce(sum({COUNTED}), 0)
from (
    select agent_id, held, spent, returned, asked_at,
        case when %(is_by_session)s then session end as session,
        case when %(is_by_counterparty)s then counterparty_id end as counterparty_id
    from spend_hold
    where agent_id = any(%(agents)s::uuid[]) and asked_at < %(before)s::timestamptz
      and (%(start)s::timestamptz is null or asked_at >= %(start)s::timestamptz)
      and (%(end)s::timestamptz is null or asked_at < %(end)s::timestamptz)
      and (%(is_count)s or counting_currency = %(currency)s::text) and (not %(is_count)s or is_ask)
      and (not %(is_by_session)s or session = any(%(sessions)s::text[]))
      and {CONDITION}
) counted
left join spend_counterparty merged on merged.id = counted.counterparty_id and merged.merged_into_id is not null
group by 1, 2, 3, 4
"""
"""Who was merged into another counts as that other one, as in `spend.selectors.matching`."""
DRAWN: Final = """
select c.key, coalesce(sum(p.amount), 0)
from spend_counter c join spend_posting p on p.counter_id = c.id join spend_hold h on h.id = p.hold_id
where c.organization_id = %(organization)s::uuid and c.key = any(%(keys)s::text[]) and h.asked_at < %(before)s
group by c.key
"""


@dataclass(slots=True)
class Opened:
    """What a counter held: all of it, or by bucket where it rolls."""

    used: Decimal = ZERO
    buckets: dict[int, Decimal] = field(default_factory=dict)


def opened_at(organization_id: UUID, keys: Iterable[CounterKey], before: datetime) -> Mapping[str, Opened]:
    """Return by digest what these counters count of what was asked before a moment, as it stands by now.

    Those that count nothing from before are missing. Pots hold what was drawn from them; others all there is.
    """
    pots, alike = [], defaultdict(list)
    for key in keys:
        if key.subject is Subject.POT:
            pots.append(key)
        elif _reaches_back(key, before):
            alike[replace(key, agent=None, session=None, counterparty=None)].append(key)
    found = _drawn(organization_id, pots, before)
    for kind, members in alike.items():
        found.update(_summed(organization_id, kind, members, before))
    return found


def _reaches_back(key: CounterKey, before: datetime) -> bool:
    return key.rolling_seconds is not None or key.span.start is None or key.span.start < before


def _drawn(organization_id: UUID, pots: Sequence[CounterKey], before: datetime) -> dict[str, Opened]:
    if not pots:
        return {}
    params = {"organization": organization_id, "keys": [key.digest for key in pots], "before": before}
    return {digest: Opened(used) for digest, used in cast(list[tuple[str, Decimal]], rows(DRAWN, params))}


def _summed(
    organization_id: UUID, kind: CounterKey, members: Sequence[CounterKey], before: datetime
) -> dict[str, Opened]:
    """Sum holds once for counters that differ in agent, session and counterparty only."""
    agents = {key.agent: from_public(Prefix.AGENT, key.agent or "") for key in members}
    params: dict[str, Any] = counter_params(organization_id, UUID(int=0), kind, before) | {
        "agents": list(agents.values()),
        "sessions": [key.session for key in members],
        "is_by_session": kind.subject is Subject.AGENT_SESSION,
        "before": before,
    }
    rolling = kind.rolling_seconds
    if rolling is not None:
        bucket_seconds = timedelta(seconds=rolling) / 60
        params["start"] = before - timedelta(seconds=rolling) - 2 * bucket_seconds
    found = rows(BEFORE.format(bucket="null::bigint" if rolling is None else BUCKET), params)
    wanted = {(key.agent, key.session, key.counterparty): key.digest for key in members}
    oldest = None if rolling is None else first_counted_bucket(before, rolling)
    opened: dict[str, Opened] = defaultdict(Opened)
    for agent_id, session, counterparty_id, bucket, amount in cast(list[Any], found):
        counterparty = _named(kind.subject, counterparty_id)
        digest = wanted.get((to_public(Prefix.AGENT, agent_id), session, counterparty))
        if digest is None or (bucket is not None and oldest is not None and bucket < oldest):
            continue
        if bucket is None:
            opened[digest].used += amount
        else:
            opened[digest].buckets[bucket] = amount
    return dict(opened)


def _named(subject: Subject, counterparty_id: UUID | None) -> str | None:
    if subject is not Subject.AGENT_COUNTERPARTY:
        return None
    return NOBODY if counterparty_id is None else to_public(Prefix.COUNTERPARTY, counterparty_id)
