"""The API of requests to spend: ask, read, record, void, doubt, release."""
