"""Make the history append-only: the database itself refuses UPDATE, DELETE and TRUNCATE."""

from typing import ClassVar

from django.db import migrations

FUNCTIONS = """
create function conto_refuse_change() returns trigger language plpgsql as $$
begin
    raise exception '% on % is refused: the row is a part of history', tg_op, tg_table_name
        using errcode = 'restrict_violation';
end
$$;

create function conto_refuse_truncate() returns trigger language plpgsql as $$
begin
    raise exception 'TRUNCATE on % is refused: the table is a part of history', tg_table_name
        using errcode = 'restrict_violation';
end
$$;

create function conto_refuse_unsealed() returns trigger language plpgsql as $$
begin
    if not exists (select from audit_leaf where event_id = old.event_id) then
        raise exception 'DELETE on audit_pending is refused: no leaf covers event %', old.event_id
            using errcode = 'restrict_violation';
    end if;
    return old;
end
$$;
"""

WAITING = """
create trigger audit_pending_waits_for_its_leaf before delete on audit_pending
    for each row execute function conto_refuse_unsealed();
create trigger audit_pending_is_not_changed before update on audit_pending
    for each row execute function conto_refuse_change();
create trigger audit_pending_is_not_truncated before truncate on audit_pending
    for each statement execute function conto_refuse_truncate();
"""

TABLE = """
create trigger {table}_is_append_only before update or delete on {table}
    for each row execute function conto_refuse_change();
create trigger {table}_is_not_truncated before truncate on {table}
    for each statement execute function conto_refuse_truncate();
"""

DROP = """
drop trigger {table}_is_append_only on {table};
drop trigger {table}_is_not_truncated on {table};
"""

DROP_WAITING = """
drop trigger audit_pending_waits_for_its_leaf on audit_pending;
drop trigger audit_pending_is_not_changed on audit_pending;
drop trigger audit_pending_is_not_truncated on audit_pending;
"""

DROP_FUNCTIONS = """
drop function conto_refuse_change();
drop function conto_refuse_truncate();
drop function conto_refuse_unsealed();
"""

TABLES = ("audit_event", "audit_leaf", "audit_checkpoint")


class Migration(migrations.Migration):
    """Triggers of the history."""

    dependencies: ClassVar = [("audit", "0001_initial")]

    operations: ClassVar = [
        migrations.RunSQL(
            FUNCTIONS + "".join(TABLE.format(table=table) for table in TABLES) + WAITING,
            "".join(DROP.format(table=table) for table in TABLES) + DROP_WAITING + DROP_FUNCTIONS,
        ),
    ]
