"""Changes that nobody agreed to in time are closed by the worker and told; the navigation counts what is left to do."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from approvals.selectors.changes import number_to_agree
from approvals.services import changes
from approvals.services.changes import expire_changes
from approvals.tasks import expire_due_changes
from audit.models import Event
from core.clock import now as clock_now
from core.db import rows
from core.ids import Prefix, to_public
from people.models import Member, PendingChange
from people.services import OrganizationSettings, change_settings, close
from people.services.four_eyes import WAITING_TIME
from tests.approvals.second import agree, cautious, policy_in_force, send, told, waits
from tests.approvals.world import add_agent, ask, put_policy
from tests.factories import NOW, Cast, actor_for

pytestmark = pytest.mark.django_db

OVER = NOW + WAITING_TIME


@pytest.fixture
def people() -> Cast:
    return cautious()


def test_what_nobody_agreed_to_in_time_is_closed_once_and_told_of_the_system(people: Cast) -> None:
    policy = policy_in_force(people)
    change_id = waits(send(people, policy, "900"))

    assert expire_changes(now=OVER - timedelta(microseconds=1)) == 0
    assert expire_changes(now=OVER) == 1
    assert expire_changes(now=OVER + WAITING_TIME) == 0

    change = PendingChange.objects.get(pk=change_id)
    assert (change.closed_as, change.closed_at, change.closed_by_name) == ("expired", OVER, "Conto")
    assert told(to_public(Prefix.POLICY, policy.pk)) == ["change.proposed", "change.expired"]
    assert Event.objects.get(action="change.expired").actor_kind == "system"
    # The subject is free: the same may be proposed anew.
    assert waits(send(people, policy, "900")) != change_id


def test_the_task_closes_what_is_over_by_the_clock_of_now(people: Cast) -> None:
    change_id = waits(send(people, policy_in_force(people), "900"))
    rows(
        "update people_pendingchange set created_at = now() - interval '9 days', expires_at = now() - interval '1 day'"
    )

    assert expire_due_changes() == 1

    assert PendingChange.objects.get(pk=change_id).closed_as == "expired"


def test_what_was_agreed_to_stays_agreed_to(people: Cast) -> None:
    agree(people, waits(send(people, policy_in_force(people), "900")))

    assert expire_changes(now=OVER + WAITING_TIME) == 0


def test_one_that_cannot_be_closed_keeps_no_other_waiting(people: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    stuck, other = (waits(send(people, policy_in_force(people), "900")) for _ in range(2))

    def refusing(change: PendingChange, *args: Any, **kwargs: Any) -> None:
        assert change.pk != stuck
        close(change, *args, **kwargs)

    monkeypatch.setattr(changes, "close", refusing)

    assert expire_changes(now=OVER) == 1

    assert PendingChange.objects.get(pk=stuck).closed_at is None
    assert PendingChange.objects.get(pk=other).closed_as == "expired"


def test_as_many_that_cannot_be_closed_as_a_sweep_reads_keep_no_other_waiting(
    people: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    *stuck, other = sorted(waits(send(people, policy_in_force(people), "900")) for _ in range(4))
    PendingChange.objects.filter(pk=other).update(expires_at=OVER + timedelta(microseconds=1))

    def refusing(change: PendingChange, *args: Any, **kwargs: Any) -> None:
        assert change.pk not in stuck
        close(change, *args, **kwargs)

    monkeypatch.setattr(changes, "close", refusing)
    monkeypatch.setattr(changes, "BATCH_SIZE", 2)

    assert expire_changes(now=OVER) == 0
    assert expire_changes(now=OVER + WAITING_TIME) == 1

    assert PendingChange.objects.get(pk=other).closed_as == "expired"
    assert PendingChange.objects.filter(closed_at=None).count() == len(stuck)


def counted(client: Client, member: Member) -> str:
    client.force_login(member.person)
    return client.get("/approvals/waiting/").content.decode().rpartition("</span>")[0].rpartition(">")[2]


def test_a_page_that_shows_the_count_gets_no_answer_until_it_is_another(people: Cast, client: Client) -> None:
    client.force_login(people.ada.person)
    first = client.get("/approvals/waiting/")
    shown = {"If-None-Match": first["ETag"]}
    assert first["ETag"].strip('"') in first.content.decode()
    same = client.get("/approvals/waiting/", headers=shown)
    assert (same.status_code, same.content) == (204, b"")

    waits(send(people, policy_in_force(people), "900"))
    rows("update people_pendingchange set expires_at = now() + interval '1 day'")

    renewed = client.get("/approvals/waiting/", headers=shown)
    assert renewed.status_code == 200
    assert 'id="waiting-now" hx-swap-oob="true">1</span>' in renewed.content.decode(), "the bar of a phone shows it too"
    assert counted(client, people.ada) == "1"


def test_the_navigation_counts_requests_and_changes_that_the_viewer_may_agree_to(people: Cast, client: Client) -> None:
    assert counted(client, people.ada) == ""
    waits(send(people, policy_in_force(people), "900"))
    rows("update people_pendingchange set expires_at = now() + interval '1 day'")
    assert [counted(client, one) for one in (people.ada, people.olu, people.rui, people.vera)] == ["1", "", "", ""]
    assert counted(client, people.mallory) == ""


def test_who_may_agree_to_a_kind_of_change_counts_those_of_that_kind(people: Cast) -> None:
    waits(send(people, policy_in_force(people), "900"))

    def numbers(now: datetime) -> list[int]:
        return [number_to_agree(one, now=now) for one in (people.ada, people.olu, people.rui)]

    assert numbers(NOW) == [1, 0, 0]
    assert numbers(OVER) == [0, 0, 0]
    by: Any = {"organization_id": people.organization.pk, "now": NOW}
    less = OrganizationSettings("Acme", "USD", "UTC", 900, None, needs_four_eyes=False)
    waits(change_settings(settings=less, actor=actor_for(people.ada), **by))
    assert numbers(NOW) == [1, 0, 0], "Ada agrees to the limit, not to her own settings"
    assert number_to_agree(people.oona, now=NOW) == 2


def test_requests_and_changes_are_one_number(people: Cast, client: Client) -> None:
    policy = policy_in_force(people)
    waits(send(people, policy, "900"))
    rows("update people_pendingchange set expires_at = now() + interval '1 day'")
    rows("update people_organization set needs_four_eyes = false")
    world = add_agent(people)
    put_policy(people, "People decide", [{"key": "people", "type": "APPROVAL_THRESHOLD", "above": {"USD": "1"}}])
    ask(world, "20", now=clock_now())

    assert counted(client, people.ada) == "2"
    assert counted(client, people.rui) == "1"
