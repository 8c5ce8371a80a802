"""Races: real threads and processes against committed rows."""
