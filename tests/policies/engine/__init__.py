"""Tests of the policy engine: laws, stories, and tight tests of each file."""
