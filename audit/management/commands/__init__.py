"""Commands: verify the history, export it with its proofs."""
