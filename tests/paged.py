"""Walks through a list by its cursors."""

from collections.abc import Callable
from typing import Any

from core.lists import Page


def walked(page_at: Callable[[str], Page[Any]]) -> list[Any]:
    """The rows of all pages; walking back shows the same pages again."""
    forth = [page_at("")]
    while forth[-1].next_cursor:
        forth.append(page_at(forth[-1].next_cursor))
    back = [forth[-1]]
    while back[-1].previous_cursor:
        back.append(page_at(back[-1].previous_cursor))
    assert [page.rows for page in reversed(back)] == [page.rows for page in forth]
    assert all(page.rows for page in forth)
    return [row for page in forth for row in page.rows]
