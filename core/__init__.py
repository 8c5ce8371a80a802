"""Plain types and guards that every app shares; no tables."""
