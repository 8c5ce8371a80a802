"""The judge of page weights is not asleep."""

import pytest

from tests.journeys.weights import Weight, faults_of


@pytest.mark.parametrize(
    ("now", "is_well"),
    [
        (Weight(20, 100), True),
        (Weight(19, 80), True),
        (Weight(20, 110), True),
        (Weight(20, 111), False),
        (Weight(21, 100), True),
        (Weight(22, 100), False),
    ],
)
def test_a_page_that_grew_is_told(now: Weight, is_well: bool) -> None:
    assert (faults_of("page", now, Weight(20, 100)) == []) is is_well


def test_a_large_page_may_grow_by_a_tenth() -> None:
    assert faults_of("page", Weight(20, 1100), Weight(20, 1000)) == []
    assert faults_of("page", Weight(20, 1101), Weight(20, 1000))


def test_a_page_that_nobody_reviewed_is_told() -> None:
    assert "has no line" in faults_of("page", Weight(1, 1), None)[0]
