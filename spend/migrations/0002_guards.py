"""Make records immutable, teach the database the arithmetic of rolling counters, find counters by what they count."""

from typing import ClassVar

from django.db import migrations

RECORDS = """
create trigger spend_spendrecord_is_immutable before update or delete on spend_spendrecord
    for each row execute function conto_refuse_change();
create trigger spend_spendrecord_is_not_truncated before truncate on spend_spendrecord
    for each statement execute function conto_refuse_truncate();
"""

# A ring has 64 slots; bucket n lives in slot n mod 64, and the ring knows the buckets head-63 to head.
RING = """
create function conto_ring_add(ring numeric[], head bigint, bucket bigint, amount numeric) returns numeric[]
language sql immutable parallel safe as $$
    select array_agg(
        case when n between head - 63 and head then ring[(n % 64) + 1] else 0 end
            + case when n = bucket then amount else 0 end
        order by n % 64)
    from generate_series(greatest(head, bucket) - 63, greatest(head, bucket)) n
$$;

create function conto_ring_used(ring numeric[], head bigint, bucket bigint) returns numeric
language sql immutable parallel safe as $$
    -- Newer buckets count too: an ask that comes late must not use room that a newer one has taken.
    select coalesce(sum(ring[(n % 64) + 1]), 0) from generate_series(greatest(bucket - 60, head - 63), head) n
$$;
"""

# For the question which counters a hold passes by; every expression of it stands in `spend/services/holds.py`.
WHOLE = """
create index counter_that_is_whole on spend_counter
    (agent_id, coalesce(session, ''), coalesce(counterparty, ''), coalesce(span_end, 'infinity'))
    where not has_gap and subject <> 'pot';
"""

# For the question which counters a merge of counterparties leaves with a gap; behind the gate, so it must not grow.
NAMING = """
create index counter_of_counterparty on spend_counter (organization_id, counterparty) where counterparty is not null;
create index counter_that_names on spend_counter using gin ((condition->'counterparties'));
"""

# For the question which counterparties may be one and the same; names and domains are compared in a plain form.
ALIKE = """
create function conto_plain_name(name text) returns text language sql immutable parallel safe as $$
    select lower(regexp_replace(name, '[^[:alnum:]]+', '', 'g'))
$$;

create function conto_registered_domain(host text) returns text language sql immutable parallel safe as $$
    -- A guess without the public suffix list: it suggests, and decides nothing.
    select substring(host from
        case when host ~ '(^|\\.)(co|com|net|org|gov|edu|ac|or|ne|go)\\.[a-z]{2}$'
            then '[^.]+\\.[^.]+\\.[^.]+$' else '[^.]+\\.[^.]+$' end)
$$;

create index counterparty_by_plain_name on spend_counterparty
    (organization_id, conto_plain_name(name), standing, id) where merged_into_id is null;
create index identifier_by_registered_domain on spend_identifier (organization_id, conto_registered_domain(value))
    where kind = 'domain';
"""

DROP = """
drop index counter_that_names;
drop index counter_of_counterparty;
drop index identifier_by_registered_domain;
drop index counterparty_by_plain_name;
drop function conto_registered_domain(text);
drop function conto_plain_name(text);
drop index counter_that_is_whole;
drop trigger spend_spendrecord_is_immutable on spend_spendrecord;
drop trigger spend_spendrecord_is_not_truncated on spend_spendrecord;
drop function conto_ring_used(numeric[], bigint, bigint);
drop function conto_ring_add(numeric[], bigint, bigint, numeric);
"""


class Migration(migrations.Migration):
    """Triggers and functions of the money side."""

    dependencies: ClassVar = [("spend", "0001_initial"), ("audit", "0002_guards")]

    operations: ClassVar = [migrations.RunSQL(RECORDS + RING + WHOLE + NAMING + ALIKE, DROP)]
