"""Tests of requests to spend."""
