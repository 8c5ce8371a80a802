"""Reads of what it adds up to; each sees one organization only."""
