"""Writes of what it adds up to: rollups, and what the checks of the books found; nothing else."""

from insight.services.checks import check_books, note_books_check
from insight.services.rollups import rebuild, roll

__all__ = ["check_books", "note_books_check", "rebuild", "roll"]
