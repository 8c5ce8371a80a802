"""Tests of the money side."""
