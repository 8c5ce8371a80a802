"""Writes of the money side."""
