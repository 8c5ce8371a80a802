"""The people app, one file per operation."""
