"""Tie the money side to its authorizations, and keep what was asked and answered as it was."""

from typing import ClassVar

from django.db import migrations

CREATE = """
alter table spend_hold add constraint hold_belongs_to_an_authorization
    foreign key (authorization_id) references approvals_authorization (id) deferrable initially immediate;
alter table spend_spendrecord add constraint record_belongs_to_an_authorization
    foreign key (authorization_id) references approvals_authorization (id) deferrable initially immediate;

create trigger approvals_authorization_keeps_its_answer before update on approvals_authorization
    for each row when (
        (old.id, old.organization_id, old.agent_id, old.amount, old.currency, old.counting_currency, old.body_digest,
         old.idempotency_key, old.payee, old.payee_digest, old.outcome, old.decision, old.facts, old.asked_at,
         old.key_id, old.counterparty_id, old.category, old.rail, old.country, old.session, old.purpose, old.context,
         old.reasons, old.versions, old.possible_duplicate_of)
        is distinct from
        (new.id, new.organization_id, new.agent_id, new.amount, new.currency, new.counting_currency, new.body_digest,
         new.idempotency_key, new.payee, new.payee_digest, new.outcome, new.decision, new.facts, new.asked_at,
         new.key_id, new.counterparty_id, new.category, new.rail, new.country, new.session, new.purpose, new.context,
         new.reasons, new.versions, new.possible_duplicate_of)
    ) execute function conto_refuse_change();
create trigger approvals_authorization_is_not_deleted before delete on approvals_authorization
    for each row execute function conto_refuse_change();
create trigger approvals_authorization_is_not_truncated before truncate on approvals_authorization
    for each statement execute function conto_refuse_truncate();
create trigger approvals_review_is_not_truncated before truncate on approvals_review
    for each statement execute function conto_refuse_truncate();
create trigger approvals_review_is_immutable before update on approvals_review
    for each row when (
        old.closed_at is not null or
        (old.id, old.organization_id, old.request_id, old.person_id, old.verdict, old.reason, old.evidence_digest,
         old.at, old.effective_at)
        is distinct from
        (new.id, new.organization_id, new.request_id, new.person_id, new.verdict, new.reason, new.evidence_digest,
         new.at, new.effective_at)
    ) execute function conto_refuse_change();
create trigger approvals_review_is_not_deleted before delete on approvals_review
    for each row execute function conto_refuse_change();
"""

REFUSE = """
create function conto_refuse(code text) returns boolean language plpgsql as $$
begin
    raise exception 'refused' using errcode = code;
end
$$;
"""

DROP = """
drop function conto_refuse(text);
alter table spend_hold drop constraint hold_belongs_to_an_authorization;
alter table spend_spendrecord drop constraint record_belongs_to_an_authorization;
drop trigger approvals_authorization_keeps_its_answer on approvals_authorization;
drop trigger approvals_authorization_is_not_deleted on approvals_authorization;
drop trigger approvals_authorization_is_not_truncated on approvals_authorization;
drop trigger approvals_review_is_not_truncated on approvals_review;
drop trigger approvals_review_is_immutable on approvals_review;
drop trigger approvals_review_is_not_deleted on approvals_review;
"""


class Migration(migrations.Migration):
    """Foreign keys and triggers of the life cycle."""

    dependencies: ClassVar = [("approvals", "0001_initial"), ("spend", "0002_guards")]

    operations: ClassVar = [migrations.RunSQL(CREATE + REFUSE, DROP)]
