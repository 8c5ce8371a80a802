"""Let no change be made that too few agreed to, and keep what they agreed to as it was."""

from typing import ClassVar

from django.db import migrations

CREATE = """
create function people_check_agreement() returns trigger language plpgsql as $$
begin
    if not exists (
        select from people_pendingchange change
         where change.id = new.change_id and change.digest = new.digest and change.closed_at is null
           and not (change.proposed_by_kind = 'person' and change.proposed_by_person_id = new.person_id)
    ) then
        raise exception 'agreement_is_to_what_waits: not to what this person proposed, nor to another content'
            using errcode = 'check_violation';
    end if;
    return new;
end
$$;

create function people_check_agreements() returns trigger language plpgsql as $$
begin
    if (select count(distinct agreement.person_id) from people_agreement agreement
         where agreement.change_id = new.id and agreement.digest = new.digest and agreement.withdrawn_at is null)
       < (case when new.proposed_by_kind = 'person' then 1 else 2 end)
    then
        raise exception 'change_is_agreed_to_by_enough: one of them is not who proposed it'
            using errcode = 'check_violation';
    end if;
    return new;
end
$$;

create trigger people_agreement_is_to_what_waits before insert on people_agreement
    for each row execute function people_check_agreement();
create trigger people_agreement_is_only_withdrawn before update on people_agreement
    for each row when (
        old.withdrawn_at is not null or
        (old.id, old.change_id, old.person_id, old.name, old.digest, old.at) is distinct from
        (new.id, new.change_id, new.person_id, new.name, new.digest, new.at)
    ) execute function conto_refuse_change();
create trigger people_agreement_is_not_deleted before delete on people_agreement
    for each row execute function conto_refuse_change();
create trigger people_agreement_is_not_truncated before truncate on people_agreement
    for each statement execute function conto_refuse_truncate();

create trigger people_pendingchange_is_agreed_to after insert or update on people_pendingchange
    for each row when (new.closed_as = 'approved') execute function people_check_agreements();
create trigger people_pendingchange_keeps_its_content before update on people_pendingchange
    for each row when (
        (old.id, old.organization_id, old.kind, old.subject_id, old.digest, old.content, old.loosens,
         old.proposed_by_kind, old.proposed_by_id, old.proposed_by_person_id)
        is distinct from
        (new.id, new.organization_id, new.kind, new.subject_id, new.digest, new.content, new.loosens,
         new.proposed_by_kind, new.proposed_by_id, new.proposed_by_person_id)
    ) execute function conto_refuse_change();
"""

DROP = """
drop trigger people_pendingchange_keeps_its_content on people_pendingchange;
drop trigger people_pendingchange_is_agreed_to on people_pendingchange;
drop trigger people_agreement_is_not_truncated on people_agreement;
drop trigger people_agreement_is_not_deleted on people_agreement;
drop trigger people_agreement_is_only_withdrawn on people_agreement;
drop trigger people_agreement_is_to_what_waits on people_agreement;
drop function people_check_agreements();
drop function people_check_agreement();
"""


class Migration(migrations.Migration):
    """Triggers of changes that wait, and of the agreements to them."""

    dependencies: ClassVar = [("people", "0001_initial"), ("audit", "0002_guards")]

    operations: ClassVar = [migrations.RunSQL(CREATE, DROP)]
