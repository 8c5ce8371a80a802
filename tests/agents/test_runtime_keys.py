"""Runtime credentials: issued and shown once, rotated with overlap, revoked."""

from datetime import datetime, timedelta

import pytest

from agents.authentication import authenticate_agent
from agents.models import Agent, AgentKey
from agents.selectors import key_status
from agents.services import IssuedKey, revoke_key, rotate_key
from agents.services.runtime_keys import LONGEST_OVERLAP_SECONDS, MOST_KEYS
from audit.models import Event
from core.errors import Conflict, Invalid, NotAuthenticated, NotFound
from core.ids import Prefix, to_public
from core.keys import parse
from tests.agents.samples import a_key, actions_of, an_agent, epoch_of
from tests.factories import NOW, Cast, actor_for, make_cast

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture
def people() -> Cast:
    return make_cast()


@pytest.fixture
def agent(people: Cast) -> Agent:
    return an_agent(people.olu)


def rotate(people: Cast, key: AgentKey, overlap_seconds: int = 3_600, *, now: datetime = NOW) -> IssuedKey:
    return rotate_key(
        organization_id=people.organization.pk,
        key_id=key.pk,
        overlap_seconds=overlap_seconds,
        actor=actor_for(people.olu),
        now=now,
    )


def revoke(people: Cast, key: AgentKey) -> AgentKey:
    return revoke_key(organization_id=people.organization.pk, key_id=key.pk, actor=actor_for(people.olu), now=NOW)


def works(secret: str, now: datetime) -> bool:
    try:
        return authenticate_agent(f"Bearer {secret}", now) is not None
    except NotAuthenticated:
        return False


def test_an_issued_key_stores_a_hash_and_tells_its_secret_once(people: Cast, agent: Agent) -> None:
    issued = a_key(people.olu, agent, expires_at=NOW + HOUR)
    stored = AgentKey.objects.get(pk=issued.key.pk)
    parsed = parse(issued.secret)
    assert parsed is not None
    assert parsed.key_id == stored.pk
    assert (stored.agent_id, stored.organization_id, stored.name) == (agent.pk, people.organization.pk, "worker")
    assert (stored.created_at, stored.expires_at) == (NOW, NOW + HOUR)
    assert issued.secret not in repr(issued)
    assert actions_of(Prefix.AGENT, agent.pk) == ["agent.created", "agent.key_issued"]


@pytest.mark.parametrize(
    ("expires_at", "code"),
    [(NOW, "expiry_is_past"), (NOW - HOUR, "expiry_is_past"), (NOW + 4_000 * 24 * HOUR, "expiry_too_far")],
)
def test_an_unfit_expiry_is_refused(people: Cast, agent: Agent, expires_at: datetime, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        a_key(people.olu, agent, expires_at=expires_at)
    assert (refused.value.code, refused.value.field) == (code, "expires_at")


def test_after_a_rotation_both_keys_work_until_the_overlap_ends(people: Cast, agent: Agent) -> None:
    old = a_key(people.olu, agent)
    before = epoch_of(people.organization)
    new = rotate(people, old.key)
    assert works(old.secret, NOW + HOUR - timedelta(microseconds=1))
    assert not works(old.secret, NOW + HOUR)
    assert works(new.secret, NOW)
    assert works(new.secret, NOW + 2 * HOUR)
    assert new.key.name == "worker"
    assert AgentKey.objects.get(pk=old.key.pk).successor_id == new.key.pk
    assert epoch_of(people.organization) == before + 1


def test_a_rotation_is_told_with_both_keys(people: Cast, agent: Agent) -> None:
    old = a_key(people.olu, agent)
    new = rotate(people, old.key)
    event = Event.objects.get(action="agent.key_rotated")
    assert event.after is not None
    assert event.after["key"]["id"] == to_public(Prefix.KEY, old.key.pk)
    assert event.after["successor"]["id"] == to_public(Prefix.KEY, new.key.pk)


def test_without_overlap_the_old_key_ends_at_once(people: Cast, agent: Agent) -> None:
    old = a_key(people.olu, agent)
    new = rotate(people, old.key, 0)
    assert not works(old.secret, NOW)
    assert works(new.secret, NOW)
    assert AgentKey.objects.get(pk=old.key.pk).revoked_at == NOW


def test_an_overlap_never_makes_a_key_live_longer(people: Cast, agent: Agent) -> None:
    old = a_key(people.olu, agent, expires_at=NOW + HOUR / 2)
    rotate(people, old.key)
    assert AgentKey.objects.get(pk=old.key.pk).expires_at == NOW + HOUR / 2


def test_the_successor_lives_as_long_as_its_predecessor_was_given(people: Cast, agent: Agent) -> None:
    old = a_key(people.olu, agent, expires_at=NOW + 10 * HOUR)
    assert rotate(people, old.key, now=NOW + HOUR).key.expires_at == NOW + 11 * HOUR
    assert rotate(people, a_key(people.olu, agent).key).key.expires_at is None


def test_a_rotated_key_is_not_rotated_again(people: Cast, agent: Agent) -> None:
    old = a_key(people.olu, agent)
    rotate(people, old.key)
    with pytest.raises(Conflict) as refused:
        rotate(people, old.key)
    assert refused.value.code == "key_rotated"


def test_a_key_that_works_no_more_is_not_rotated(people: Cast, agent: Agent) -> None:
    revoked, expired = a_key(people.olu, agent), a_key(people.olu, agent, expires_at=NOW + HOUR)
    revoke(people, revoked.key)
    for key, now in ((revoked.key, NOW), (expired.key, NOW + HOUR)):
        with pytest.raises(Conflict) as refused:
            rotate(people, key, now=now)
        assert refused.value.code == "key_spent"


@pytest.mark.parametrize("overlap_seconds", [-1, LONGEST_OVERLAP_SECONDS + 1])
def test_an_unfit_overlap_is_refused(people: Cast, agent: Agent, overlap_seconds: int) -> None:
    with pytest.raises(Invalid) as refused:
        rotate(people, a_key(people.olu, agent).key, overlap_seconds)
    assert (refused.value.code, refused.value.field) == ("overlap_invalid", "overlap_seconds")


def test_a_revoked_key_stays_revoked(people: Cast, agent: Agent) -> None:
    issued = a_key(people.olu, agent)
    before = epoch_of(people.organization)
    revoke(people, issued.key)
    revoke(people, issued.key)
    assert not works(issued.secret, NOW)
    assert epoch_of(people.organization) == before + 1
    assert actions_of(Prefix.AGENT, agent.pk)[2:] == ["agent.key_revoked"]


def test_an_agent_has_a_limited_number_of_keys_in_force(people: Cast, agent: Agent) -> None:
    issued = [a_key(people.olu, agent) for _ in range(MOST_KEYS)]
    with pytest.raises(Conflict, match="at most"):
        a_key(people.olu, agent)
    with pytest.raises(Conflict, match="at most"):
        rotate(people, issued[0].key)
    revoke(people, issued[0].key)
    a_key(people.olu, agent)


def test_a_foreign_key_is_not_found(people: Cast) -> None:
    foreign = a_key(people.mallory, an_agent(people.mallory))
    with pytest.raises(NotFound):
        revoke(people, foreign.key)
    with pytest.raises(NotFound):
        rotate(people, foreign.key)
    with pytest.raises(NotFound):
        a_key(people.olu, foreign.key.agent)
    assert works(foreign.secret, NOW)


def test_each_status_has_its_time(people: Cast, agent: Agent) -> None:
    endless, ending = a_key(people.olu, agent), a_key(people.olu, agent, expires_at=NOW + 240 * HOUR)
    assert key_status(endless.key, now=NOW) == "active"
    assert key_status(ending.key, now=NOW) == "active"
    assert key_status(ending.key, now=NOW + 72 * HOUR) == "expiring"
    assert key_status(ending.key, now=NOW + 240 * HOUR) == "expired"
    rotate(people, endless.key)
    assert key_status(AgentKey.objects.get(pk=endless.key.pk), now=NOW) == "replaced"
    assert key_status(revoke(people, ending.key), now=NOW) == "revoked"
