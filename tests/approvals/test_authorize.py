"""Asking: what is answered, what is stored, what is set aside."""

from decimal import Decimal

import pytest

from approvals.models import ApprovalRequest, Authorization
from audit.models import Event
from core.errors import Conflict
from policies.engine.types import Mode
from spend.models import Counter, Hold
from spend.payee import PayeeClaim
from spend.services.changes import set_standing
from tests.approvals.world import OPENAI, ask, counterparty, make_world, put_policy, stored
from tests.factories import NOW, actor_for

pytestmark = pytest.mark.django_db

DAILY = {"key": "daily", "type": "SPEND_LIMIT", "daily": {"USD": "100"}}
REVIEW = {"key": "people", "type": "APPROVAL_THRESHOLD", "above": {"USD": "50"}}


def test_a_payment_within_the_limit_is_approved_and_set_aside() -> None:
    world = make_world(DAILY)

    answer = ask(world, "12.50").answer

    assert (answer.status, answer.may_pay, answer.held) == ("approved", True, Decimal("12.50"))
    assert answer.decision["outcome"] == "allow"
    hold = Hold.objects.get(authorization_id=answer.id)
    assert (hold.held, hold.spent) == (Decimal("12.50"), Decimal(0))
    assert Counter.objects.get().used == Decimal("12.50")
    assert Event.objects.filter(action="authorization.approved", subject_id__startswith="atz_").count() == 1


def test_without_a_policy_there_is_no_money() -> None:
    answer = ask(make_world()).answer

    assert (answer.status, answer.may_pay, answer.held) == ("declined", False, None)
    assert answer.decision["reasons"] == ["no_policy"]
    assert not Hold.objects.exists()


def test_the_cap_is_inclusive_and_what_passes_it_is_declined() -> None:
    world = make_world(DAILY)

    assert ask(world, "75").answer.status == "approved"
    assert ask(world, "25").answer.status == "approved"
    assert ask(world, "0.000001").answer.status == "declined"


def test_a_payment_above_the_threshold_waits_for_people_with_its_money_set_aside() -> None:
    world = make_world(DAILY, REVIEW)

    answer = ask(world, "60").answer

    assert (answer.status, answer.may_pay, answer.held) == ("pending_review", False, Decimal(60))
    assert answer.request_id == ApprovalRequest.objects.get().id
    assert ask(world, "50").answer.status == "declined"


def test_the_same_key_and_body_is_answered_once() -> None:
    world = make_world(DAILY)

    first, second = ask(world, "10", key="k1"), ask(world, "10.00", key="k1")

    assert (first.is_replay, second.is_replay) == (False, True)
    assert second.answer.id == first.answer.id
    assert Authorization.objects.count() == 1
    assert Counter.objects.get().used == 10


def test_the_same_key_with_another_body_is_a_conflict() -> None:
    world = make_world(DAILY)
    ask(world, "10", key="k1")

    with pytest.raises(Conflict) as caught:
        ask(world, "11", key="k1")

    assert caught.value.code == "idempotency_conflict"


def test_an_equal_payment_still_unrecorded_is_named() -> None:
    world = make_world(DAILY)
    first = ask(world, "10")

    assert ask(world, "10").answer.possible_duplicate_of == first.answer.id
    assert ask(world, "11").answer.possible_duplicate_of is None


def test_a_shadow_policy_is_shown_and_moves_its_counters_but_holds_nothing_back() -> None:
    world = make_world(DAILY)
    put_policy(
        world.cast, "Tighter", [{"key": "hourly", "type": "SPEND_LIMIT", "hourly": {"USD": "5"}}], mode=Mode.SHADOW
    )

    answer = ask(world, "10").answer

    assert answer.status == "approved"
    said = {(check["mode"], check["outcome"]) for check in stored_checks(answer.decision)}
    assert said == {("enforced", "allow"), ("shadow", "deny")}
    assert sorted(Counter.objects.values_list("used", flat=True)) == [10, 10]


def test_a_rolling_limit_counts_what_was_asked_within_its_window() -> None:
    world = make_world({"key": "rolling", "type": "SPEND_LIMIT", "hourly": {"USD": "100"}, "window": "rolling"})

    assert ask(world, "60").answer.status == "approved"
    assert ask(world, "60").answer.status == "declined"
    assert ask(world, "40").answer.status == "approved"


def stored_checks(decision: object) -> list[dict[str, str]]:
    assert isinstance(decision, dict)
    checks = decision["checks"]
    assert isinstance(checks, list)
    return checks


def test_an_unknown_payee_becomes_a_counterparty_under_its_one_identifier() -> None:
    world = make_world(DAILY)

    row = stored(ask(world, payee=OPENAI, now=NOW))

    assert row.counterparty is not None
    assert (row.counterparty.name, row.counterparty.standing) == ("OpenAI", "unknown")


def test_junk_beside_the_identifier_of_somebody_blocked_does_not_get_them_paid() -> None:
    world = make_world(DAILY)
    ask(world, payee=OPENAI)
    set_standing(
        organization_id=world.organization_id,
        counterparty_id=counterparty(world).id,
        standing="blocked",
        actor=actor_for(world.cast.olu),
        now=NOW,
    )

    answer = ask(world, payee=PayeeClaim("OpenAI", ("account:JUNK", *OPENAI.identifiers))).answer

    assert answer.status == "declined"
    reasons = answer.decision["reasons"]
    assert isinstance(reasons, list)
    assert "counterparty_blocked" in reasons
