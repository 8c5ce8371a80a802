"""Opening counters: in a transaction of its own, behind closed gates, before the decision begins again."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from core.db import hold_gate_exclusively, rows, use_case
from core.span import CounterKey, Subject
from spend.selectors.matching import BUCKET, COUNTED, MATCHING, counter_params

INSERT_COUNTER: Final = """
insert into spend_counter (key, organization_id, measure, subject, currency, agent_id, counterparty, session, pot,
    condition, span_start, span_end, rolling_seconds, used, head, buckets, opened_at, has_gap)
values (%(key)s, %(organization)s, %(measure)s, %(subject)s, %(currency)s, %(agent)s, %(counterparty_text)s,
    %(session)s, %(pot)s, %(condition)s::jsonb, %(start)s, %(end)s, %(rolling)s, 0, %(head)s,
    %(empty_ring)s::numeric[], %(now)s, false)
on conflict (key) do update set has_gap = false where spend_counter.has_gap
returning id
"""
POST_WHAT_IS_MISSING: Final = f"""
insert into spend_posting (hold_id, counter_id, amount, bucket)
select id, %(counter)s, {COUNTED}, case when %(rolling)s::bigint is not null then {BUCKET} end {MATCHING}
on conflict (hold_id, counter_id) do nothing
"""
SUM_UP: Final = """
update spend_counter set used = (select coalesce(sum(amount), 0) from spend_posting where counter_id = %(counter)s)
where id = %(counter)s
"""
FILL_THE_RING: Final = """
with newest as (
    select greatest(c.head, %(head)s::bigint, max(p.bucket)) as head
    from spend_counter c left join spend_posting p on p.counter_id = c.id where c.id = %(counter)s group by c.id
), slots as (
    select mod(n, 64) as slot, coalesce(sum(p.amount), 0) as amount
    from newest cross join generate_series(newest.head - 63, newest.head) n
    left join spend_posting p on p.counter_id = %(counter)s and p.bucket = n group by n
)
update spend_counter c set head = newest.head, buckets = (select array_agg(amount order by slot) from slots)
from newest where c.id = %(counter)s
"""


@use_case
def open_counters(organization_id: UUID, agent_id: UUID, keys: Sequence[CounterKey], *, now: datetime) -> None:
    """Create the counters that are missing, close the gaps of others, and post to them everything their span holds.

    Takes the agent's gate exclusively, for a pot the organization's, so that nothing moves meanwhile. A pot counts
    what is drawn from it and begins empty; every other subject counts all there is, from before the rule existed too.
    """
    has_pot = any(key.subject is Subject.POT for key in keys)
    hold_gate_exclusively(organization_id, None if has_pot else agent_id)
    for key in sorted(keys, key=lambda key: key.digest):
        _open_counter(organization_id, agent_id, key, now)


def _open_counter(organization_id: UUID, agent_id: UUID, key: CounterKey, now: datetime) -> None:
    params = counter_params(organization_id, agent_id, key, now)
    opened = rows(INSERT_COUNTER, params)
    if not opened or key.subject is Subject.POT:
        return
    params["counter"] = opened[0][0]
    rows(POST_WHAT_IS_MISSING, params)
    rows(SUM_UP if key.rolling_seconds is None else FILL_THE_RING, params)
