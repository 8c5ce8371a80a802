"""Every constraint and trigger of the money tables, violated with raw SQL."""

import os
from decimal import Decimal
from urllib.parse import urlsplit
from uuid import UUID

import psycopg
import pytest
from django.db import DatabaseError, IntegrityError, transaction

from approvals.services.booking import Report
from approvals.services.record import record_spend
from core.db import rows
from core.ids import new_id
from spend.models import Counter, Counterparty, Hold, SpendRecord
from spend.services.pegs import set_peg
from tests import plugin
from tests.approvals.world import World, ask, make_world
from tests.factories import NOW, actor_for
from tests.spend.samples import a_counterparty

pytestmark = pytest.mark.django_db
LIMITS = (
    {"key": "daily", "type": "SPEND_LIMIT", "daily": {"USD": "100"}},
    {"key": "asks", "type": "VELOCITY", "limit": 9, "period_minutes": 60},
)


@pytest.fixture
def world() -> World:
    """One payment of 10, recorded as 8 under a reference; one that is still held."""
    made = make_world(*LIMITS)
    paid = ask(made)
    record_spend(
        paid.answer.id,
        Report(Decimal(8), "USD", reference="inv-1"),
        organization_id=made.organization_id,
        agent_id=made.agent.id,
        actor=made.actor,
        now=NOW,
    )
    ask(made, "20")
    return made


def refuse(constraint: str, sql: str, *params: object) -> None:
    with pytest.raises(IntegrityError, match=f'"{constraint}"'), transaction.atomic():
        rows(sql, params)


def refuse_later(constraint: str, sql: str, *params: object) -> None:
    """As `refuse`, for what is checked when the transaction ends."""
    rows("set constraints all immediate")
    try:
        with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
            rows(sql, params)
    finally:
        rows("set constraints all deferred")


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize(
    ("constraint", "change"),
    [
        ("hold_amount_is_positive", "amount = 0, held = 0"),
        ("hold_is_within_its_amount", "held = amount + 1"),
        ("hold_is_within_its_amount", "held = -1"),
        ("hold_returns_at_most_what_was_spent", "returned = spent + 1"),
        ("hold_returns_at_most_what_was_spent", "returned = -1"),
    ],
)
def test_what_a_hold_must_hold(constraint: str, change: str) -> None:
    refuse(constraint, f"update spend_hold set {change}")


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize(
    ("constraint", "change"),
    [
        ("counter_measure_is_known", "measure = 'weight'"),
        ("counter_subject_is_known", "subject = 'planet'"),
        ("counter_is_calendar_or_rolling", "rolling_seconds = 60 where rolling_seconds is null"),
        ("counter_is_calendar_or_rolling", "head = null where rolling_seconds is not null"),
        ("counter_is_calendar_or_rolling", "buckets = '{1,2}' where rolling_seconds is not null"),
        ("counter_is_calendar_or_rolling", "used = 1 where rolling_seconds is not null"),
    ],
)
def test_what_a_counter_must_hold(constraint: str, change: str) -> None:
    refuse(constraint, f"update spend_counter set {change}")


@pytest.mark.usefixtures("world")
def test_a_counter_is_named_once() -> None:
    first, second = Counter.objects.order_by("id")[:2]
    refuse("spend_counter_key_.*", "update spend_counter set key = %s where id = %s", first.key, second.pk)


@pytest.mark.parametrize(
    ("constraint", "values"),
    [
        ("record_amount_is_positive", {"amount": 0}),
        ("record_kind_is_known", {"kind": "gift"}),
        ("reference_is_unique_per_agent", {"reference": "inv-1"}),
    ],
)
@pytest.mark.usefixtures("world")
def test_what_a_record_must_hold(constraint: str, values: dict[str, object]) -> None:
    sql, *params = copy_of_record(values)
    refuse(constraint, str(sql), *params)


@pytest.mark.usefixtures("world")
def test_a_record_belongs_to_an_authorization() -> None:
    sql, *params = copy_of_record({"authorization_id": new_id(NOW)})
    refuse_later("record_belongs_to_an_authorization", str(sql), *params)


@pytest.mark.usefixtures("world")
def test_a_hold_belongs_to_an_authorization() -> None:
    sql = "update spend_hold set authorization_id = %s where id = %s"
    refuse_later("hold_belongs_to_an_authorization", sql, new_id(NOW), Hold.objects.earliest("amount").pk)


def copy_of_record(values: dict[str, object]) -> list[object]:
    """Return the statement that stores the one record again with some fields changed, and its parameters."""
    fields = [str(field.column) for field in SpendRecord._meta.concrete_fields]
    given = {"id": new_id(NOW), "reference": None} | values
    columns = ", ".join("%s" if column in given else column for column in fields)
    sql = f"insert into spend_spendrecord ({', '.join(fields)}) select {columns} from spend_spendrecord"
    return [sql, *(given[column] for column in fields if column in given)]


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize(
    "sql",
    [
        "update spend_spendrecord set amount = 1",
        "update spend_spendrecord set flags = '{}'",
        "delete from spend_spendrecord",
    ],
)
def test_spend_spendrecord_is_immutable(sql: str) -> None:
    with pytest.raises(DatabaseError, match="is refused"), transaction.atomic():
        rows(sql)
    assert SpendRecord.objects.get().amount == 8


@pytest.mark.usefixtures("django_db_setup")
def test_spend_spendrecord_is_not_truncated() -> None:
    """In an installation, that is: a test database may be emptied, and is known by its name."""
    name = f"conto_installed_spend_{os.getpid()}"
    with plugin.maintenance(os.environ["DATABASE_URL"]) as server:
        plugin.make_database(name)
        try:
            address = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}").geturl()
            with psycopg.connect(address) as inside, pytest.raises(psycopg.DatabaseError, match="is refused"):
                inside.execute("truncate spend_spendrecord")
        finally:
            plugin.drop(server, name)


@pytest.fixture
def known() -> UUID:
    """A counterparty with one identifier, beside another one without."""
    made = make_world()
    a_counterparty(made.cast.olu, "Other", identifiers=[])
    set_peg(
        organization_id=made.organization_id, currency="USDC", pegged_to="USD", actor=actor_for(made.cast.olu), now=NOW
    )
    return a_counterparty(made.cast.olu, external_ref="vendor/1")


def test_counterparty_standing_is_known(known: UUID) -> None:
    refuse("counterparty_standing_is_known", "update spend_counterparty set standing = 'loved' where id = %s", known)


@pytest.mark.usefixtures("known")
def test_counterparty_reference_is_unique() -> None:
    other = Counterparty.objects.get(name="Other")
    sql = "update spend_counterparty set external_ref = 'vendor/1' where id = %s"
    refuse("counterparty_reference_is_unique", sql, other.pk)


@pytest.mark.usefixtures("known")
def test_identifier_names_one_counterparty() -> None:
    sql = """
        insert into spend_identifier (organization_id, counterparty_id, kind, value)
        select organization_id, %s, kind, value from spend_identifier
    """
    refuse("identifier_names_one_counterparty", sql, Counterparty.objects.get(name="Other").pk)


@pytest.mark.usefixtures("known")
def test_identifier_kind_is_known() -> None:
    refuse("identifier_kind_is_known", "update spend_identifier set kind = 'phone'")


@pytest.mark.usefixtures("known")
def test_peg_is_one_per_currency() -> None:
    sql = """
        insert into spend_peg (organization_id, currency, pegged_to)
        select organization_id, currency, 'EUR' from spend_peg
    """
    refuse("peg_is_one_per_currency", sql)


@pytest.mark.usefixtures("known")
def test_peg_names_another_currency() -> None:
    refuse("peg_names_another_currency", "update spend_peg set pegged_to = currency")


@pytest.mark.usefixtures("world")
def test_nothing_money_rests_on_can_be_deleted() -> None:
    refuse_later("counterparty_id", "delete from spend_counterparty")
    refuse_later("hold_id", "delete from spend_hold")
