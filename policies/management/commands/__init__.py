"""Commands of what it adds up to."""
