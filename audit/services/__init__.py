"""Writes of the history: appending events in the transaction of what they tell, and sealing them afterwards."""

from audit.services.writing import NewEvent, append, append_all, event_clause, events_json

__all__ = ["NewEvent", "append", "append_all", "event_clause", "events_json"]
