"""Commands of requests to spend."""
