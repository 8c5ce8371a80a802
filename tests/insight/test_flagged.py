"""Records that do not fit: in three orders, forth and back, each read along an index however many there are."""

from decimal import Decimal
from typing import Any, Final

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core.db import rows
from core.errors import Invalid
from core.paging import encode_place
from spend.models import SpendRecord
from spend.selectors.analytics import ORDERS, FlaggedRecord, flagged_page, flagged_pages
from tests.factories import Cast, make_cast
from tests.listed import payments
from tests.paged import walked

pytestmark = pytest.mark.django_db

NUMBER: Final = 3_000
INDEXES: Final = {"newest": "record_flagged", "oldest": "record_flagged", "largest": "record_flagged_largest_first"}
KEYS: Final[dict[str, Any]] = {
    "newest": lambda one: (one.recorded_at, one.id),
    "oldest": lambda one: (one.recorded_at, one.id),
    "largest": lambda one: (one.amount, one.id),
}

each_order = pytest.mark.parametrize("sort", list(ORDERS))


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def plan_of(cast: Cast, sort: str, cursor: str) -> str:
    """How the database reads a page: the very statement, explained."""
    with CaptureQueriesContext(connection) as seen:
        flagged_page(cast.organization.pk, order=ORDERS[sort], cursor=cursor)
    return "\n".join(str(line) for (line,) in rows(f"explain {seen.captured_queries[-1]['sql']}"))


@each_order
def test_pages_lead_forth_and_back_in_the_order(cast: Cast, sort: str) -> None:
    # Amounts repeat: the id decides among equal ones.
    payments(cast, range(200))
    organization_id = cast.organization.pk

    found: list[FlaggedRecord] = walked(
        lambda cursor: flagged_page(organization_id, order=ORDERS[sort], cursor=cursor, limit=30)
    )

    assert len({one.id for one in found}) == 200
    assert found == sorted(found, key=KEYS[sort], reverse=ORDERS[sort].is_falling)
    assert [one for some in flagged_pages(organization_id, order=ORDERS[sort]) for one in some] == found
    assert flagged_page(cast.mallory.organization_id, order=ORDERS[sort]).rows == ()


@each_order
def test_each_order_is_read_along_an_index_and_nothing_is_sorted(cast: Cast, sort: str) -> None:
    payments(cast, range(NUMBER))
    rows("analyze spend_spendrecord")
    # In a table of a few pages another way may look cheaper: asked for is that there is one without sorting.
    for way in ("seqscan", "sort", "incremental_sort"):
        rows(f"set local enable_{way} = off")
    middle = flagged_page(cast.organization.pk, order=ORDERS[sort], limit=NUMBER // 2).next_cursor

    for cursor in ("", middle, f"back.{middle}"):
        plan = plan_of(cast, sort, cursor)
        assert f"using {INDEXES[sort]} on" in plan
        assert "Sort" not in plan
        assert "Seq Scan" not in plan


def test_a_cursor_of_another_order_is_refused(cast: Cast) -> None:
    payments(cast, range(1))
    one = SpendRecord.objects.get()
    for sort, value in (("largest", one.recorded_at.isoformat()), ("largest", "NaN"), ("newest", str(Decimal(7)))):
        with pytest.raises(Invalid, match="cursor"):
            flagged_page(cast.organization.pk, order=ORDERS[sort], cursor=encode_place(value, one.pk))
