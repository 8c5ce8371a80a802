"""What happened: append-only events, seals and their verification."""
