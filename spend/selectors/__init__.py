"""Reads of the money side."""
