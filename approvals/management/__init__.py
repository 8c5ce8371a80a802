"""Commands of the requests to spend."""
