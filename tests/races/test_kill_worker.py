"""SIGKILL of a real worker in the middle of letting a yes take effect: another one does it, once."""

from datetime import timedelta
from typing import Any, Final

import pytest
from django.db import transaction

from approvals.lifecycle import UNDO_TIME
from approvals.models import Authorization, Review
from approvals.selectors.books import faults
from audit.models import Event
from core.broker import wake
from core.clock import now as clock_now
from core.db import rows
from core.ids import Prefix, to_public
from spend.models import Hold
from tests.approvals.world import ask, click_yes, make_world, stored
from tests.races.arena import referee
from tests.workers import CLOCK, Workers

pytestmark = [pytest.mark.race, pytest.mark.worker, pytest.mark.django_db(transaction=True)]

PEOPLE: Final[dict[str, Any]] = {"key": "people", "type": "APPROVAL_THRESHOLD", "above": {"USD": "50"}}
STANDS_BEFORE_THE_LOG: Final = """
    select count(*) from pg_locks l join pg_database d on d.oid = l.database
     where d.datname = current_database() and l.relation = 'audit_event'::regclass and not l.granted
"""
TAKEN_EFFECT: Final = "select count(*) from approvals_authorization where status = 'approved'"


def test_a_yes_whose_worker_is_killed_on_the_way_takes_effect_once(workers: Workers) -> None:
    long_ago = clock_now() - UNDO_TIME - timedelta(seconds=1)
    world = make_world(PEOPLE, now=long_ago)
    one = stored(ask(world, "60", now=long_ago))
    click_yes(one, world.cast.rui, now=long_ago)

    with referee() as look:
        with transaction.atomic():
            # Nobody writes into the log until the end of this, and that is the last thing that a worker does.
            rows("lock table audit_event in share mode")
            first = workers.start(waits_for_locks=True)
            wake("approvals.finalise_reviews")
            look.until(STANDS_BEFORE_THE_LOG, reaches=1)
            workers.kill(first)
        assert (Authorization.objects.get().status, Review.objects.get().closed_as) == ("pending_review", "")

        workers.start(*CLOCK)
        look.until(TAKEN_EFFECT, reaches=1)

    assert Review.objects.get().closed_as == "counted"
    told = Event.objects.filter(subject_id=to_public(Prefix.AUTHORIZATION, one.pk)).values_list("action", flat=True)
    assert sorted(told).count("authorization.approved") == 1, sorted(told)
    assert Hold.objects.get().held == 60
    assert faults() == []
