"""The limit: what pgbench reaches on this machine with the same durable writes as one decision."""

import re
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from django.db import connection

from bench.world import World
from conto_admin.embedded import postgresql_binaries
from core.db import rows

SCRIPT: Final = """
\\set n random(1, {agents})
begin;
insert into approvals_authorization (id, organization_id, agent_id, body_digest, amount, currency, counting_currency,
    payee, payee_digest, category, purpose, context, outcome, reasons, decision, facts, versions, status, status_reason,
    asked_at, approved_at, expires_at, changed_at, decided_in_us)
    select gen_random_uuid(), organization_id, agent_id, repeat('0', 64), 1, 'USD', 'USD',
    '{{"name": "OpenAI"}}', repeat('1', 64), 'ai', '', '{{}}', 'allow', '{{}}', decision, facts, '{{}}', 'approved', '',
    now(), now(), now(), now(), 0 from bench_agent where n = :n returning id, agent_id \\gset
insert into spend_hold (id, organization_id, agent_id, authorization_id, currency, counting_currency, amount, held,
    spent,
    returned, is_ask, asked_at) select :id::uuid, organization_id, agent_id, :id::uuid, 'USD', 'USD', 1, 1, 0, 0, true,
    now() from bench_agent where n = :n;
update spend_counter set used = used + 1 where agent_id = :agent_id::uuid and used + 1 <= 1000000000;
insert into spend_posting (hold_id, counter_id, amount)
    select :id::uuid, id, 1 from spend_counter where agent_id = :agent_id::uuid;
insert into audit_event (id, organization_id, at, action, actor_kind, actor_id, actor_name, subject_kind, subject_id,
    after,
    request_id, address) select gen_random_uuid(), organization_id, now(), 'bench', 'agent', '', '', 'authorization',
        :id::text,
    '{{"status": "approved", "amount": "1.00", "currency": "USD"}}', '', '' from bench_agent where n = :n
    returning id as event, organization_id as organization \\gset
insert into audit_pending (event_id, organization_id) values (:event::uuid, :organization::uuid);
commit;
"""


def measure(world: World, *, clients: int, seconds: int) -> float:
    """Return transactions per second of the same inserts and updates, prepared, over the database's own socket."""
    _name_agents(world)
    settings = connection.settings_dict
    with TemporaryDirectory() as folder:
        script = Path(folder) / "decision.sql"
        script.write_text(SCRIPT.format(agents=len(world.agents)))
        command = [
            str(postgresql_binaries() / "pgbench"),
            *("-h", settings["HOST"] or str(settings["OPTIONS"].get("host", "")), "-U", settings["USER"] or "postgres"),
            *("-n", "-M", "prepared", "-c", str(clients), "-j", "2", "-T", str(seconds), "-f", str(script)),
            str(settings["NAME"]),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"tps = ([0-9.]+)", done.stdout)
    assert found is not None, done.stderr
    return float(found.group(1))


def _name_agents(world: World) -> None:
    """Number the agents, with a decision and facts of the size that ours have."""
    rows("drop table if exists bench_agent")
    rows(
        "create table bench_agent as select row_number() over () as n, a.id as agent_id, a.organization_id, "
        "t.decision, t.facts"
        " from agents_agent a, lateral (select decision, facts from approvals_authorization"
        " where organization_id = a.organization_id order by asked_at desc limit 1) t where a.id = any(%s)",
        [world.agents],
    )
    rows("create unique index on bench_agent (n)")
    rows("analyze bench_agent")
