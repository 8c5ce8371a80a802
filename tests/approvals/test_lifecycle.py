"""Every status meets every move, through the real services: what the table of moves allows happens, nothing else."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import product
from typing import Final

import pytest

from approvals.lifecycle import HOLDING, MOVES, Status, demand_move
from approvals.models import ApprovalRequest, Authorization
from approvals.selectors.books import faults
from core.db import rows
from core.errors import Conflict
from core.ids import Prefix, to_public
from spend.models import Hold
from tests.approvals.world import World, ask, make_world, stored
from tests.factories import NOW
from tests.races.acts import act_on, do, path_of

pytestmark = pytest.mark.django_db

RULES: Final = (
    {"key": "daily", "type": "SPEND_LIMIT", "daily": {"USD": "5000"}},
    {"key": "people", "type": "APPROVAL_THRESHOLD", "above": {"USD": "50"}},
)
TARGET: Final = {
    "approve": Status.APPROVED,
    "reject": Status.DECLINED,
    "void": Status.VOIDED,
    "expire": Status.EXPIRED,
    "record": Status.RECORDED,
    "doubt": Status.IN_DOUBT,
}
"""What each service brings an authorization to, where it may."""
CLOSED_AS: Final = {
    Status.APPROVED: "approved",
    Status.DECLINED: "rejected",
    Status.VOIDED: "voided",
    Status.EXPIRED: "expired",
    Status.RECORDED: "recorded",
}
NEVER_PAID: Final = ("expired while pending", "doubt")
"""The table has the move for what was approved once; what nobody approved cannot be in doubt."""
LATER: Final = NOW + timedelta(days=2)
"""Behind every clock."""


def act(world: World, one: Authorization, what: str) -> str:
    """Do it as the one who may: reviewers in time, the clock when it is over."""
    member = {"approve": world.cast.rui, "reject": world.cast.ada}.get(what)
    at: datetime = LATER if what == "expire" else NOW
    return do(replace(act_on(one, what, member, now=NOW), now=at, amount=str(one.amount)))


def asked(world: World, amount: str, *whats: str) -> Authorization:
    """Ask, and do these things to it."""
    one = stored(ask(world, amount))
    for what in whats:
        act(world, one, what)
    return again(one)


def again(one: Authorization) -> Authorization:
    return Authorization.objects.get(id=one.id)


Begin = Callable[[World], Authorization]
BEGINNINGS: Final[dict[str, tuple[Status, Begin]]] = {
    "pending": (Status.PENDING_REVIEW, lambda world: asked(world, "60")),
    "approved by rule": (Status.APPROVED, lambda world: asked(world, "10")),
    "approved by people": (Status.APPROVED, lambda world: asked(world, "60", "approve")),
    "declined by rule": (Status.DECLINED, lambda world: asked(world, "5001")),
    "declined by people": (Status.DECLINED, lambda world: asked(world, "60", "reject")),
    "in doubt": (Status.IN_DOUBT, lambda world: asked(world, "10", "doubt")),
    "recorded": (Status.RECORDED, lambda world: asked(world, "10", "record")),
    "voided": (Status.VOIDED, lambda world: asked(world, "10", "void")),
    "voided while pending": (Status.VOIDED, lambda world: asked(world, "60", "void")),
    "expired": (Status.EXPIRED, lambda world: asked(world, "10", "expire")),
    "expired while pending": (Status.EXPIRED, lambda world: asked(world, "60", "expire")),
}


@pytest.mark.parametrize("beginning", BEGINNINGS)
def test_what_the_table_allows_happens_and_nothing_else(beginning: str) -> None:
    world = make_world(*RULES)
    before, begin = BEGINNINGS[beginning]
    for what, target in TARGET.items():
        one = begin(world)
        assert one.status == before
        told = len(path_of(one.id))
        is_allowed = target in MOVES[before] and (beginning, what) != NEVER_PAID

        act(world, one, what)

        assert again(one).status == (target if is_allowed else before), what
        assert len(path_of(one.id)) == told + is_allowed, what
        assert is_closed_as_it_should(again(one)), what
    assert faults() == []


def is_closed_as_it_should(one: Authorization) -> bool:
    """The clock, the end, the hold and the question are those of the status."""
    status = Status(one.status)
    hold = Hold.objects.filter(authorization_id=one.id).first()
    assert (hold is not None and hold.held > 0) == (status in HOLDING)
    assert (one.expires_at is not None) == (status in (Status.APPROVED, Status.PENDING_REVIEW))
    assert (one.closed_at is None) == (status in HOLDING)
    question = ApprovalRequest.objects.filter(authorization=one).first()
    if question is not None:
        left_for = path_of(one.id)[1:2]
        assert question.closed_as == (CLOSED_AS[left_for[0]] if left_for else "")
    return True


def test_the_moves_driven_are_all_the_moves_there_are() -> None:
    driven = {(before, target) for (before, _), target in product(BEGINNINGS.values(), TARGET.values())}
    allowed = {(before, after) for before, moves in MOVES.items() if before for after in moves}

    assert allowed <= driven
    assert set(MOVES) == {None, *Status}
    assert MOVES[None] == {before for before, _ in BEGINNINGS.values()} & {
        Status.APPROVED,
        Status.PENDING_REVIEW,
        Status.DECLINED,
    }


def test_a_move_that_is_not_in_the_table_is_a_conflict_that_names_the_status() -> None:
    for before, after in product(Status, Status):
        if after in MOVES[before]:
            demand_move(before, after)
            continue
        with pytest.raises(Conflict) as caught:
            demand_move(before, after)
        assert (caught.value.code, caught.value.facts["status_now"]) == ("status_conflict", before.value)


@pytest.mark.parametrize(
    ("beginning", "what", "ends"),
    [
        (("10",), "void", Status.RECORDED),
        (("10",), "expire", Status.RECORDED),
        (("10",), "record", Status.RECORDED),
        (("10",), "doubt", Status.IN_DOUBT),
        (("10", "doubt"), "void", Status.RECORDED),
        (("60", "approve"), "void", Status.RECORDED),
    ],
)
def test_after_parts_it_ends_recorded_and_keeps_what_was_spent(
    beginning: tuple[str, ...], what: str, ends: Status
) -> None:
    world = make_world(*RULES)
    one = asked(world, *beginning)
    part = replace(act_on(one, "part"), amount="4")
    assert do(part) == "part"

    act(world, one, what)

    assert again(one).status == ends
    assert Hold.objects.get().spent >= Decimal(4)
    assert (Hold.objects.get().held > 0) == (ends is Status.IN_DOUBT)
    assert faults() == []


@pytest.mark.parametrize("what", ["void", "doubt"])
def test_doing_it_again_changes_nothing_and_tells_nothing(what: str) -> None:
    world = make_world(*RULES)
    one = asked(world, "10", what)
    told = rows("select count(*) from audit_event where subject_id = %s", [to_public(Prefix.AUTHORIZATION, one.id)])

    assert act(world, one, what) == what

    assert (
        rows("select count(*) from audit_event where subject_id = %s", [to_public(Prefix.AUTHORIZATION, one.id)])
        == told
    )
    assert again(one).changed_at == one.changed_at
