"""Writes of what it adds up to: rollups, and that they were checked; nothing else."""

from insight.services.checks import note_books_check
from insight.services.rollups import rebuild, roll

__all__ = ["note_books_check", "rebuild", "roll"]
