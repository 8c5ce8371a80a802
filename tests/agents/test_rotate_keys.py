"""`manage.py rotate_keys`: re-wraps every credential, opens none, and may be interrupted anywhere and run again."""

from base64 import b64encode
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from pytest_django import Settings

from agents.models import Agent, SealedCredential
from agents.selectors import count_stale_credentials
from agents.services import open_sealed
from core.db import rows
from core.ids import Prefix, to_public
from tests.agents.samples import a_credential, actions_of, an_agent
from tests.factories import Cast, make_cast

pytestmark = pytest.mark.django_db
NEXT = b64encode(b"the next key of thirty-two bytes").decode()
CREDENTIALS = 5


class Interrupted(BaseException):
    """Somebody pressed Ctrl-C."""


@pytest.fixture
def people() -> Cast:
    return make_cast()


@pytest.fixture
def agent(people: Cast) -> Agent:
    return an_agent(people.olu)


@pytest.fixture
def credentials(people: Cast, agent: Agent, settings: Settings) -> list[SealedCredential]:
    """Five credentials under the old key; the next key is current."""
    made = [a_credential(people.olu, agent, name=f"c{number}", secret=f"s{number}") for number in range(CREDENTIALS)]
    settings.CONTO_KEKS = {**settings.CONTO_KEKS, "next": NEXT}
    settings.CONTO_KEK_CURRENT = "next"
    return made


def rotate(batch: int = 2) -> str:
    told = StringIO()
    call_command("rotate_keys", batch=batch, stdout=told)
    return told.getvalue()


def secrets() -> list[str]:
    with transaction.atomic():
        return [open_sealed(one) for one in SealedCredential.objects.order_by("name")]


def interrupting(statement_number: int) -> Callable[..., Any]:
    """Raise before the statement of this number is sent."""
    left = [statement_number]

    def wrapper(execute: Callable[..., Any], sql: str, params: object, many: bool, context: dict[str, Any]) -> Any:
        left[0] -= 1
        if left[0] < 0:
            raise Interrupted
        return execute(sql, params, many, context)

    return wrapper


def test_every_credential_comes_under_the_current_key(credentials: list[SealedCredential], settings: Settings) -> None:
    before = {one.pk: bytes(one.sealed) for one in SealedCredential.objects.all()}
    assert count_stale_credentials() == CREDENTIALS
    assert "5 credentials wrapped, none left" in rotate()
    settings.CONTO_KEKS = {"next": NEXT}
    assert secrets() == [f"s{number}" for number in range(CREDENTIALS)]
    assert {one.pk: bytes(one.sealed) for one in SealedCredential.objects.all()} == before
    assert actions_of(Prefix.CREDENTIAL, credentials[0].pk) == [
        "sealed_credential.created",
        "sealed_credential.rewrapped",
    ]


def test_a_second_run_finds_nothing_to_do(credentials: list[SealedCredential]) -> None:
    rotate()
    assert "Done: 0 credentials wrapped" in rotate()
    assert len(actions_of(Prefix.CREDENTIAL, credentials[0].pk)) == 2


@pytest.mark.usefixtures("credentials")
def test_interrupted_before_any_statement_it_can_be_resumed(settings: Settings) -> None:
    interruptions = 0
    expected = [f"s{number}" for number in range(CREDENTIALS)]
    while count_stale_credentials():
        # Each round may send one statement more than the last one, so that every statement is the one that is cut once.
        try:
            with connection.execute_wrapper(interrupting(interruptions)):
                rotate()
        except Interrupted:
            interruptions += 1
        assert secrets() == expected
    assert interruptions > 5
    assert "none left" in rotate()
    settings.CONTO_KEKS = {"next": NEXT}
    assert secrets() == expected


def test_a_damaged_credential_stops_no_other_and_is_named(credentials: list[SealedCredential]) -> None:
    rows("update agents_sealedcredential set wrapped_key = sealed where id = %s", [credentials[0].pk])
    with pytest.raises(CommandError, match=to_public(Prefix.CREDENTIAL, credentials[0].pk)):
        rotate()
    assert count_stale_credentials() == 1


def test_without_the_old_key_nothing_is_changed(credentials: list[SealedCredential], settings: Settings) -> None:
    settings.CONTO_KEKS = {"next": NEXT}
    with pytest.raises(CommandError, match="open with none"):
        rotate()
    assert count_stale_credentials() == len(credentials)


@pytest.mark.usefixtures("credentials")
def test_without_a_current_key_it_refuses(settings: Settings) -> None:
    settings.CONTO_KEK_CURRENT = "gone"
    with pytest.raises(CommandError, match="cannot be opened"):
        rotate()


@pytest.mark.django_db(transaction=True)
def test_what_somebody_is_changing_is_left_for_the_next_run(people: Cast, agent: Agent, settings: Settings) -> None:
    locked = a_credential(people.olu, agent, name="locked")
    a_credential(people.olu, agent, name="free")
    settings.CONTO_KEKS = {**settings.CONTO_KEKS, "next": NEXT}
    settings.CONTO_KEK_CURRENT = "next"
    other = connection.copy()
    other.ensure_connection()
    try:
        with other.cursor() as cursor:
            cursor.execute("begin")
            cursor.execute("select 1 from agents_sealedcredential where id = %s for update", [locked.pk])
            with pytest.raises(CommandError, match="1 were being changed"):
                rotate()
            cursor.execute("rollback")
    finally:
        other.close()
    assert "1 credentials wrapped" in rotate()
