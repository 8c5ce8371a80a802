"""Tests of what it adds up to."""
