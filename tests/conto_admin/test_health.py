"""Health: the process answers; it can do its work."""

from base64 import b64encode

import psycopg
import pytest
from django.db import connection
from django.db.utils import OperationalError
from django.test import Client
from pytest_django import Settings

from conto_admin import views
from tests.agents.samples import a_credential, an_agent
from tests.factories import make_cast


def test_a_process_that_runs_is_healthy(client: Client) -> None:
    response = client.get("/healthz")

    assert response.status_code == 200
    assert response.json() == {"status": "ok"}


@pytest.mark.django_db
def test_a_server_that_can_work_is_ready(client: Client) -> None:
    response = client.get("/readyz")

    assert response.status_code == 200
    assert response.json() == {"status": "ok", "database": "ok", "migrations": "ok", "sealing_keys": "ok"}


@pytest.mark.django_db
def test_without_its_key_encryption_key_a_server_is_not_ready(client: Client, settings: Settings) -> None:
    settings.CONTO_KEKS = {}

    response = client.get("/readyz")

    assert response.status_code == 503
    assert response.json()["sealing_keys"] == "unfit"


@pytest.mark.django_db
def test_a_wrong_key_that_the_start_could_not_see_is_seen_when_the_database_answers(
    client: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The start is let through while the database is away; no traffic is, before the keys were tried."""
    olu, right = make_cast().olu, settings.CONTO_KEKS
    a_credential(olu, an_agent(olu))
    monkeypatch.setattr(views, "_opened", set())
    settings.CONTO_KEKS = {settings.CONTO_KEK_CURRENT: b64encode(b"another key of thirty-two bytes!").decode()}

    assert client.get("/readyz").json()["sealing_keys"] == "wrong"
    assert client.get("/readyz").status_code == 503

    settings.CONTO_KEKS = right
    assert client.get("/readyz").status_code == 200


@pytest.mark.django_db
def test_with_a_migration_that_is_not_applied_a_server_is_not_ready(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "_applied", set())
    with connection.cursor() as cursor:
        cursor.execute("delete from django_migrations where app = 'people'")

    response = client.get("/readyz")

    assert response.status_code == 503
    assert response.json()["migrations"] == "not applied"


@pytest.mark.django_db(transaction=True)
def test_without_its_database_a_server_is_not_ready(client: Client) -> None:
    name = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = "test_nothing_of_this_name"
    try:
        with pytest.raises((OperationalError, psycopg.OperationalError)):
            connection.ensure_connection()
        response = client.get("/readyz")
    finally:
        connection.settings_dict["NAME"] = name

    assert response.status_code == 503
    assert response.json()["database"] == "does not answer"
