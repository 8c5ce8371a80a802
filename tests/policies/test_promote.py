"""A shadow is enforced as it was shown, or shown again."""

from typing import Any

import pytest
from django.test import Client

from core.ids import Prefix, to_public
from policies.engine.types import Mode
from policies.services import publish
from policies.services.publishing import shadow_digest
from tests.factories import NOW, actor_for, make_cast
from tests.policies.samples import daily_limit, document, make_policy, reload

pytestmark = pytest.mark.django_db

NOBODY_LISTED = {"key": "list", "type": "WHITELIST", "allowed": []}


def test_a_shadow_replaced_meanwhile_and_one_with_warnings_are_shown_before_they_are_enforced() -> None:
    people = make_cast()
    policy, olu = make_policy(people.organization, actor_for(people.olu)), Client()
    olu.force_login(people.olu.person)
    by: Any = {"organization_id": policy.organization_id, "policy_id": policy.pk, "actor": actor_for(people.ada)}
    publish(document=document(daily_limit("9")), mode=Mode.SHADOW, now=NOW, **by)
    at = f"/policies/{to_public(Prefix.POLICY, policy.pk)}/shadow/promote/"
    seen = shadow_digest(reload(policy.pk))
    assert f'name="shown" value="{seen}"' in olu.get(at.removesuffix("shadow/promote/")).content.decode()
    publish(document=document(daily_limit("9000"), NOBODY_LISTED), mode=Mode.SHADOW, now=NOW, **by)
    for sent in ({"shown": seen}, {}):
        refused = olu.post(at, sent)
        assert refused.status_code == 409
        assert "Enforce version 3" in refused.content.decode()
        assert "9,000.00" in refused.content.decode()
        assert enforced_number(policy.pk) == 1
    now_seen = {"shown": shadow_digest(reload(policy.pk))}
    warned = olu.post(at, now_seen)
    assert warned.status_code == 422
    assert "An empty list denies everybody." in warned.content.decode()
    assert enforced_number(policy.pk) == 1
    ticked = {**now_seen, "warnings": "whitelist_empty", "is_seen": "on"}
    assert olu.post(at, ticked).status_code == 302
    assert enforced_number(policy.pk) == 3
    assert olu.post(at, ticked).status_code == 302, "there is no shadow any more"


def enforced_number(policy_id: Any) -> int:
    enforced = reload(policy_id).enforced
    assert enforced is not None
    return enforced.number
