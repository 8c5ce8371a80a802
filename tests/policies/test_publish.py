"""Publishing: immutable versions with digests, promotion, holidays, refusals."""

from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

import pytest
from django.db import DatabaseError, transaction

from audit.models import Event
from core.db import rows
from core.errors import Conflict, Invalid, InvalidMany, NotFound
from people.services import at_once
from policies.engine.types import Mode
from policies.models import PolicyVersion
from policies.services import (
    create_policy,
    end_shadow,
    publish,
    publish_draft,
    retire,
    save_draft,
)
from policies.services.publishing import state_digest
from tests.factories import NOW, Cast, actor_for, make_cast, public_person
from tests.policies.samples import daily_limit, document, epoch, events_of, make_policy, reload

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> Cast:
    return make_cast()


def test_publishing_makes_a_version_raises_the_epoch_and_tells_it(people: Cast) -> None:
    olu = actor_for(people.olu)
    policy_id = create_policy(organization_id=people.organization.pk, name="Research", actor=olu, now=NOW)
    before = epoch(people.organization)
    published = at_once(
        publish(
            organization_id=people.organization.pk,
            policy_id=policy_id,
            document=document(daily_limit("0500.5")),
            mode=Mode.ENFORCED,
            note="first",
            actor=olu,
            now=NOW,
        )
    )
    policy = reload(policy_id)
    assert policy.enforced is not None
    assert (published.number, published.is_changed, policy.enforced.number) == (1, True, 1)
    assert policy.enforced.document == document(daily_limit("500.50"))
    assert (policy.enforced.note, policy.enforced.published_by_name) == ("first", "Olu")
    assert epoch(people.organization) == before + 1
    assert events_of(policy_id) == ["policy.created", "policy.published"]


def test_publishing_what_is_in_force_changes_nothing(people: Cast) -> None:
    olu = actor_for(people.olu)
    policy = make_policy(people.organization, olu)
    before = epoch(people.organization), events_of(policy.pk)
    again = at_once(
        publish(
            organization_id=people.organization.pk,
            policy_id=policy.pk,
            document=document(daily_limit("500")),
            mode=Mode.ENFORCED,
            actor=olu,
            now=NOW,
        )
    )
    assert (again.number, again.is_changed) == (1, False)
    assert (epoch(people.organization), events_of(policy.pk)) == before


def test_a_shadow_stands_beside_what_is_enforced_and_is_promoted_under_its_own_number(people: Cast) -> None:
    olu, organization = actor_for(people.olu), people.organization
    policy = make_policy(organization, olu)
    stricter = document(daily_limit("100"))
    shadow = at_once(
        publish(
            organization_id=organization.pk,
            policy_id=policy.pk,
            document=stricter,
            mode=Mode.SHADOW,
            actor=olu,
            now=NOW,
        )
    )
    policy = reload(policy.pk)
    assert policy.enforced
    assert policy.shadow
    assert (policy.enforced.number, policy.shadow.number) == (1, 2)
    promoted = at_once(
        publish(
            organization_id=organization.pk,
            policy_id=policy.pk,
            document=stricter,
            mode=Mode.ENFORCED,
            actor=olu,
            now=NOW,
        )
    )
    policy = reload(policy.pk)
    assert promoted.version_id == shadow.version_id == policy.enforced_id
    assert policy.shadow is None
    with pytest.raises(Conflict) as refused:
        publish(
            organization_id=organization.pk,
            policy_id=policy.pk,
            document=stricter,
            mode=Mode.SHADOW,
            actor=olu,
            now=NOW,
        )
    assert refused.value.code == "version_is_enforced"


def test_ending_the_shadow_leaves_what_is_enforced(people: Cast) -> None:
    olu, organization = actor_for(people.olu), people.organization
    policy = make_policy(organization, olu, mode=Mode.SHADOW)
    end_shadow(organization_id=organization.pk, policy_id=policy.pk, actor=olu, now=NOW)
    assert reload(policy.pk).shadow is None
    before = epoch(organization), events_of(policy.pk)
    end_shadow(organization_id=organization.pk, policy_id=policy.pk, actor=olu, now=NOW)
    assert (epoch(organization), events_of(policy.pk)) == before


def test_a_published_version_cannot_be_changed_deleted_or_truncated(people: Cast) -> None:
    policy = make_policy(people.organization, actor_for(people.olu))
    for statement in (
        "update policies_policyversion set document = '{}' where id = %s",
        "update policies_policyversion set number = 7 where id = %s",
        "delete from policies_policyversion where id = %s",
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            rows(statement, [policy.enforced_id])
    with pytest.raises(DatabaseError), transaction.atomic():
        rows("truncate policies_policyversion cascade")
    assert PolicyVersion.objects.get().number == 1


def test_every_fault_of_a_document_is_named_with_its_path(people: Cast) -> None:
    policy = make_policy(people.organization, actor_for(people.olu))
    wrong = document(
        daily_limit("-5"), {"key": "hours", "type": "TIME_WINDOW", "windows": [{"from": "25:00", "to": "09:00"}]}
    )
    with pytest.raises(InvalidMany) as refused:
        publish(
            organization_id=people.organization.pk,
            policy_id=policy.pk,
            document=wrong,
            mode=Mode.ENFORCED,
            actor=actor_for(people.olu),
            now=NOW,
        )
    assert [path for path, _, _ in refused.value.errors] == ["rules[0].daily.USD", "rules[1].windows[0].from"]


@pytest.mark.parametrize("reviewer", ["vera", "mallory"])
def test_a_reviewer_must_be_a_present_member_who_may_review(people: Cast, reviewer: str) -> None:
    policy = make_policy(people.organization, actor_for(people.olu))
    named = public_person(getattr(people, reviewer).person_id)
    rule = {"key": "above", "type": "APPROVAL_THRESHOLD", "above": {"USD": "100"}, "review": {"people": [named]}}
    with pytest.raises(Invalid) as refused:
        publish(
            organization_id=people.organization.pk,
            policy_id=policy.pk,
            document=document(daily_limit(), rule),
            mode=Mode.ENFORCED,
            actor=actor_for(people.olu),
            now=NOW,
        )
    assert (refused.value.code, refused.value.field) == ("reviewer_unknown", "rules[1].review.people")


def test_a_policy_has_at_least_one_rule(people: Cast) -> None:
    policy = make_policy(people.organization, actor_for(people.olu))
    with pytest.raises(Invalid) as refused:
        publish(
            organization_id=people.organization.pk,
            policy_id=policy.pk,
            document=document(),
            mode=Mode.ENFORCED,
            actor=actor_for(people.olu),
            now=NOW,
        )
    assert refused.value.code == "rules_missing"


# --- Holidays ---------------------------------------------------------------------------------------------------------


def holidays(country: str = "DE", **more: object) -> dict[str, object]:
    return {"key": "holidays", "type": "BLACKOUT_PERIOD", "holidays": {"country": country, **more}}


def test_holidays_are_resolved_into_the_version(people: Cast) -> None:
    policy = make_policy(people.organization, actor_for(people.olu), holidays(subdivision="BE"))
    assert policy.enforced is not None
    resolved = policy.enforced.document["rules"][0]["holidays"]
    assert resolved["until"] == "2028-12-31"
    assert {"2026-10-03", "2027-03-08", "2028-12-25"} <= set(resolved["dates"])


def test_holidays_of_the_same_document_are_resolved_once_while_they_reach_far_enough(people: Cast) -> None:
    olu, organization = actor_for(people.olu), people.organization
    policy = make_policy(organization, olu, holidays())

    def publish_at(now: datetime, rule: dict[str, object]) -> bool:
        sent = document(rule)
        return at_once(
            publish(
                organization_id=organization.pk,
                policy_id=policy.pk,
                document=sent,
                mode=Mode.ENFORCED,
                actor=olu,
                now=now,
            )
        ).is_changed

    assert not publish_at(datetime(2027, 12, 31, tzinfo=UTC), holidays())
    made_up = holidays(dates=["2026-05-05"], until="2099-12-31")
    assert not publish_at(datetime(2027, 6, 1, tzinfo=UTC), made_up), "dates that are sent do not count"
    assert publish_at(datetime(2028, 1, 1, tzinfo=UTC), holidays())
    version = reload(policy.pk).enforced
    assert version is not None
    assert version.document["rules"][0]["holidays"]["until"] == date(2030, 12, 31).isoformat()


def test_holidays_of_a_place_that_nobody_knows_are_refused_with_their_path(people: Cast) -> None:
    with pytest.raises(Invalid) as refused:
        make_policy(people.organization, actor_for(people.olu), holidays("DE", subdivision="XX"))
    assert (refused.value.code, refused.value.field) == ("holidays_unknown", "rules[0].holidays.subdivision")


# --- Drafts and retirement --------------------------------------------------------------------------------------------


def test_a_draft_is_published_only_as_it_was_shown(people: Cast) -> None:
    olu, organization = actor_for(people.olu), people.organization
    policy = make_policy(organization, olu)
    save_draft(
        organization_id=organization.pk, policy_id=policy.pk, document=document(daily_limit("9")), actor=olu, now=NOW
    )
    shown = state_digest(reload(policy.pk))
    save_draft(
        organization_id=organization.pk, policy_id=policy.pk, document=document(daily_limit("8")), actor=olu, now=NOW
    )
    with pytest.raises(Conflict) as refused:
        publish_draft(
            organization_id=organization.pk, policy_id=policy.pk, shown=shown, mode=Mode.ENFORCED, actor=olu, now=NOW
        )
    assert refused.value.code == "changed_meanwhile"
    shown = state_digest(reload(policy.pk))
    publish_draft(
        organization_id=organization.pk, policy_id=policy.pk, shown=shown, mode=Mode.ENFORCED, actor=olu, now=NOW
    )
    policy = reload(policy.pk)
    assert policy.enforced is not None
    assert policy.enforced.document == document(daily_limit("8.00"))
    assert policy.draft is None
    with pytest.raises(Conflict) as missing:
        publish_draft(
            organization_id=organization.pk, policy_id=policy.pk, shown=shown, mode=Mode.ENFORCED, actor=olu, now=NOW
        )
    assert missing.value.code == "draft_missing"


def test_a_draft_that_is_in_force_already_does_not_vanish_untold(people: Cast) -> None:
    olu, organization = actor_for(people.olu), people.organization
    policy = make_policy(organization, olu)
    by: dict[str, Any] = {"organization_id": organization.pk, "policy_id": policy.pk, "actor": olu, "now": NOW}
    publish(document=document(daily_limit("9")), mode=Mode.ENFORCED, **by)
    save_draft(document=document(daily_limit("9")), **by)
    told = Event.objects.count()
    again = at_once(publish_draft(shown=state_digest(reload(policy.pk)), mode=Mode.ENFORCED, **by))
    assert not again.is_changed
    assert reload(policy.pk).draft is None
    event = Event.objects.latest("id")
    assert (Event.objects.count(), event.action, event.after) == (told + 1, "policy.draft_saved", None)
    assert event.before is not None
    assert event.before["rules"] == ["daily"]


def test_saving_a_draft_leaves_the_epoch_and_what_is_in_force(people: Cast) -> None:
    olu, organization = actor_for(people.olu), people.organization
    policy = make_policy(organization, olu)
    before = epoch(organization)
    save_draft(
        organization_id=organization.pk, policy_id=policy.pk, document=document(daily_limit("9")), actor=olu, now=NOW
    )
    assert epoch(organization) == before
    assert reload(policy.pk).enforced_id == policy.enforced_id
    assert events_of(policy.pk)[-1] == "policy.draft_saved"


def test_a_retired_policy_is_out_of_force_for_good(people: Cast) -> None:
    olu, organization = actor_for(people.olu), people.organization
    policy = make_policy(organization, olu)
    before = epoch(organization)
    retire(organization_id=organization.pk, policy_id=policy.pk, actor=olu, now=NOW)
    assert epoch(organization) == before + 1
    policy = reload(policy.pk)
    assert (policy.retired_at, policy.enforced) == (NOW, None)
    retire(organization_id=organization.pk, policy_id=policy.pk, actor=olu, now=NOW)
    assert (epoch(organization), events_of(policy.pk).count("policy.retired")) == (before + 1, 1)
    with pytest.raises(Conflict) as refused:
        publish(
            organization_id=organization.pk,
            policy_id=policy.pk,
            document=document(daily_limit()),
            mode=Mode.ENFORCED,
            actor=olu,
            now=NOW,
        )
    assert refused.value.code == "policy_retired"


def test_the_policy_of_another_organization_is_not_there(people: Cast) -> None:
    policy = make_policy(people.organization, actor_for(people.olu))
    for policy_id in (policy.pk, uuid4()):
        with pytest.raises(NotFound):
            retire(
                organization_id=people.mallory.organization_id,
                policy_id=policy_id,
                actor=actor_for(people.mallory),
                now=NOW,
            )
