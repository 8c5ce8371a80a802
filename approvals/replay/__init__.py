"""Deciding again: stored decisions byte for byte, and history under other rules."""
