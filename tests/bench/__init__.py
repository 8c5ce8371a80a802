"""The benchmark runs, and says what it saw."""
