"""Writes of what it adds up to: rollups, and nothing else."""

from insight.services.rollups import rebuild, roll

__all__ = ["rebuild", "roll"]
