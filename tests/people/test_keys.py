"""Organization keys: shown once, stored as a hash, expired and revoked ones refused, one read per call."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from audit.models import Event
from core import keys
from core.errors import Conflict, Invalid, NotAllowed, NotAuthenticated, NotFound
from core.ids import new_id
from people.authentication import OrganizationCaller, authenticate_organization
from people.models import Member, OrganizationKey
from people.services import IssuedKey, freeze_organization, issue_organization_key, revoke_organization_key
from people.services.keys import MOST_KEYS
from tests.factories import NOW, actor_for, make_member, make_organization

pytestmark = pytest.mark.django_db

Issue = Callable[..., IssuedKey]


@pytest.fixture
def ada() -> Member:
    return make_member("Ada", make_organization(), ["admin"])


@pytest.fixture
def issue(ada: Member) -> Issue:
    def issue_key(*scopes: str, expires_at: datetime | None = None, name: str = "billing") -> IssuedKey:
        return issue_organization_key(
            organization_id=ada.organization_id,
            name=name,
            scopes=scopes or ["read"],
            expires_at=expires_at,
            by=ada.person,
            actor=actor_for(ada),
            now=NOW,
        )

    return issue_key


def bearer(secret: str) -> str:
    return f"Bearer {secret}"


def authenticate(secret: str, now: datetime = NOW) -> OrganizationCaller | None:
    return authenticate_organization(bearer(secret), now)


def refusal(secret: str, now: datetime = NOW) -> str:
    with pytest.raises(NotAuthenticated) as caught:
        authenticate(secret, now)
    return caught.value.code


def test_only_a_hash_is_stored(issue: Issue) -> None:
    secret = issue().secret
    with connection.cursor() as cursor:
        cursor.execute("select k::text from people_organizationkey k union all select e::text from audit_event e")
        stored = " ".join(row[0] for row in cursor.fetchall())
    assert secret.startswith("conto_org_")
    assert secret[-49:] not in stored
    assert keys.secret_hash(secret) in stored
    assert "secret" not in str(Event.objects.get(action="organization_key.issued").after)


def test_the_secret_is_not_in_what_python_prints(issue: Issue) -> None:
    issued = issue()
    assert issued.secret not in repr(issued)


def test_a_key_authenticates_with_its_scopes(issue: Issue, ada: Member) -> None:
    issued = issue("policies", "read", "read")
    caller = authenticate(issued.secret)
    assert caller is not None
    assert (caller.organization_id, caller.key_id, caller.name) == (ada.organization_id, issued.key.id, "billing")
    assert caller.scopes == ("read", "policies")
    assert (caller.time_zone, caller.currency, caller.epoch, caller.is_frozen) == ("UTC", "USD", 1, False)
    caller.demand("read")
    with pytest.raises(NotAllowed, match="release"):
        caller.demand("release")
    assert caller.actor("req_1", "192.0.2.1").kind == "organization_key"


def test_one_read_and_at_most_one_write_a_minute(issue: Issue) -> None:
    issued = issue()
    counts = []
    for seconds in (0, 1, 59, 60, 61):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            authenticate(issued.secret, NOW + timedelta(seconds=seconds))
        counts.append(len(queries))
    assert counts == [2, 1, 1, 2, 1]
    assert OrganizationKey.objects.get().last_used_at == NOW + timedelta(seconds=60)


def test_no_header_another_scheme_and_an_agents_key_are_somebody_elses(issue: Issue) -> None:
    assert authenticate_organization(None, NOW) is None
    assert authenticate_organization("Basic abc", NOW) is None
    assert authenticate(keys.mint(keys.AGENT, new_id(NOW))) is None


def test_an_unknown_id_costs_the_same_read_and_says_the_same(issue: Issue) -> None:
    known = issue().secret
    wrong = keys.mint(keys.ORGANIZATION, keys.parse(known).key_id)  # type: ignore[union-attr]
    unknown = keys.mint(keys.ORGANIZATION, new_id(NOW))
    for secret in (wrong, unknown):
        with CaptureQueriesContext(connection) as queries:
            assert refusal(secret) == "key_unknown"
        assert len(queries) == 1
    assert OrganizationKey.objects.get().last_used_at is None


@pytest.mark.parametrize("text", ["", "conto_org_", "conto_org_" + "0" * 76, "x" * 200])
def test_what_is_no_key_is_refused_without_a_read(text: str) -> None:
    with CaptureQueriesContext(connection) as queries:
        assert refusal(text) == "key_unknown"
    assert not len(queries)


def test_a_typing_error_is_refused_without_a_read(issue: Issue) -> None:
    secret = issue().secret
    with CaptureQueriesContext(connection) as queries:
        assert refusal(secret[:-1] + ("a" if secret[-1] != "a" else "b")) == "key_unknown"
    assert not len(queries)


def test_an_expired_key_is_refused_from_its_moment_on(issue: Issue) -> None:
    end = NOW + timedelta(days=1)
    issued = issue(expires_at=end)
    assert authenticate(issued.secret, end - timedelta(microseconds=1)) is not None
    assert refusal(issued.secret, end) == "key_expired"


def test_a_revoked_key_is_refused_and_the_epoch_raised(issue: Issue, ada: Member) -> None:
    issued = issue()
    for _ in range(2):
        revoke_organization_key(
            organization_id=ada.organization_id, key_id=issued.key.id, actor=actor_for(ada), now=NOW
        )
    assert refusal(issued.secret) == "key_revoked"
    ada.organization.refresh_from_db()
    assert ada.organization.epoch == 2
    assert Event.objects.filter(action="organization_key.revoked").count() == 1


def test_a_foreign_key_is_not_found(issue: Issue) -> None:
    mallory = make_member("Mallory", make_organization("Evil Corp"), ["owner"])
    issued = issue()
    with pytest.raises(NotFound):
        revoke_organization_key(
            organization_id=mallory.organization_id, key_id=issued.key.id, actor=actor_for(mallory), now=NOW
        )
    assert authenticate(issued.secret) is not None


def test_a_frozen_organizations_key_still_authenticates_and_says_so(issue: Issue, ada: Member) -> None:
    issued = issue()
    freeze_organization(organization_id=ada.organization_id, reason="audit", actor=actor_for(ada), now=NOW)
    caller = authenticate(issued.secret)
    assert caller is not None
    assert caller.is_frozen


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"name": " "}, "name_invalid"),
        ({"name": "x" * 121}, "name_invalid"),
        ({"expires_at": NOW}, "expiry_is_past"),
    ],
)
def test_a_key_that_makes_no_sense_is_refused(issue: Issue, given: dict[str, object], code: str) -> None:
    with pytest.raises(Invalid) as caught:
        issue("read", **given)
    assert caught.value.code == code


def test_unknown_scopes_are_refused(issue: Issue) -> None:
    with pytest.raises(Invalid, match="root"):
        issue("root")


def test_there_are_at_most_so_many_keys(issue: Issue, ada: Member) -> None:
    OrganizationKey.objects.bulk_create(
        OrganizationKey(
            id=new_id(NOW),
            organization=ada.organization,
            name="old",
            secret_hash="0" * 64,
            scopes=["read"],
            created_by=ada.person,
            created_at=NOW,
        )
        for _ in range(MOST_KEYS)
    )
    with pytest.raises(Conflict, match="at most"):
        issue()


def test_the_api_says_how_to_authenticate(client: Client) -> None:
    answer = client.get("/api/v1/agents")
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith("Bearer")


def test_the_api_lets_a_key_in_and_not_after_it_is_revoked(client: Client, issue: Issue, ada: Member) -> None:
    issued = issue("provision", "read")
    headers = {"Authorization": bearer(issued.secret)}
    assert client.get("/api/v1/agents", headers=headers).status_code == 200
    revoke_organization_key(organization_id=ada.organization_id, key_id=issued.key.id, actor=actor_for(ada), now=NOW)
    refused = client.get("/api/v1/agents", headers=headers)
    assert refused.status_code == 401
    assert refused.json()["code"] == "key_revoked"
