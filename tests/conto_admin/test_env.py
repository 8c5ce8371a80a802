"""Addresses of servers, as people write them."""

import pytest

from conto_admin import env


def test_a_database_address_is_read_whole() -> None:
    found = env.database("postgresql://conto:p%40ss@db.example.com:5433/money?sslmode=verify-full")

    assert found["NAME"] == "money"
    assert (found["USER"], found["PASSWORD"]) == ("conto", "p@ss")
    assert (found["HOST"], found["PORT"]) == ("db.example.com", "5433")
    assert found["OPTIONS"] == {
        "sslmode": "verify-full",
        "options": env.PLANS,
        "prepare_threshold": env.NEVER,
    }


def test_a_socket_folder_may_stand_for_the_host() -> None:
    found = env.database("postgresql://postgres@/conto?host=/run/postgresql")

    assert (found["HOST"], found["PORT"], found["OPTIONS"]) == (
        "/run/postgresql",
        "",
        {"options": env.PLANS, "prepare_threshold": env.NEVER},
    )


def test_another_database_is_refused() -> None:
    with pytest.raises(ValueError, match="must begin with postgresql://"):
        env.database("mysql://root@localhost/conto")


@pytest.mark.parametrize(
    ("broker", "cache"),
    [
        ("redis://valkey.example.com:6379/0", "redis://valkey.example.com:6379/1"),
        ("rediss://:secret@valkey.example.com/3", "rediss://:secret@valkey.example.com/1"),
        ("redis+socket:///run/valkey.sock?virtual_host=0", "unix:///run/valkey.sock?db=1"),
        ("amqp://rabbit.example.com", ""),
    ],
)
def test_the_cache_is_beside_the_broker_unless_named(monkeypatch: pytest.MonkeyPatch, broker: str, cache: str) -> None:
    monkeypatch.setenv("BROKER_URL", broker)
    monkeypatch.delenv("CACHE_URL", raising=False)
    assert env.cache_url() == cache

    monkeypatch.setenv("CACHE_URL", "redis://cache.example.com/0")
    assert env.cache_url() == "redis://cache.example.com/0"


def test_keys_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEYS", "new:bmV3, old:b2xk\nolder:b2xkZXI=")

    assert env.keys("SOME_KEYS") == {"new": "bmV3", "old": "b2xk", "older": "b2xkZXI="}
